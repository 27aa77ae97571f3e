package portal

import (
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"staffkey"
	"staffkey/internal/directory"
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
	holds, err := p.Directory.ListHolds(r.Context(), r.current.Actor)
	if err != nil && !errors.Is(err, staffkey.ErrRefused) { // which concerns operators of the whole installation
		return err
	}
	for _, h := range holds {
		page.Holds = append(page.Holds, p.holdLine(h))
	}
	return p.renderOps(r, status, page)
}

// importMetadata takes a file with metadata. When nobody would have a key refused by it, it is used at once; otherwise it is shown first what it
// would do. Its route reads no body before it is known that an operator sends it.
func (p *Portal) importMetadata(r *request) error {
	blob, name, err := r.file("file", staffkey.MaxMetadata)
	if err != nil {
		return err
	}
	if len(blob) == 0 {
		return p.showMetadata(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "file", Message: ui.Text{ID: "ops.metadata.empty"}}})
	}
	r.mayTake(countWait)
	preview, err := p.Directory.OfferMetadata(r.Context(), r.current.Actor, blob, name)
	if err == nil && len(preview.Causes) == 0 {
		_, err = p.Directory.ImportMetadata(r.Context(), r.current.Actor, blob, name, directory.ImportChoice{})
	}
	if refusal := asRefusal(err); refusal != nil && strings.HasPrefix(refusal.Rule, "mds_") {
		return p.showMetadata(r, http.StatusUnprocessableEntity, []ui.FieldError{{Field: "file", Message: text(refusal.Message)}})
	}
	if err != nil {
		return err
	}
	if len(preview.Causes) == 0 {
		return p.metadataUsed(r, preview.Number)
	}
	return p.showMetadataCheck(r, preview, nil)
}

func (p *Portal) metadataUsed(r *request, number int) error {
	if err := r.setFlash(flash{Kind: "success", ID: "flash.metadata", Args: map[string]string{"Number": decimal(number)}}); err != nil {
		return err
	}
	return r.redirect("/ops/metadata")
}

// showMetadataCheck shows whom metadata that was sent would concern, with the choice of how to use it.
func (p *Portal) showMetadataCheck(r *request, preview directory.MetadataPreview, errs []ui.FieldError) error {
	ask := []ui.Hidden{{Name: "number", Value: decimal(preview.Number)}, {Name: "back", Value: "/ops/metadata/check?number=" + decimal(preview.Number)}}
	page := ui.MetadataCheckPage{
		Number: preview.Number, Models: preview.Models, Source: preview.Source, Held: effectBlock(preview.Held, ask), Now: effectBlock(preview.Now, ask), Choice: r.FormValue("choice"),
	}
	if page.Choice != "refuse" {
		page.Choice = "hold"
	}
	for _, c := range preview.Causes {
		page.Causes = append(page.Causes, ui.Cause{
			Model: p.modelLine(c.Model), Finding: strings.ToLower(string(c.Kind)), Standard: string(c.Kind), People: c.People, Held: c.Held,
		})
	}
	status := http.StatusOK
	if page.Errors = errs; len(errs) > 0 {
		status = http.StatusUnprocessableEntity
	}
	return p.renderOps(r, status, page)
}

// offeredNumber is which issue a form or an address means.
func offeredNumber(r *request) (int, error) {
	n, err := strconv.Atoi(r.FormValue("number"))
	if err != nil || n <= 0 {
		return 0, staffkey.ErrNotFound
	}
	return n, nil
}

// metadataCheckPage shows again what metadata that was sent would do.
func (p *Portal) metadataCheckPage(r *request) error {
	number, err := offeredNumber(r)
	if err != nil {
		return err
	}
	return p.checkOffered(r, number, nil)
}

func (p *Portal) checkOffered(r *request, number int, errs []ui.FieldError) error {
	r.mayTake(countWait)
	preview, err := p.Directory.PreviewOffered(r.Context(), r.current.Actor, number)
	if err != nil {
		return err
	}
	return p.showMetadataCheck(r, preview, errs)
}

// useMetadata uses metadata that was sent and looked at.
func (p *Portal) useMetadata(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	number, err := offeredNumber(r)
	if err != nil {
		return err
	}
	r.mayTake(countWait)
	choice := directory.ImportChoice{RefuseNow: r.PostFormValue("choice") == "refuse", Consent: consent(r)}
	_, err = p.Directory.ImportOffered(r.Context(), r.current.Actor, number, choice)
	if errs := notAllowed(err); errs != nil {
		return p.checkOffered(r, number, errs)
	}
	if err != nil {
		return err
	}
	return p.metadataUsed(r, number)
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
