package portal

import (
	"encoding/csv"
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

// Who they are, behind every count: a page of people after the other, and all of them as a file that is written while they are found.

const peoplePerPage = 50

// groups are those that may be asked for.
var groups = []directory.Group{directory.GroupRefused, directory.GroupStranded, directory.GroupShutOut, directory.GroupFreed}

// question reads the change that a form asks about, with what the form carries.
func (p *Portal) question(r *request) (directory.Question, []ui.Hidden, error) {
	carried := func(names ...string) []ui.Hidden {
		list := make([]ui.Hidden, len(names))
		for i, name := range names {
			list[i] = ui.Hidden{Name: name, Value: r.FormValue(name)}
		}
		return list
	}
	if number := r.FormValue("number"); number != "" {
		n, err := strconv.Atoi(number)
		if err != nil || n <= 0 {
			return directory.Question{}, nil, staffkey.ErrNotFound
		}
		return directory.Question{Offered: n}, carried("number", "group", "back"), nil
	}
	if r.FormValue("finding") != "" {
		key, err := holdKey(r)
		return directory.Question{Hold: &key}, carried("model", "finding", "firmware", "group", "back"), err
	}
	o, err := p.where(r)
	if err != nil {
		return directory.Question{}, nil, err
	}
	rules, err := rulesOf(r)
	return directory.Question{Organisation: o.ID, Keys: rules}, carried("organisation", "rules", "group", "back"), err
}

// concerned lists who is in a group of those whom a change would concern.
func (p *Portal) concerned(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	q, ask, err := p.question(r)
	if err != nil {
		return err
	}
	group := directory.Group(r.PostFormValue("group"))
	if !slices.Contains(groups, group) {
		return staffkey.ErrNotFound
	}
	list := func(after staffkey.PersonID, limit int, fn func(ui.PersonRow, staffkey.PersonID) error) error {
		return p.Directory.EachConcerned(r.Context(), r.current.Actor, q, group, after, limit, func(c directory.Concern, o staffkey.Organisation) error {
			row := ui.PersonRow{Name: c.Name, Username: c.Username, Where: whereOf(o), Keys: c.Keys, Left: "key"}
			switch {
			case group == directory.GroupFreed:
				row.Left = ""
			case c.ShutOut:
				row.Left = "nothing"
			case c.Stranded:
				row.Left = "no-key"
			}
			return fn(row, c.Person)
		})
	}
	page := ui.PeoplePage{Heading: ui.Text{ID: "ops.people." + string(group)}, Method: "post", Action: "/ops/people", Ask: ask, Back: opsBack(r, "/ops/rules")}
	return p.showPeople(r, page, list)
}

// showPeople shows a page of people, or sends all of them as a file.
func (p *Portal) showPeople(r *request, page ui.PeoplePage, list func(after staffkey.PersonID, limit int, fn func(ui.PersonRow, staffkey.PersonID) error) error) error {
	r.mayTake(countWait)
	if r.FormValue("file") != "" {
		return p.sendPeople(r, list)
	}
	after := staffkey.PersonID(r.FormValue("after"))
	if after != "" && !isID(string(after)) {
		return staffkey.ErrNotFound
	}
	page.First = after == ""
	var last staffkey.PersonID
	err := list(after, peoplePerPage+1, func(row ui.PersonRow, id staffkey.PersonID) error {
		if len(page.Rows) == peoplePerPage {
			page.After = string(last)
			return nil
		}
		page.Rows, last = append(page.Rows, row), id
		return nil
	})
	if err != nil {
		return err
	}
	return p.renderOps(r, http.StatusOK, page)
}

// sendPeople writes a file while its rows are found. What goes wrong before the first is an error page; later the answer is cut off, so that
// nobody takes a part for all.
func (p *Portal) sendPeople(r *request, list func(staffkey.PersonID, int, func(ui.PersonRow, staffkey.PersonID) error) error) error {
	var out *csv.Writer
	begin := func() (err error) {
		if out == nil {
			if out, err = r.csvFile("people.csv"); err == nil {
				err = out.Write([]string{"username", "name", "code", "organisation", "keys", "left"})
			}
		}
		return err
	}
	rows := 0
	err := list("", 0, func(row ui.PersonRow, _ staffkey.PersonID) error {
		if err := begin(); err != nil {
			return err
		}
		cells := []string{row.Username, row.Name, row.Where.Code, row.Where.Name, strings.Join(row.Keys, "; "), strings.ReplaceAll(row.Left, "-", " ")}
		for i := range cells {
			cells[i] = staffkey.CSVCell(cells[i])
		}
		if rows++; rows%peoplePerPage == 0 {
			out.Flush()
		}
		return out.Write(cells)
	})
	if err != nil && out != nil {
		panic(http.ErrAbortHandler)
	}
	if err != nil {
		return err
	}
	if err := begin(); err != nil {
		return err
	}
	out.Flush()
	return out.Error()
}

// modelPeople lists who has keys of a model.
func (p *Portal) modelPeople(r *request) error {
	aaguid := r.PathValue("aaguid")
	if !policy.IsAAGUID(aaguid) {
		return staffkey.ErrNotFound
	}
	o, err := p.where(r)
	if err != nil {
		return err
	}
	page := ui.PeoplePage{
		Heading: ui.Text{ID: "ops.people.model"}, Method: "get", Action: "/ops/models/" + aaguid + "/people", Ask: []ui.Hidden{{Name: "organisation", Value: o.Code}},
		Back: whereOf(o).In("/ops/models/" + aaguid),
	}
	return p.showPeople(r, page, func(after staffkey.PersonID, limit int, fn func(ui.PersonRow, staffkey.PersonID) error) error {
		return p.Directory.EachWithModel(r.Context(), r.current.Actor, o.ID, aaguid, after, limit, keyHolder(fn))
	})
}

// recallPeople lists who still has a recalled key.
func (p *Portal) recallPeople(r *request) error {
	id := r.PathValue("id")
	page := ui.PeoplePage{Heading: ui.Text{ID: "ops.people.recall"}, Method: "get", Action: recallPath(staffkey.RecallID(id)) + "/people", Back: recallPath(staffkey.RecallID(id))}
	return p.showPeople(r, page, func(after staffkey.PersonID, limit int, fn func(ui.PersonRow, staffkey.PersonID) error) error {
		return p.Directory.EachRecalled(r.Context(), r.current.Actor, staffkey.RecallID(id), after, limit, keyHolder(fn))
	})
}

func keyHolder(fn func(ui.PersonRow, staffkey.PersonID) error) func(directory.KeyHolder, staffkey.Organisation) error {
	return func(h directory.KeyHolder, o staffkey.Organisation) error {
		return fn(ui.PersonRow{Name: h.Name, Username: h.Username, Where: whereOf(o), Keys: h.Keys}, h.Person)
	}
}

// organisationsListed is how many organisations a search shows.
const organisationsListed = 25

// organisations lets an operator choose the organisation that a page is about, by a part of its name or code.
func (p *Portal) organisations(r *request) error {
	to, err := url.Parse(localPath(r.FormValue("to"), "/ops/rules"))
	if err != nil || !strings.HasPrefix(to.Path, "/ops/") {
		to = &url.URL{Path: "/ops/rules"}
	}
	page := ui.OrganisationsPage{Query: strings.TrimSpace(r.FormValue("q")), To: to.RequestURI()}
	found, all, err := p.Directory.SearchOrganisations(r.Context(), r.current.Actor, page.Query, organisationsListed)
	if err != nil {
		return err
	}
	page.More = all - len(found)
	for _, o := range found {
		query := to.Query()
		query.Set("organisation", o.Code)
		page.Found = append(page.Found, ui.OrganisationRow{Where: whereOf(o), Href: addressOf(to.EscapedPath(), query)})
	}
	return p.renderOps(r, http.StatusOK, page)
}
