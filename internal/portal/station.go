package portal

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// A shared station is a browser with a sealed cookie that names its row. It keeps nothing of people: no keys used here, no names, short
// sessions, and "Switch person" on every page (F6).

const (
	cookieStation  = "staffkey-station"
	cookiePersonal = "staffkey-personal"
	// signedOutSeconds is how long "You are signed out" stays at a station before the next person's sign-in.
	signedOutSeconds = 10
	// stationMemory is how long a node remembers that a station is one: a revoked one stops within that time on every node. Its sessions
	// have ended at once, in the database. What it still has is the terms of a station, which are narrower than those of the ordinary
	// browser that it becomes, but for its own count of wrong passwords; and no browser has the cookie before the row is there.
	stationMemory = 30 * time.Second
	maxStations   = 10_000
)

// stations remembers which stations exist, so that not every request asks the database.
type stations struct {
	mu    sync.Mutex
	known map[staffkey.StationID]rememberedStation
}

type rememberedStation struct {
	station staffkey.Station
	ok      bool
	until   time.Time
}

func (p *Portal) findStation(ctx context.Context, id staffkey.StationID) (staffkey.Station, bool, error) {
	now := p.Now()
	p.stations.mu.Lock()
	found, ok := p.stations.known[id]
	p.stations.mu.Unlock()
	if ok && now.Before(found.until) {
		return found.station, found.ok, nil
	}
	station, err := p.SignIn.FindStation(ctx, id)
	if err != nil && !errors.Is(err, staffkey.ErrNotFound) {
		return station, false, err
	}
	found = rememberedStation{station, err == nil, now.Add(stationMemory)}
	p.stations.mu.Lock()
	defer p.stations.mu.Unlock()
	if p.stations.known == nil || len(p.stations.known) >= maxStations {
		p.stations.known = make(map[staffkey.StationID]rememberedStation)
	}
	p.stations.known[id] = found
	return found.station, found.ok, nil
}

// findPlace notes what the browser is: a shared station, or one that remembers keys.
func (p *Portal) findPlace(r *request) error {
	defer func() { r.current.Actor.Origin = r.origin }()
	r.origin.Language = r.lang()
	if seal, ok := r.stationSeal(); ok {
		station, ok, err := p.findStation(r.Context(), seal.ID)
		if err != nil {
			return err
		}
		if ok {
			r.station, r.stationOf, r.origin.Station = station.Name, station.Organisation, station.ID
			if p.Now().Sub(seal.At) < stationRenewal {
				return nil
			}
			return r.sealStation(station.ID)
		}
		r.setCookie(cookieStation, "", 0)
	}
	r.origin.SeenKeys = append([]staffkey.SecurityKeyID{}, r.device().Keys...)
	return nil
}

// stationSeal is what the cookie of a station holds: which one, and when that was last written.
type stationSeal struct {
	ID staffkey.StationID `json:"s"`
	At time.Time          `json:"t"`
}

// stationRenewal is how old the cookie of a station gets before it is written anew. Browsers keep none longer than deviceLife, and a station
// that lost it would be an ordinary browser, with longer sessions and a memory for people, without anybody noticing.
const stationRenewal = 24 * time.Hour

func (r *request) sealStation(id staffkey.StationID) error {
	return r.putSealed(cookieStation, stationSeal{id, r.p.Now()}, deviceLife)
}

// stationSeal reads the cookie of a station. Those from before they had a time hold the station alone.
func (r *request) stationSeal() (stationSeal, bool) {
	var seal stationSeal
	ok := r.openSealed(cookieStation, &seal) || r.openSealed(cookieStation, &seal.ID)
	return seal, ok
}

// atStation reports whether the browser is a shared station.
func (r *request) atStation() bool { return r.origin.Station != "" }

func (p *Portal) stationPage(r *request) error {
	if came, err := r.takeSecret(cookieOffered, "/station", signin.StationLinkLife); came || err != nil {
		return err
	}
	if r.atStation() && r.keptSecret(cookieOffered) == "" {
		return p.render(r, http.StatusOK, "", ui.StationDonePage{Name: r.station})
	}
	offered, err := p.SignIn.CheckStationLink(r.Context(), r.keptSecret(cookieOffered))
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "station")
	}
	if err != nil {
		return err
	}
	return p.render(r, http.StatusOK, "", ui.StationPage{Name: offered.Name, Organisation: offered.Organisation, Expires: offered.Expires})
}

// becomeStation makes this browser a shared station: whatever it remembered of people goes.
func (p *Portal) becomeStation(r *request) error {
	station, err := p.SignIn.UseStationLink(r.Context(), r.origin, r.keptSecret(cookieOffered))
	if errors.Is(err, staffkey.ErrExpired) {
		return p.badLink(r, "station")
	}
	if err != nil {
		return err
	}
	if r.signedIn {
		if err := p.SignIn.SignOut(r.Context(), r.current.Actor); err != nil {
			return err
		}
	}
	r.dropSitting()
	for _, name := range []string{cookieDevice, cookiePersonal, cookieOffered} {
		r.dropCookie(name)
	}
	if err := r.sealStation(station.ID); err != nil {
		return err
	}
	return r.redirect("/station")
}

// switchPerson ends the session at once and goes to the sign-in of the next person.
func (p *Portal) switchPerson(r *request) error {
	if err := p.leave(r); err != nil {
		return err
	}
	return r.redirect("/signin")
}

// ofSitting are the cookies of whoever sits at the browser now.
var ofSitting = []string{
	cookieSession, cookieAttempt, cookieOutcome, cookieFlash, cookieReturn, cookieReference, cookieNumber, cookieApp, cookieSignal, cookieKept, cookieReset, cookieNotMe,
	cookieWelcome, cookieGone, cookieWas, cookieCase, cookieCodes,
}

// leave ends the session and everything that the browser keeps of it.
func (p *Portal) leave(r *request) error {
	if r.signedIn {
		if err := p.SignIn.SignOut(r.Context(), r.current.Actor); err != nil {
			return err
		}
	}
	r.dropSitting()
	return r.noteWas(r.current.Person.ID)
}

func (r *request) dropSitting() {
	for _, name := range ofSitting {
		r.dropCookie(name)
	}
}

// isPersonal reports whether the person has marked this browser as their own, where it may offer their key by itself (F3).
func (r *request) isPersonal() bool {
	var yes bool
	return !r.atStation() && r.openSealed(cookiePersonal, &yes) && yes
}

// markDevice marks this browser as the person's own, or not.
func (p *Portal) markDevice(r *request) error {
	if err := r.parseForm(); err != nil {
		return err
	}
	f := flash{Kind: "success", ID: "flash.device-unmarked"}
	if r.PostFormValue("own") == "yes" && !r.atStation() {
		f.ID = "flash.device-marked"
		if err := r.putSealed(cookiePersonal, true, deviceLife); err != nil {
			return err
		}
	} else {
		r.setCookie(cookiePersonal, "", 0)
	}
	if err := r.setFlash(f); err != nil {
		return err
	}
	return r.redirect("/me/self-service")
}
