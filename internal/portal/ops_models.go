package portal

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
)

func decimal(n int) string { return strconv.Itoa(n) }

const modelsPerPage = 25

// picturePath is where the picture of a model is, or "".
func (p *Portal) picturePath(m staffkey.Model) string {
	if !m.Icon {
		return ""
	}
	return "/models/" + m.AAGUID + "/picture"
}

// picture sends the picture of a model. It is part of what the FIDO Alliance signed, and still is nothing but a picture to a browser.
func (p *Portal) picture(r *request) error {
	aaguid := r.PathValue("aaguid")
	if !policy.IsAAGUID(aaguid) {
		return staffkey.ErrNotFound
	}
	picture, mediaType, ok := p.Directory.ModelPicture(aaguid)
	if !ok {
		return staffkey.ErrNotFound
	}
	h := r.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	h.Set("Cache-Control", "private, max-age=3600")
	h.Set("Content-Length", decimal(len(picture)))
	_, err := r.w.Write(picture)
	return err
}

func (p *Portal) modelLine(m staffkey.Model) ui.ModelLine {
	line := ui.ModelLine{AAGUID: m.AAGUID, Name: m.FullName(), Picture: p.picturePath(m), Level: m.Level.String(), Known: m.Known}
	for _, f := range m.Findings {
		if kind := strings.ToLower(string(f.Kind)); !slices.Contains(line.Findings, kind) {
			line.Findings = append(line.Findings, kind)
		}
	}
	return line
}

// modelFilters are the ways to narrow the list, the first one unasked.
var modelFilters = []struct {
	kind  string
	shows func(directory.ModelUse) bool
}{
	{"used", func(m directory.ModelUse) bool { return m.Keys > 0 }},
	{"faults", func(m directory.ModelUse) bool { return hasFault(m.Model) }},
	{"named", func(m directory.ModelUse) bool { return m.Rule != "" }},
	{"all", func(directory.ModelUse) bool { return true }},
}

// models lists the models of keys.
func (p *Portal) models(r *request) error {
	r.mayTake(countWait)
	o, err := p.where(r)
	if err != nil {
		return err
	}
	list, err := p.Directory.ListModels(r.Context(), r.current.Actor, o.ID)
	if err != nil {
		return err
	}
	metadata, err := p.Directory.Metadata(r.Context())
	if err != nil {
		return err
	}
	page := ui.ModelsPage{Where: whereOf(o), Query: strings.TrimSpace(r.FormValue("q")), Show: modelFilters[0].kind, NoMetadata: metadata.Number == 0}
	if page.Query != "" {
		page.Show = "all" // who looks for a name wants to find it
	}
	for _, f := range modelFilters {
		if r.FormValue("show") == f.kind {
			page.Show = f.kind
		}
	}
	list = slices.DeleteFunc(list, func(m directory.ModelUse) bool { return !matches(m.Model, page.Query) })
	var shown []ui.ModelLine
	for _, f := range modelFilters {
		query := url.Values{"show": {f.kind}}
		if page.Query != "" {
			query.Set("q", page.Query)
		}
		if r.FormValue("organisation") != "" {
			query.Set("organisation", o.Code)
		}
		filter := ui.ModelFilter{Kind: f.kind, Href: addressOf("/ops/models", query), Current: f.kind == page.Show}
		for _, m := range list {
			if !f.shows(m) {
				continue
			}
			filter.Count++
			if filter.Current {
				line := p.modelLine(m.Model)
				line.People, line.Rule = m.People, string(m.Rule)
				shown = append(shown, line)
			}
		}
		page.Filters = append(page.Filters, filter)
	}
	page.Found = len(shown)
	page.Models, page.Earlier, page.Later = neighbours(r, shown, modelsPerPage)
	return p.renderOps(r, http.StatusOK, page)
}

// matches reports whether every word of a query is in the name or AAGUID of a model.
func matches(m staffkey.Model, query string) bool {
	text := strings.ToLower(m.FullName() + " " + m.AAGUID)
	for _, word := range strings.Fields(strings.ToLower(query)) {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// modelPage shows a model and the form of its rule.
func (p *Portal) modelPage(r *request) error {
	page, _, err := p.modelDetail(r)
	if err != nil {
		return err
	}
	return p.renderOps(r, http.StatusOK, page)
}

func (p *Portal) modelDetail(r *request) (ui.ModelPage, directory.ModelDetail, error) {
	r.mayTake(countWait)
	o, err := p.where(r)
	if err != nil {
		return ui.ModelPage{}, directory.ModelDetail{}, err
	}
	actor, aaguid := r.current.Actor, r.PathValue("aaguid")
	m, err := p.Directory.FindModel(r.Context(), actor, o.ID, aaguid)
	if err != nil {
		return ui.ModelPage{}, m, err
	}
	page := ui.ModelPage{
		Where: whereOf(o), Model: p.modelLine(m.Model), Verifies: m.Verifies, Attestation: m.Attestation, Version: m.Version,
		Holds: string(m.Rule), HoldsFirmware: m.Holds.Firmware[aaguid], Others: string(*m.Holds.Others),
	}
	page.Model.People = m.People
	if m.Own != nil {
		page.Rule, page.Firmware = string(m.Own.Models[aaguid]), m.Own.Firmware[aaguid]
	}
	for _, f := range m.Findings {
		finding := ui.ModelFinding{Kind: strings.ToLower(string(f.Kind)), Standard: string(f.Kind), Since: f.Since, Rule: string(m.Holds.Findings[f.Kind])}
		if f.Held {
			finding.Hold = holdPath(staffkey.HoldKey{Model: m.Identifier, Kind: f.Kind, Firmware: f.Firmware})
		}
		if f.Firmware != 0 {
			finding.Firmware = strconv.FormatUint(f.Firmware, 10)
		}
		if u, err := url.Parse(f.URL); err == nil && u.Scheme == "https" {
			finding.URL = f.URL
		}
		page.Findings = append(page.Findings, finding)
	}
	recalls, err := p.Directory.ListRecalls(r.Context(), actor)
	if err != nil {
		return page, m, err
	}
	for _, recall := range recalls {
		if recall.AAGUID == aaguid {
			page.Recalls = append(page.Recalls, p.recallLine(recall))
		}
	}
	return page, m, nil
}

// checkModel asks what another rule for a model would do.
func (p *Portal) checkModel(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	page, m, err := p.modelDetail(r)
	if err != nil {
		return err
	}
	rule, firmware := strings.TrimSpace(r.PostFormValue("rule")), strings.TrimSpace(r.PostFormValue("firmware"))
	rules := m.Own.Copy()
	delete(rules.Models, m.AAGUID)
	delete(rules.Firmware, m.AAGUID)
	if rule != "" {
		rules.Models[m.AAGUID] = staffkey.ModelRule(rule)
	}
	if firmware != "" {
		rules.Firmware[m.AAGUID] = firmware
	}
	err = p.showRulesCheck(r, rulesCheck{o: m.Where, rules: &rules, version: r.PostFormValue("version"), back: whereOf(m.Where).In("/ops/models/" + m.AAGUID)})
	if errs := fieldError(err); errs != nil {
		errs[0].Field = "rule"
		if errs[0].Message.ID == "policy.keys.firmware" {
			errs[0].Field = "firmware"
		}
		page.Rule, page.Firmware, page.Errors = rule, firmware, errs
		return p.renderOps(r, http.StatusUnprocessableEntity, page)
	}
	return err
}

// namedModels are the models that rules name, by name.
func (p *Portal) namedModels(own *staffkey.KeyRules, holds staffkey.KeyRules) []ui.NamedModel {
	var list []ui.NamedModel
	named := make(map[string]bool)
	for aaguid := range holds.Models {
		named[aaguid] = true
	}
	for aaguid := range holds.Firmware {
		named[aaguid] = true
	}
	for aaguid := range named {
		n := ui.NamedModel{AAGUID: aaguid, Name: p.Directory.Model(aaguid).FullName(), Rule: string(holds.Models[aaguid]), Firmware: holds.Firmware[aaguid]}
		if own != nil {
			n.Own = own.Models[aaguid] != "" || own.Firmware[aaguid] != ""
		}
		list = append(list, n)
	}
	slices.SortFunc(list, func(a, b ui.NamedModel) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.AAGUID, b.AAGUID))
	})
	return list
}
