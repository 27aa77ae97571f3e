package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
)

// station makes a browser a shared station of the organisation.
func (w *installation) station(t testing.TB, name string) staffkey.Station {
	t.Helper()
	link, err := w.Service.IssueStationLink(t.Context(), staffkey.ConsoleActor(), w.Organisation.ID, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := w.Service.UseStationLink(t.Context(), origin, secretOf(t, link, "/station"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// F6: a browser becomes a station by a link that counts once.
func TestStation_link(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		_, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		issue := func() string {
			t.Helper()
			link, err := w.Service.IssueStationLink(t.Context(), administrator, w.Organisation.ID, "Ward 4, bay 2")
			if err != nil {
				t.Fatal(err)
			}
			return secretOf(t, link, "/station")
		}
		secret, spare := issue(), issue()
		offered, err := w.Service.CheckStationLink(t.Context(), secret)
		want := signin.OfferedStation{Name: "Ward 4, bay 2", Organisation: w.Organisation.Name, Expires: w.Clock.Now().Add(signin.StationLinkLife)}
		if err != nil || offered.Name != want.Name || offered.Organisation != want.Organisation || !offered.Expires.Equal(want.Expires) {
			t.Errorf("the link offers %+v (error %v), want %+v", offered, err, want)
		}
		made := make([]staffkey.Station, runners)
		signintest.Once(t, signintest.Parallel(runners, func(i int) (err error) {
			made[i], err = w.Service.UseStationLink(t.Context(), origin, secret)
			return err
		}))
		list, err := w.Service.ListStations(t.Context(), administrator, w.Organisation.ID)
		if err != nil || len(list) != 1 || list[0].Name != "Ward 4, bay 2" || list[0].CreatedBy != administrator.Person {
			t.Fatalf("stations %+v (error %v), want one by lena", list, err)
		}
		if _, err := w.Service.FindStation(t.Context(), list[0].ID); err != nil {
			t.Error(err)
		}
		if e := w.events(t, staffkey.EventStationAdded); len(e) != 1 || e[0].Actor != administrator.Person || e[0].SubjectName != "Ward 4, bay 2" {
			t.Errorf("events %+v, want one by lena", e)
		}
		for name, other := range map[string]string{"used": secret, "nothing": "", "another purpose": w.firstPasswordLink(t, w.AddPerson(t, "ben"))} {
			if _, err := w.Service.UseStationLink(t.Context(), origin, other); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s: got error %v, want expired", name, err)
			}
			if _, err := w.Service.CheckStationLink(t.Context(), other); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s, looked at: got error %v, want expired", name, err)
			}
		}
		w.Clock.Advance(signin.StationLinkLife - time.Microsecond)
		if _, err := w.Service.CheckStationLink(t.Context(), spare); err != nil {
			t.Errorf("at the last instant: %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		if _, err := w.Service.UseStationLink(t.Context(), origin, spare); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("when it has expired: got error %v, want expired", err)
		}
	})
}

func TestStation_is_for_the_own_organisation(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		other := w.organisation(t, "RX2", w.Organisation.ID)
		_, elsewhere := w.officer(t, "otto", staffkey.RoleLocalAdministrator, other.ID)
		_, helpdesk := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		s := w.station(t, "Ward 4")
		for _, actor := range []staffkey.Actor{elsewhere, helpdesk, w.plain(t, "nobody")} {
			w.Refused(t, "scope", func() error {
				_, err := w.Service.IssueStationLink(t.Context(), actor, w.Organisation.ID, "Mine")
				return err
			})
			w.Refused(t, "scope", func() error { return w.Service.RevokeStation(t.Context(), actor, s.ID) })
			if list, err := w.Service.ListStations(t.Context(), actor, w.Organisation.ID); signintest.RuleOf(err) != "scope" || list != nil {
				t.Errorf("%s sees %+v (error %v), want a refusal by scope", actor.Name, list, err)
			}
		}
		for _, name := range []string{"", " ", string(make([]byte, 61))} {
			if _, err := w.Service.IssueStationLink(t.Context(), elsewhere, other.ID, name); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("name %q: got error %v, want an invalid field", name, err)
			}
		}
		if _, err := w.Service.IssueStationLink(t.Context(), staffkey.ConsoleActor(), "none", "Ward"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("an unknown organisation: got error %v, want not found", err)
		}
	})
}

// F6: a session at a station ends after five minutes, and with the station.
func TestStation_sessions(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		s := w.station(t, "Ward 4")
		at := origin
		at.Station = s.ID
		signIn := func() signintest.Browser {
			t.Helper()
			a := w.Attempt(h.person)
			b := w.begin(t, a)
			in, err := w.Service.FinishSignIn(t.Context(), at, a, answer(b, staffkey.MethodSecurityKey, get(t, key.key, b.Options)), nowhere)
			if err != nil {
				t.Fatal(err)
			}
			return w.Browser(t, in)
		}
		in, own := signIn(), w.browser(t, h.person, key.key)
		if in.Session.Station != s.ID || in.Session.IdleLimit != staffkey.StationIdleLimit || own.Session.Station != "" {
			t.Errorf("session %+v, want one of the station for five minutes", in.Session)
		}
		w.Clock.Advance(staffkey.StationIdleLimit - time.Microsecond)
		if !w.alive(t, in.Secret) {
			t.Error("the session has ended before five minutes")
		}
		w.Clock.Advance(staffkey.StationIdleLimit)
		if w.alive(t, in.Secret) || !w.alive(t, own.Secret) {
			t.Error("the session at the station is alive after five minutes, or the person's own has ended")
		}
		// A step-up at the station stays one of the station.
		in = signIn()
		b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodSecurityKey)
		if err != nil {
			t.Fatal(err)
		}
		actor := in.Actor
		actor.Origin = at
		renewed, err := w.Service.FinishStepUp(t.Context(), actor, answer(b, staffkey.MethodSecurityKey, get(t, key.key, b.Options)), in.Session)
		if err != nil || renewed.Session.Station != s.ID || renewed.Session.IdleLimit != staffkey.StationIdleLimit {
			t.Errorf("renewed session %+v (error %v), want one of the station", renewed.Session, err)
		}
		if err := w.Service.RevokeStation(t.Context(), staffkey.ConsoleActor(), s.ID); err != nil {
			t.Fatal(err)
		}
		if w.alive(t, renewed.Secret) || !w.alive(t, own.Secret) {
			t.Error("the session at the station outlives it, or the person's own has ended with it")
		}
		if _, err := w.Service.FindStation(t.Context(), s.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("the revoked station: got error %v, want not found", err)
		}
		if err := w.Service.RevokeStation(t.Context(), staffkey.ConsoleActor(), s.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("revoked twice: got error %v, want not found", err)
		}
	})
}
