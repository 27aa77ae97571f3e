package portal

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
)

// The operators' pages. What may be seen and changed, the operations ask; the requirement of the routes only keeps others from
// reading what is on every such page.

// operator needs a session of an operator who has proved to be one by a key.
func operator(r *request) error {
	if err := settled(r); err != nil {
		return err
	}
	return policy.MayOperate(r.current.May)
}

// renderOps shows a page of the operators.
func (p *Portal) renderOps(r *request, status int, page ui.Page) error {
	return p.render(r, status, "ops", page)
}

// countWait is how long counting may take: everybody in a federation is looked at.
const countWait = 5 * time.Minute

// where is the organisation that a page is about: the one whose code is asked for, or the operator's.
func (p *Portal) where(r *request) (staffkey.Organisation, error) {
	reference := staffkey.OrganisationID(strings.TrimSpace(r.FormValue("organisation")))
	if reference == "" {
		for _, g := range r.current.May.Grants {
			if g.Role == staffkey.RoleOperator {
				reference = g.Organisation
			}
		}
	}
	return p.Directory.Organisation(r.Context(), reference)
}

func whereOf(o staffkey.Organisation) ui.Where { return ui.Where{Code: o.Code, Name: o.Name} }

// opsHome is what needs doing.
func (p *Portal) opsHome(r *request) error {
	ctx, actor := r.Context(), r.current.Actor
	r.mayTake(countWait)
	metadata, err := p.metadataFacts(r)
	if err != nil {
		return err
	}
	page := ui.OpsPage{Metadata: metadata}
	switch {
	case metadata.Number == 0:
		page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "no-metadata", Href: "/ops/metadata"})
	case metadata.Overdue:
		page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "overdue", Href: "/ops/metadata"})
	}
	if metadata.Problem != "" {
		page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "problem", Href: "/ops/metadata"})
	}
	holds, err := p.Directory.ListHolds(ctx, actor)
	if err != nil && !errors.Is(err, staffkey.ErrRefused) { // which concerns operators of the whole installation
		return err
	}
	for _, h := range holds {
		if h.Open() {
			page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "held", Count: h.People, Name: nameOr(h.Model), Href: holdPath(h.HoldKey)})
		}
	}
	late, err := p.Directory.LateMessages(ctx, actor)
	if err != nil {
		return err
	}
	if late > 0 {
		page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "messages", Count: late, Href: "/ops"})
	}
	models, err := p.Directory.ListModels(ctx, actor, "")
	if err != nil {
		return err
	}
	faults := 0
	for _, m := range models {
		if m.Keys > 0 {
			page.Models++
			if hasFault(m.Model) {
				faults++
			}
		}
	}
	if faults > 0 {
		page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "finding", Count: faults, Href: "/ops/models?show=faults"})
	}
	_, waiting, err := p.Directory.ListKeysInReview(ctx, actor, 1)
	if err != nil {
		return err
	}
	if waiting > 0 {
		page.Tasks = append(page.Tasks, ui.OpsTask{Kind: "review", Count: waiting, Href: "/ops/reviews"})
	}
	recalls, err := p.Directory.ListRecalls(ctx, actor)
	if err != nil {
		return err
	}
	for _, recall := range recalls {
		if recall.State(p.Now()) != staffkey.RecallRunning {
			continue
		}
		page.Running++
		progress, err := p.Directory.FindRecall(ctx, actor, recall.ID)
		if err != nil {
			return err
		}
		if progress.Total.Left > 0 {
			page.Tasks = append(page.Tasks, ui.OpsTask{
				Kind: "recall", Count: progress.Total.Left, Name: nameOr(progress.Model), Day: recall.Until, Href: recallPath(recall.ID),
			})
		}
	}
	return p.renderOps(r, http.StatusOK, page)
}

// nameOr is what a model is called among operators, or its AAGUID.
func nameOr(m staffkey.Model) string {
	if m.Name == "" {
		return m.AAGUID
	}
	return m.FullName()
}

// hasFault reports whether something speaks against a model, beyond an update that there is.
func hasFault(m staffkey.Model) bool {
	for _, f := range m.Findings {
		if f.Kind != staffkey.FindingUpdateAvailable {
			return true
		}
	}
	return false
}

// neighbours cuts the page of a list that is asked for, and returns the paths of those beside it.
func neighbours[T any](r *request, list []T, size int) (page []T, earlier, later string) {
	n := 0
	for _, digit := range r.FormValue("page") {
		if digit < '0' || digit > '9' || n > 1_000_000 {
			n = 0
			break
		}
		n = n*10 + int(digit-'0')
	}
	if n*size >= len(list) {
		n = 0
	}
	path := func(n string) string {
		query := url.Values{}
		for name, values := range r.URL.Query() {
			query[name] = values
		}
		query.Del("page")
		if n != "0" {
			query.Set("page", n)
		}
		return addressOf(r.URL.EscapedPath(), query)
	}
	if n > 0 {
		earlier = path(decimal(n - 1))
	}
	if end := (n + 1) * size; end < len(list) {
		return list[n*size : end], earlier, path(decimal(n + 1))
	}
	return list[n*size:], earlier, ""
}

// atMost is the beginning of a list, and how many are left out.
func atMost[T any](list []T, most int) ([]T, int) {
	if len(list) <= most {
		return list, 0
	}
	return list[:most], len(list) - most
}

// lastInstant is the end of a day in the time zone of the pages.
func (p *Portal) lastInstant(day string) (time.Time, error) {
	t, err := time.ParseInLocation(time.DateOnly, strings.TrimSpace(day), p.Location)
	if err != nil {
		return time.Time{}, staffkey.Invalid("until", "ops.recall.until.empty")
	}
	return t.AddDate(0, 0, 1).Add(-time.Second), nil
}
