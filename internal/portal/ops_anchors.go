package portal

import (
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
)

// The trust anchors of the installation's own: a list, a form with a file and a model, a look at what would come of it, and taking one away.

func (p *Portal) anchorsPage(r *request) error {
	return p.showAnchors(r, http.StatusOK, r.FormValue("model"), nil)
}

func (p *Portal) showAnchors(r *request, status int, aaguid string, errs []ui.FieldError) error {
	list, err := p.Directory.ListAnchors(r.Context(), r.current.Actor)
	if err != nil {
		return err
	}
	page := ui.AnchorsPage{Typed: aaguid, MaxKB: directory.MaxAnchorFile >> 10}
	page.Errors = errs
	if aaguid = strings.ToLower(strings.TrimSpace(aaguid)); policy.IsAAGUID(aaguid) {
		page.AAGUID, page.Model = aaguid, nameOr(p.model(aaguid))
	} else if page.Typed != "" && errs == nil {
		page.Errors = []ui.FieldError{{Field: "model", Message: ui.Text{ID: "policy.keys.aaguid"}}}
	}
	for _, a := range list {
		line := ui.AnchorLine{ID: string(a.ID), AAGUID: a.AAGUID, Model: nameOr(p.model(a.AAGUID)), Fingerprint: a.Fingerprint, Source: a.Source, AddedAt: a.AddedAt}
		if c, err := x509.ParseCertificate(a.Certificate); err == nil {
			line.Subject, line.Until = anchorSubject(c), c.NotAfter
		}
		page.Anchors = append(page.Anchors, line)
	}
	return p.renderOps(r, status, page)
}

func (p *Portal) model(aaguid string) staffkey.Model {
	m := p.Directory.Model(aaguid)
	m.AAGUID = aaguid
	return m
}

// anchorSubject is whom a certificate is issued to, as far as it can be shown.
func anchorSubject(c *x509.Certificate) string {
	runes := []rune(staffkey.CleanText(c.Subject.String()))
	return string(runes[:min(len(runes), 200)])
}

// checkAnchors takes a file and a model, and shows whose keys would be proven, with the button that adds them.
func (p *Portal) checkAnchors(r *request) error {
	aaguid := r.URL.Query().Get("model")
	file, name, err := r.file("file", directory.MaxAnchorFile)
	if err != nil {
		return err
	}
	certificates, err := directory.ReadAnchors(file)
	var preview directory.AnchorPreview
	if err == nil {
		r.mayTake(countWait)
		preview, err = p.Directory.PreviewAnchors(r.Context(), r.current.Actor, certificates, aaguid)
	}
	if errs := fieldError(err); errs != nil {
		if errs[0].Field == "aaguid" {
			errs[0].Field = "model"
		}
		return p.showAnchors(r, http.StatusUnprocessableEntity, aaguid, errs)
	}
	if err != nil {
		return err
	}
	aaguid = strings.ToLower(strings.TrimSpace(aaguid))
	page := ui.AnchorsCheckPage{
		AAGUID: aaguid, Model: nameOr(p.model(aaguid)), Source: name, Keys: preview.Keys, Proven: preview.Proven, Would: preview.Would, People: preview.People,
	}
	var text strings.Builder
	for _, c := range certificates {
		page.Anchors = append(page.Anchors, ui.AnchorLine{Subject: anchorSubject(c), Until: c.NotAfter})
		text.Write(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	}
	page.Certificates = text.String()
	return p.renderOps(r, http.StatusOK, page)
}

// addAnchors adds what was looked at.
func (p *Portal) addAnchors(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	aaguid := r.PostFormValue("aaguid")
	certificates, err := directory.ReadAnchors([]byte(r.PostFormValue("certificates")))
	if err == nil {
		err = p.Directory.AddAnchors(r.Context(), r.current.Actor, certificates, aaguid, fileName(r.PostFormValue("source")))
	}
	if errs := fieldError(err); errs != nil {
		if errs[0].Field == "aaguid" {
			errs[0].Field = "model"
		}
		return p.showAnchors(r, http.StatusUnprocessableEntity, aaguid, errs)
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.anchors"}); err != nil {
		return err
	}
	return r.redirect("/ops/anchors")
}

func (p *Portal) removeAnchor(r *request) error {
	err := p.Directory.RemoveAnchor(r.Context(), r.current.Actor, staffkey.TrustAnchorID(knownID(r.PathValue("id"))))
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.anchor-removed"}); err != nil {
		return err
	}
	return r.redirect("/ops/anchors")
}
