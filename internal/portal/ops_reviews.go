package portal

import (
	"net/http"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/portal/ui"
)

// mostReviews is how many keys that wait are listed at once.
const mostReviews = 50

// reviews lists the keys that wait for a review.
func (p *Portal) reviews(r *request) error {
	list, all, err := p.Directory.ListKeysInReview(r.Context(), r.current.Actor, mostReviews)
	if err != nil {
		return err
	}
	page := ui.ReviewsPage{More: all > len(list)}
	for _, w := range list {
		page.Rows = append(page.Rows, p.reviewRow(w))
	}
	return p.renderOps(r, http.StatusOK, page)
}

func (p *Portal) reviewRow(w directory.WaitingKey) ui.ReviewRow {
	return ui.ReviewRow{
		Key: string(w.Key.ID), Person: string(w.Person.ID), Name: w.Person.Name, Nickname: w.Key.Nickname, Organisation: w.Organisation.Name,
		Model: p.modelLine(w.Facts.Model), Serial: w.Key.Serial, Proven: w.Key.Trust == staffkey.TrustProven, Registered: w.Key.RegisteredAt,
	}
}

// reviewed is the key that a form is about.
func (p *Portal) reviewed(r *request) (staffkey.PersonID, staffkey.SecurityKeyID, error) {
	person, key := r.FormValue("person"), r.FormValue("key")
	if !isID(person) || !isID(key) {
		return "", "", staffkey.ErrNotFound
	}
	return staffkey.PersonID(person), staffkey.SecurityKeyID(key), nil
}

// approve puts a key that waited in use.
func (p *Portal) approve(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	person, key, err := p.reviewed(r)
	if err != nil {
		return err
	}
	profile, err := p.Directory.Profile(r.Context(), r.current.Actor, person)
	if err != nil {
		return err
	}
	if err := p.SignIn.ApproveKey(r.Context(), r.current.Actor, person, key); err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.reviewed", Args: map[string]string{"Name": profile.Name}}); err != nil {
		return err
	}
	return r.redirect("/ops/reviews")
}

// refuseReviewPage asks why a key that waits is refused.
func (p *Portal) refuseReviewPage(r *request) error { return p.showRefuse(r, http.StatusOK, nil) }

func (p *Portal) showRefuse(r *request, status int, errs []ui.FieldError) error {
	person, key, err := p.reviewed(r)
	if err != nil {
		return err
	}
	w, err := p.Directory.FindKeyInReview(r.Context(), r.current.Actor, person, key)
	if err != nil {
		return err
	}
	page := ui.ReviewRefusePage{Row: p.reviewRow(w), Reason: r.FormValue("reason")}
	page.Errors = errs
	return p.renderOps(r, status, page)
}

// refuseReview refuses a key that waits; its person is told why.
func (p *Portal) refuseReview(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	person, key, err := p.reviewed(r)
	if err != nil {
		return err
	}
	profile, err := p.Directory.Profile(r.Context(), r.current.Actor, person)
	if err != nil {
		return err
	}
	err = p.SignIn.RefuseKey(r.Context(), r.current.Actor, person, key, r.PostFormValue("reason"))
	if errs := fieldError(err); errs != nil {
		return p.showRefuse(r, http.StatusUnprocessableEntity, errs)
	}
	if err != nil {
		return err
	}
	if err := r.setFlash(flash{Kind: "success", ID: "flash.review-refused", Args: map[string]string{"Name": profile.Name}}); err != nil {
		return err
	}
	return r.redirect("/ops/reviews")
}
