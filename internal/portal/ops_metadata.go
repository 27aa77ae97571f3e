package portal

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"staffkey"
	"staffkey/internal/portal/ui"
)

func (p *Portal) metadataFacts(r *request) (ui.MetadataFacts, error) {
	// A command or another node may have imported newer: this one knows it within half a minute, and at once when somebody looks.
	_ = p.Directory.RefreshMetadata(r.Context()) // what keeps it from that is told by the job that does it, and must not keep anybody from this page
	m, err := p.Directory.Metadata(r.Context())
	if err != nil {
		return ui.MetadataFacts{}, err
	}
	return ui.MetadataFacts{
		Number: m.Number, Models: m.Models, Skipped: m.Skipped, NextUpdate: m.NextUpdate, ImportedAt: m.ImportedAt, Source: m.Source,
		Overdue: m.IsOverdue(p.Now()), CheckedAt: m.CheckedAt, Problem: m.Problem,
	}, nil
}

func (p *Portal) metadataPage(r *request) error { return p.showMetadata(r, http.StatusOK, nil) }

func (p *Portal) showMetadata(r *request, status int, errs []ui.FieldError) error {
	facts, err := p.metadataFacts(r)
	if err != nil {
		return err
	}
	page := ui.MetadataPage{MetadataFacts: facts, MaxMB: staffkey.MaxMetadata >> 20}
	page.Errors = errs
	return p.renderOps(r, status, page)
}

// importMetadata takes a file with metadata. Its route reads no body before it is known that an operator sends it.
func (p *Portal) importMetadata(r *request) error {
	blob, name, err := r.file("file", staffkey.MaxMetadata)
	if err != nil {
		return err
	}
	if len(blob) == 0 {
		return p.showMetadata(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "file", Message: ui.Text{ID: "ops.metadata.empty"}}})
	}
	m, err := p.Directory.ImportMetadata(r.Context(), r.current.Actor, blob, name)
	if refusal := asRefusal(err); refusal != nil && strings.HasPrefix(refusal.Rule, "mds_") {
		return p.showMetadata(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "file", Message: text(refusal.Message)}})
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.metadata", Args: map[string]string{"Number": decimal(m.Number)}}); err != nil {
		return err
	}
	return r.redirect("/ops/metadata")
}

// uploadWait is how long sending a file may take: a large one by a slow line.
const uploadWait = 5 * time.Minute

// file reads the file of a form, at most so many bytes and one more, and its name as far as it can be shown. Whatever else
// the form holds is passed over.
func (r *request) file(field string, most int64) (content []byte, name string, err error) {
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/form-data" || parameters["boundary"] == "" {
		return nil, "", &statusError{http.StatusUnsupportedMediaType, "file expected"}
	}
	parts := multipart.NewReader(r.Body, parameters["boundary"])
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return nil, "", nil
		}
		if err != nil {
			return nil, "", bodyError(err)
		}
		if part.FormName() == field {
			content, err := io.ReadAll(io.LimitReader(part, most+1))
			return content, fileName(part.FileName()), bodyError(err)
		}
	}
}

// fileName is what is shown of a file's name: no path, no controls, not too long.
func fileName(name string) string {
	name = strings.Map(func(c rune) rune {
		if !unicode.IsPrint(c) {
			return -1
		}
		return c
	}, filepath.Base(strings.ReplaceAll(name, `\`, "/")))
	runes := []rune(name)
	return string(runes[:min(len(runes), 100)])
}
