package portal

import (
	"net/http"
	"net/url"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
)

func recallPath(id staffkey.RecallID) string { return "/ops/recalls/" + string(id) }

func (p *Portal) recallLine(r staffkey.Recall) ui.RecallLine {
	return ui.RecallLine{
		ID: string(r.ID), Model: p.Directory.Model(r.AAGUID).FullName(), AAGUID: r.AAGUID, From: r.FirmwareFrom, Below: r.FirmwareBelow, Until: r.Until,
		State: string(r.State(p.Now())), Reason: r.Reason,
	}
}

func recallCounts(list []directory.RecallCount) []ui.RecallCount {
	counts := make([]ui.RecallCount, len(list))
	for i, c := range list {
		counts[i] = recallCount(c)
	}
	return counts
}

func recallCount(c directory.RecallCount) ui.RecallCount {
	return ui.RecallCount{Where: whereOf(c.Organisation), Affected: c.Affected, Left: c.Left}
}

// recalls lists the recalls, newest first.
func (p *Portal) recalls(r *request) error {
	list, err := p.Directory.ListRecalls(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	var page ui.RecallsPage
	for _, recall := range list {
		page.Recalls = append(page.Recalls, p.recallLine(recall))
	}
	return p.renderOps(r, http.StatusOK, page)
}

// newRecallPage is the form of a recall, of the model that the address may say.
func (p *Portal) newRecallPage(r *request) error {
	o, err := p.where(r)
	if err != nil {
		return err
	}
	return p.showRecallForm(r, http.StatusOK, ui.RecallForm{AAGUID: r.FormValue("model"), Organisation: o.Code}, nil)
}

func (p *Portal) showRecallForm(r *request, status int, form ui.RecallForm, errs []ui.FieldError) error {
	page := ui.RecallNewPage{RecallForm: form, Where: ui.Where{Code: form.Organisation, Name: form.Organisation}}
	if o, err := p.Directory.Organisation(r.Context(), staffkey.OrganisationID(form.Organisation)); err == nil {
		page.Where = whereOf(o)
	}
	if policy.IsAAGUID(form.AAGUID) {
		page.Model = p.modelLine(p.Directory.Model(form.AAGUID))
		page.Model.AAGUID = form.AAGUID
	} else {
		r.mayTake(countWait)
		used, err := p.Directory.ListModels(r.Context(), r.current.Actor, "")
		if err != nil {
			return err
		}
		for _, m := range used {
			if m.Keys > 0 {
				line := p.modelLine(m.Model)
				line.People = m.People
				page.Models = append(page.Models, line)
			}
		}
	}
	page.Elsewhere = "/ops/organisations?" + url.Values{"to": {"/ops/recall?" + url.Values{"model": {form.AAGUID}}.Encode()}}.Encode()
	page.Errors = errs
	return p.renderOps(r, status, page)
}

// recallForm reads what was typed of a recall.
func (p *Portal) recallForm(r *request) (ui.RecallForm, staffkey.Recall, error) {
	field := func(name string) string { return strings.TrimSpace(r.PostFormValue(name)) }
	form := ui.RecallForm{
		AAGUID: strings.ToLower(field("aaguid")), FirmwareFrom: field("firmware_from"), FirmwareBelow: field("firmware_below"),
		Organisation: field("organisation"), Until: field("until"), Reason: field("reason"),
	}
	until, err := p.lastInstant(form.Until)
	return form, staffkey.Recall{
		AAGUID: form.AAGUID, FirmwareFrom: form.FirmwareFrom, FirmwareBelow: form.FirmwareBelow, Organisation: staffkey.OrganisationID(form.Organisation),
		Until: until, Reason: form.Reason,
	}, err
}

// checkRecall shows whom a recall would concern, with the button that starts it.
func (p *Portal) checkRecall(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	form, recall, err := p.recallForm(r)
	if r.PostFormValue("back") != "" {
		return p.showRecallForm(r, http.StatusOK, form, nil)
	}
	var preview directory.RecallProgress
	if err == nil {
		r.mayTake(countWait)
		preview, err = p.Directory.PreviewRecall(r.Context(), r.current.Actor, recall)
	}
	if errs := fieldError(err, "organisation/organisation.unknown", "ops.where.unknown"); errs != nil {
		return p.showRecallForm(r, http.StatusUnprocessableEntity, form, errs)
	}
	if err != nil {
		return err
	}
	page := ui.RecallCheckPage{Typed: form, RecallLine: p.recallLine(preview.Recall), Where: whereOf(preview.Where), Total: recallCount(preview.Total)}
	listed, more := atMost(preview.Organisations, mostOrganisations)
	page.Organisations, page.More = recallCounts(listed), more
	page.OwnKeys, page.NoOperator = preview.OwnKeys, preview.NoOperator
	return p.renderOps(r, http.StatusOK, page)
}

// startRecall starts a recall that was checked.
func (p *Portal) startRecall(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	form, recall, err := p.recallForm(r)
	if err == nil {
		recall, err = p.Directory.StartRecall(r.Context(), r.current.Actor, recall)
	}
	if errs := fieldError(err, "organisation/organisation.unknown", "ops.where.unknown"); errs != nil {
		return p.showRecallForm(r, http.StatusUnprocessableEntity, form, errs)
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.recall"}); err != nil {
		return err
	}
	return r.redirect(recallPath(recall.ID))
}

const organisationsPerPage = 50

func (p *Portal) findRecall(r *request) (directory.RecallProgress, error) {
	r.mayTake(countWait)
	return p.Directory.FindRecall(r.Context(), r.current.Actor, staffkey.RecallID(r.PathValue("id")))
}

// recallPage shows how far a recall has come.
func (p *Portal) recallPage(r *request) error {
	progress, err := p.findRecall(r)
	if err != nil {
		return err
	}
	page := ui.RecallPage{
		RecallLine: p.recallLine(progress.Recall), Where: whereOf(progress.Where), StartedAt: progress.StartedAt, UndoneAt: progress.UndoneAt,
		Total: recallCount(progress.Total),
	}
	if progress.StartedBy != "" {
		page.StartedBy = progress.StartedName
	}
	listed, earlier, later := neighbours(r, progress.Organisations, organisationsPerPage)
	page.Organisations, page.Earlier, page.Later = recallCounts(listed), earlier, later
	return p.renderOps(r, http.StatusOK, page)
}

// recallFile sends the progress of all organisations as a file.
func (p *Portal) recallFile(r *request) error {
	progress, err := p.findRecall(r)
	if err != nil {
		return err
	}
	out, err := r.csvFile("recall.csv")
	if err != nil {
		return err
	}
	lines := [][]string{{"code", "organisation", "affected", "replaced", "left"}}
	for _, c := range progress.Organisations {
		lines = append(lines, []string{staffkey.CSVCell(c.Organisation.Code), staffkey.CSVCell(c.Organisation.Name), decimal(c.Affected), decimal(c.Affected - c.Left), decimal(c.Left)})
	}
	return out.WriteAll(lines)
}

// undoRecallPage asks before a recall is taken back.
func (p *Portal) undoRecallPage(r *request) error {
	progress, err := p.findRecall(r)
	if err != nil {
		return err
	}
	if progress.State(p.Now()) != staffkey.RecallRunning {
		return r.redirect(recallPath(progress.ID))
	}
	return p.renderOps(r, http.StatusOK, ui.RecallUndoPage{RecallLine: p.recallLine(progress.Recall), Total: recallCount(progress.Total)})
}

func (p *Portal) undoRecall(r *request) error {
	id := staffkey.RecallID(r.PathValue("id"))
	if err := p.Directory.UndoRecall(r.Context(), r.current.Actor, id); err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.recall-undone"}); err != nil {
		return err
	}
	return r.redirect(recallPath(id))
}
