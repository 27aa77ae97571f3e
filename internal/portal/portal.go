// Package portal is the web pages: sign-in, self-service and first-run set-up. routes.go lists every route in one
// function with what it requires. A handler reads the form, calls one operation of signin or directory with the Actor,
// and renders one page; it returns errors, and errors.go turns them into pages. No rule is decided here: policy is asked
// inside the operations.
package portal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// Sealer closes small values into cookies.
type Sealer interface {
	Seal(place string, plain []byte) ([]byte, error)
	Open(place string, sealed []byte) ([]byte, error)
}

// Deps are what a Portal works with.
type Deps struct {
	SignIn    *signin.Service
	Directory *directory.Directory
	Sealer    Sealer
	UI        *ui.UI
	// Address is the public address, scheme and host, from configuration ("https://signin.example").
	Address string
	// RPID is the relying party id, for signals to the browser and for related origins.
	RPID string
	// TrustedProxies may set X-Forwarded-For.
	TrustedProxies []netip.Prefix
	// TakeProbe checks who asks what came of a request; nil: nobody may.
	TakeProbe TakeProbe
	// Location is the time zone of times on pages.
	Location *time.Location
	// Health reports whether the database answers.
	Health  func(context.Context) error
	Metrics *Metrics
	Log     *slog.Logger
	Now     func() time.Time
}

// Portal serves the pages.
type Portal struct {
	Deps
	secure  bool // cookies travel over https only
	host    string
	handler http.Handler
	root    rootName
	// helpdesks are those that this node knows of.
	helpdesks helpdesks
	// stations are those that this node knows of.
	stations stations
	// languages are those of the pages.
	languages languages
	// unreadable, untrusted and otherHosts are when the log tells next of a proxy that cannot be read, is not trusted, or passes on another name.
	unreadable, untrusted, otherHosts seldom
	// largeBodies are the routes, by their pattern, that take more than a form; bodies and files bound what is held of bodies.
	largeBodies   map[string]int64
	pages         map[string]bool // the patterns that can be opened
	bodies, files bodyBudget
}

// New returns the portal; its routes are fixed from then on.
func New(d Deps) (*Portal, error) {
	u, err := url.Parse(d.Address)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("public address %q: is no address", d.Address)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Location == nil {
		d.Location = time.UTC
	}
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	if d.Metrics == nil {
		d.Metrics = NewMetrics()
	}
	p := &Portal{Deps: d, secure: u.Scheme == "https", host: u.Host, languages: languagesOf(d.UI), largeBodies: make(map[string]int64), pages: make(map[string]bool)}
	p.bodies, p.files = newBodyBudget(bodiesAtOnce, bodiesOfSource), newBodyBudget(maxUpload, maxUpload)
	p.handler, err = p.wrap(p.routes())
	return p, err
}

// ServeHTTP implements http.Handler.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) { p.handler.ServeHTTP(w, r) }

// rootName remembers the name of the organisation above all, which every page for visitors shows.
type rootName struct {
	mu    sync.Mutex
	name  string
	until time.Time
}

const rootNameLife = 30 * time.Second

func (p *Portal) rootName(ctx context.Context) string {
	p.root.mu.Lock()
	defer p.root.mu.Unlock()
	if now := p.Now(); now.After(p.root.until) {
		name, err := p.Directory.RootName(ctx)
		if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
			return p.root.name // the page is still good without a newer name
		}
		p.root.name, p.root.until = name, now.Add(rootNameLife)
	}
	return p.root.name
}

// frame is what surrounds a page for this request. The notice of the request before is shown once.
func (p *Portal) frame(r *request) ui.Frame {
	f := ui.Frame{Theme: r.theme(), Now: p.Now(), Location: p.Location, Flash: r.takeFlash(), Station: r.station, NoMail: !p.SignIn.Reaches(staffkey.ChannelEmail)}
	r.placeOf(&f)
	if !r.signedIn {
		f.Organisation = p.rootName(r.Context())
		organisation := r.stationOf
		if r.organisation != "" {
			organisation = r.organisation
			f.Administrators = p.administrators(r, r.organisation)
		}
		if len(f.Administrators) == 0 {
			f.Helpdesk = p.helpdesk(r.Context(), organisation)
		}
		return f
	}
	cur := r.current
	f.SignedIn, f.PersonName, f.Operator, f.Helps = true, cur.Person.Name, policy.IsOperator(cur.May), r.helps()
	f.SessionEndsAt, f.SessionIdle, f.SessionOf = cur.Session.EndsAt(), cur.Session.IdleLimit, string(cur.Person.ID)
	if o, err := p.Directory.Organisation(r.Context(), cur.Person.Organisation); err == nil {
		f.Organisation = o.Name
	}
	f.Administrators = p.administrators(r, cur.Person.Organisation)
	if len(f.Administrators) == 0 {
		f.Helpdesk = p.helpdesk(r.Context(), cur.Person.Organisation)
	}
	return f
}

// tellsAdministrators reports whether the Local Administrators of somebody get a message of what is done now. Pages that say so ask
// here first.
func (p *Portal) tellsAdministrators(r *request, organisation staffkey.OrganisationID, about staffkey.PersonID) bool {
	if !p.SignIn.Reaches(staffkey.ChannelEmail) {
		return false
	}
	has, err := p.Directory.HasAdministratorsToTell(r.Context(), organisation, about)
	return err == nil && has
}

// mails reports whether the person who is signed in gets the notices about their account.
func (p *Portal) mails(r *request) bool {
	return p.SignIn.Reaches(staffkey.ChannelEmail) && r.current.Person.Email != ""
}

// who is the person who is signed in, or who has given a password, or empty.
func (r *request) who() staffkey.PersonID {
	if r.signedIn {
		return r.current.Person.ID
	}
	return r.attempt().Person
}

// helpdesks remembers whom the people of an organisation call where no Local Administrator is named.
type helpdesks struct {
	mu    sync.Mutex
	known map[staffkey.OrganisationID]ui.Contact
	until time.Time
}

// helpdeskLife is how long a node remembers them, and mostHelpdesks how many.
const (
	helpdeskLife  = 30 * time.Second
	mostHelpdesks = 10_000
)

// helpdesk is whom to call for the people of an organisation, or for everybody when it is not known. A page is still good without.
func (p *Portal) helpdesk(ctx context.Context, organisation staffkey.OrganisationID) ui.Contact {
	h := &p.helpdesks
	h.mu.Lock()
	if now := p.Now(); h.known == nil || len(h.known) >= mostHelpdesks || now.After(h.until) {
		h.known, h.until = make(map[staffkey.OrganisationID]ui.Contact), now.Add(helpdeskLife)
	}
	contact, ok := h.known[organisation]
	h.mu.Unlock()
	if ok {
		return contact
	}
	o, err := p.Directory.Helpdesk(ctx, organisation)
	if err != nil {
		return ui.Contact{}
	}
	contact = ui.Contact{Name: o.Name, Phone: o.Phone}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.known[organisation] = contact
	return contact
}

// administrators are whom somebody of an organisation calls. A page is still good without them.
func (p *Portal) administrators(r *request, organisation staffkey.OrganisationID) []ui.Contact {
	admins, err := p.Directory.LocalAdministratorsOf(r.Context(), organisation, r.who())
	if err != nil {
		return nil
	}
	contacts := make([]ui.Contact, 0, len(admins))
	for _, a := range admins {
		contacts = append(contacts, ui.Contact{Name: a.Name, Phone: a.Phone, Email: a.Email})
	}
	return contacts
}

// render shows a page.
func (p *Portal) render(r *request, status int, nav string, page ui.Page) error {
	f := p.frame(r)
	f.Nav = nav
	return p.UI.Render(r.w, status, f, page)
}
