package main

import (
	"fmt"
	"time"

	"staffkey"
	"staffkey/internal/directory"
)

// recallCommands take a model of keys, or some firmware of it, out of use (F83).
type recallCommands struct {
	Preview recallPreview `cmd:"" help:"Show who a recall would concern. Changes nothing."`
	Start   recallStart   `cmd:"" help:"Start a recall: people are told, and have until its date to replace their keys."`
	List    recallList    `cmd:"" help:"List the recalls, newest first."`
	Show    recallShow    `cmd:"" help:"Show how far a recall has come, by organisation."`
	Undo    recallUndo    `cmd:"" help:"Take a recall back before its date. People are told that too."`
}

// recallTerms say what is recalled.
type recallTerms struct {
	Model         string `arg:"" help:"The model, by AAGUID."`
	Organisation  string `required:"" help:"Where, with all below, by code." placeholder:"CODE" env:"-"`
	Until         string `required:"" help:"The last day on which the keys are taken, with a password beside them." placeholder:"YYYY-MM-DD" env:"-"`
	Reason        string `required:"" help:"Why, for the audit log." env:"-"`
	FirmwareFrom  string `help:"The first firmware that is concerned." placeholder:"VERSION" env:"-"`
	FirmwareBelow string `help:"The first firmware that is not concerned any more." placeholder:"VERSION" env:"-"`
}

func (t *recallTerms) recall() (staffkey.Recall, error) {
	day, err := time.ParseInLocation(time.DateOnly, t.Until, time.Local)
	if err != nil {
		return staffkey.Recall{}, &problem{cause: fmt.Sprintf("--until %q is no day", t.Until), fix: "Write it as in 2027-01-31.", err: err}
	}
	return staffkey.Recall{
		AAGUID: t.Model, Organisation: staffkey.OrganisationID(t.Organisation), Reason: t.Reason, Until: day.AddDate(0, 0, 1).Add(-time.Second),
		FirmwareFrom: t.FirmwareFrom, FirmwareBelow: t.FirmwareBelow,
	}, nil
}

type recallPreview struct {
	recallTerms
	listFormat

	metadataConfig `embed:""`
}

// Run shows the organisations and people concerned.
func (c *recallPreview) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	r, err := c.recall()
	if err != nil {
		return err
	}
	p, err := env.directory.PreviewRecall(env.ctx, staffkey.ConsoleActor(), r)
	if err != nil {
		return explain(err)
	}
	return printProgress(env, c.listFormat, p)
}

type recallStart struct {
	recallTerms

	metadataConfig `embed:""`
}

// Run starts the recall.
func (c *recallStart) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	r, err := c.recall()
	if err != nil {
		return err
	}
	if r, err = env.directory.StartRecall(env.ctx, staffkey.ConsoleActor(), r); err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintf(env.stdout, "Recall %s holds until %s. The server tells people within half a minute.\nTake it back: staffkeyd recall undo %[1]s\n",
		r.ID, r.Until.Local().Format("2 January 2006 15:04"))
	return err
}

type recallList struct{ listFormat }

// Run lists the recalls.
func (c *recallList) Run(env *environment) error {
	recalls, err := env.directory.ListRecalls(env.ctx, staffkey.ConsoleActor())
	if err != nil {
		return explain(err)
	}
	list, err := newListing(env, c.listFormat, "recalls", column{"id", "RECALL", 36}, column{"model", "MODEL", 36}, column{"state", "STATE", 8}, column{"until", "UNTIL", 20},
		column{"reason", "REASON", 40})
	if err != nil {
		return err
	}
	for _, r := range recalls {
		if err := list.line(string(r.ID), r.AAGUID, string(r.State(env.now())), r.Until.Format(time.RFC3339), r.Reason); err != nil {
			return err
		}
	}
	return list.close()
}

type recallShow struct {
	ID string `arg:"" help:"The recall, as recall list shows it."`
	listFormat

	metadataConfig `embed:""`
}

// Run shows the progress.
func (c *recallShow) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	p, err := env.directory.FindRecall(env.ctx, staffkey.ConsoleActor(), staffkey.RecallID(c.ID))
	if err != nil {
		return explain(err)
	}
	return printProgress(env, c.listFormat, p)
}

// printProgress prints a line for each organisation, and one for all of them before.
func printProgress(env *environment, format listFormat, p directory.RecallProgress) error {
	list, err := newListing(env, format, "organisations", column{"code", "CODE", 8}, column{"organisation", "ORGANISATION", 40}, column{"affected", "AFFECTED", 8},
		column{"replaced", "REPLACED", 8}, column{"left", "LEFT", 8})
	if err != nil {
		return err
	}
	for _, c := range append([]directory.RecallCount{{
		Organisation: staffkey.Organisation{Name: "all together"}, Affected: p.Total.Affected, Left: p.Total.Left,
	}}, p.Organisations...) {
		if err := list.line(c.Organisation.Code, c.Organisation.Name, fmt.Sprint(c.Affected), fmt.Sprint(c.Affected-c.Left), fmt.Sprint(c.Left)); err != nil {
			return err
		}
	}
	return list.close()
}

type recallUndo struct {
	ID string `arg:"" help:"The recall, as recall list shows it."`

	metadataConfig `embed:""`
}

// Run takes the recall back.
func (c *recallUndo) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	if err := env.directory.UndoRecall(env.ctx, staffkey.ConsoleActor(), staffkey.RecallID(c.ID)); err != nil {
		return explain(err)
	}
	_, err := fmt.Fprintln(env.stdout, "The recall is taken back. Keys count as before within half a minute, and people are told.")
	return err
}
