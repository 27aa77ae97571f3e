package main

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"staffkey"
	"staffkey/internal/directory"
)

// anchorCommands are about the certificates that this installation trusts to attest keys, beside those of the metadata.
type anchorCommands struct {
	Add    anchorsAdd    `cmd:"" help:"Trust the certificates of a file to attest the keys of a model."`
	List   anchorsList   `cmd:"" help:"List them."`
	Remove anchorsRemove `cmd:"" help:"Trust one no more."`
}

type anchorsAdd struct {
	File   string `arg:"" help:"File of certificates (PEM or DER), or - for the standard input."`
	AAGUID string `name:"aaguid" required:"" help:"The model, by AAGUID; all zeros for keys that tell none, such as those of Apple." placeholder:"AAGUID" env:"-"`
	DryRun bool   `help:"Only say which keys would be proven." env:"-"`

	metadataConfig `embed:""`
}

// Run adds them, and says what comes of it.
func (c *anchorsAdd) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	certificates, err := c.read(env.stdin)
	if err != nil {
		return err
	}
	p, err := env.directory.PreviewAnchors(env.ctx, staffkey.ConsoleActor(), certificates, c.AAGUID)
	if err != nil {
		return explain(err)
	}
	said := fmt.Sprintf("%d keys of %s are on lists, %d proven. By these certificates %d more are, of %d people", p.Keys, modelOr(p.Model, c.AAGUID), p.Proven, p.Would, p.People)
	if c.DryRun {
		_, err := fmt.Fprintln(env.stdout, said+". Nothing was changed.")
		return err
	}
	if err := env.directory.AddAnchors(env.ctx, staffkey.ConsoleActor(), certificates, c.AAGUID, filepath.Base(c.File)); err != nil {
		return explain(err)
	}
	_, err = fmt.Fprintln(env.stdout, said+". The server judges them within a minute.")
	return err
}

func modelOr(m staffkey.Model, aaguid string) string {
	if name := m.FullName(); name != "" {
		return name
	}
	return aaguid
}

func (c *anchorsAdd) read(stdin io.Reader) ([]*x509.Certificate, error) {
	source := stdin
	if c.File != "-" {
		file, err := os.Open(c.File)
		if err != nil {
			return nil, &problem{cause: "the certificates cannot be read: " + reason(err), fix: "Check the file and who may read it.", err: err}
		}
		defer func() { _ = file.Close() }() // only read
		source = file
	}
	text, err := io.ReadAll(io.LimitReader(source, directory.MaxAnchorFile+1))
	if err != nil {
		return nil, &problem{cause: "the certificates cannot be read: " + reason(err), fix: "Check the file and who may read it.", err: err}
	}
	list, err := directory.ReadAnchors(text)
	if err != nil {
		return nil, &problem{cause: c.File + ": " + explain(err).Error(), fix: "Give certificates in PEM or DER, and nothing else.", err: err}
	}
	return list, nil
}

type anchorsList struct {
	JSON bool `help:"Print a JSON object for each." env:"-"`

	metadataConfig `embed:""`
}

// Run lists them by model.
func (c *anchorsList) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	list, err := env.directory.ListAnchors(env.ctx, staffkey.ConsoleActor())
	if err != nil {
		return explain(err)
	}
	for _, a := range list {
		subject, until := anchorFacts(a)
		if c.JSON {
			err = json.NewEncoder(env.stdout).Encode(struct {
				ID          string    `json:"id"`
				AAGUID      string    `json:"aaguid"`
				Model       string    `json:"model"`
				Subject     string    `json:"subject"`
				Until       time.Time `json:"until"`
				Fingerprint string    `json:"sha256"`
				Source      string    `json:"source"`
				AddedAt     time.Time `json:"added_at"`
			}{string(a.ID), a.AAGUID, env.catalogue.Model(a.AAGUID).FullName(), subject, until, a.Fingerprint, a.Source, a.AddedAt})
		} else {
			_, err = fmt.Fprintf(env.stdout, "%s  %s  until %s  %s\n", a.ID, a.AAGUID, until.Format(time.DateOnly), subject)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// anchorFacts are whom a trust anchor is issued to, and until when.
func anchorFacts(a staffkey.TrustAnchor) (subject string, until time.Time) {
	c, err := x509.ParseCertificate(a.Certificate)
	if err != nil {
		return "cannot be read", until
	}
	return staffkey.CleanText(c.Subject.String()), c.NotAfter
}

type anchorsRemove struct {
	ID string `arg:"" help:"Its id, as the list has it."`

	metadataConfig `embed:""`
}

// Run takes one away.
func (c *anchorsRemove) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	if err := env.directory.RemoveAnchor(env.ctx, staffkey.ConsoleActor(), staffkey.TrustAnchorID(c.ID)); err != nil {
		return explain(err)
	}
	_, err := fmt.Fprintln(env.stdout, "It is trusted no more. The server judges the keys of its model within a minute.")
	return err
}
