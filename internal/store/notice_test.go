package store_test

import (
	"context"
	"maps"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// changeBy makes a change that somebody did.
func changeBy(t testing.TB, s *store.Store, actor staffkey.Actor, fn func(*store.Tx) error) {
	t.Helper()
	if err := s.Change(context.Background(), staffkey.Event(staffkey.EventPersonChanged, actor), fn); err != nil {
		t.Fatal(err)
	}
}

func TestInsertNotice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		w := plant(t, s)
		amara := addPerson(t, s, w.trust.ID, "amara")
		origin := staffkey.Origin{IP: "192.0.2.1", Browser: "Chrome on Windows"}
		args := map[string]string{"Nickname": "Lanyard"}
		changeBy(t, s, staffkey.Actor{Person: amara.ID, Name: amara.Name, Origin: origin}, func(tx *store.Tx) error {
			return tx.InsertNotice("notice.key_added", amara, args)
		})
		if diff := cmp.Diff(map[string]string{"Nickname": "Lanyard"}, args); diff != "" {
			t.Errorf("the caller's values changed (-want +got)\n%s", diff)
		}
		list := listOutgoing(t, s, store.OutgoingFilter{})
		if len(list) != 1 {
			t.Fatalf("%d messages, want 1", len(list))
		}
		got := list[0]
		link := got.Args["Link"]
		delete(got.Args, "Link")
		want := staffkey.Outgoing{
			ID: got.ID, Channel: staffkey.ChannelEmail, To: amara.Email, Template: "notice.key_added", Person: amara.ID, Organisation: w.trust.ID,
			Args: map[string]string{
				"Nickname": "Lanyard", "Name": amara.Name, "Username": "amara", "At": "2026-11-23T07:12:00Z", "IP": "192.0.2.1", "Browser": "Chrome on Windows",
			},
			ExpiresAt: clock.Now().Add(3 * 24 * time.Hour), CreatedAt: clock.Now(),
		}
		if diff := cmp.Diff(want, got, exactTimes); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}

		// The link is a path of ours, whoever's address the request named, and works once.
		secret, ok := strings.CutPrefix(link, "/not-me?t=")
		if !ok || len(secret) < 20 {
			t.Fatalf("link %q, want a path with a secret", link)
		}
		if detail := get(t, s, func(tx *store.Tx) (string, error) { return tx.FindLinkDetail(store.LinkNotMe, secret) }); detail != "notice.key_added" {
			t.Errorf("the link is about %q, want the notice", detail)
		}
		take := func(tx *store.Tx) error {
			person, err := tx.TakeLink(store.LinkNotMe, secret)
			if err == nil && person != amara.ID {
				t.Errorf("the link is for %q, want %q", person, amara.ID)
			}
			return err
		}
		oneOnly(t, parallel(16, func(int) error { return s.Change(context.Background(), event, take) }), staffkey.ErrExpired)
		missing(t, s, staffkey.ErrExpired, func(tx *store.Tx) (string, error) { return tx.FindLinkDetail(store.LinkNotMe, secret) })
	})
}

func TestInsertNotice_link_ends(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		amara := addPerson(t, s, plant(t, s).trust.ID, "amara")
		change(t, s, func(tx *store.Tx) error { return tx.InsertNotice("notice.frozen", amara, nil) })
		secret := strings.TrimPrefix(listOutgoing(t, s, store.OutgoingFilter{})[0].Args["Link"], "/not-me?t=")
		find := func(tx *store.Tx) (staffkey.PersonID, error) { return tx.FindLink(store.LinkNotMe, secret) }
		clock.Advance(14*24*time.Hour - time.Second)
		if got := get(t, s, find); got != amara.ID {
			t.Errorf("the link is for %q, want %q", got, amara.ID)
		}
		clock.Advance(time.Second)
		missing(t, s, staffkey.ErrExpired, find)
	})
}

// Where an administrator sits is not the person's business; who it was is.
func TestInsertNotice_by_somebody_else(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		trust := plant(t, s).trust.ID
		amara, rhys := addPerson(t, s, trust, "amara"), addPerson(t, s, trust, "rhys")
		changeBy(t, s, staffkey.Actor{Person: rhys.ID, Name: rhys.Name, Origin: staffkey.Origin{IP: "192.0.2.9", Browser: "Edge"}}, func(tx *store.Tx) error {
			return tx.InsertNotice("notice.key_stopped", amara, map[string]string{"Nickname": "Lanyard", "Reason": "lost"})
		})
		got := maps.Clone(listOutgoing(t, s, store.OutgoingFilter{})[0].Args)
		if got["By"] != rhys.Name || got["IP"] != "" || got["Browser"] != "" {
			t.Errorf("got %v, want it by %s and from nowhere", got, rhys.Name)
		}
	})
}

func TestInsertNotice_to_nobody(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		amara := newPerson(plant(t, s).trust.ID, "amara")
		amara.Email = ""
		change(t, s, func(tx *store.Tx) error {
			if err := tx.InsertPeople(amara); err != nil {
				return err
			}
			return tx.InsertNotice("notice.frozen", amara, nil)
		})
		if got := listOutgoing(t, s, store.OutgoingFilter{}); len(got) != 0 {
			t.Errorf("%d messages to a person without an address", len(got))
		}
	})
}

func TestInsertAdministratorNotice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, _ *storetest.Clock) {
		w := plant(t, s)
		grant := func(o staffkey.Organisation, p staffkey.Person) staffkey.Person {
			change(t, s, func(tx *store.Tx) error {
				if err := tx.InsertPeople(p); err != nil {
					return err
				}
				_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleLocalAdministrator, Organisation: o.ID, GrantedAt: stored})
				return err
			})
			return p
		}
		told := func(about staffkey.Person) []string {
			before := len(listOutgoing(t, s, store.OutgoingFilter{}))
			change(t, s, func(tx *store.Tx) error {
				return tx.InsertAdministratorNotice("admin.frozen", about, map[string]string{"Place": "Desk 4"})
			})
			var to []string
			for _, m := range listOutgoing(t, s, store.OutgoingFilter{})[before:] {
				to = append(to, strings.TrimSuffix(m.To, "@nhs.example"))
				if m.Args["Name"] != about.Name || m.Args["Place"] != "Desk 4" || m.Args["Link"] != "" || m.Person != about.ID {
					t.Errorf("got %+v, want it about %s, without a link", m, about.Name)
				}
			}
			return to
		}
		expect := func(about staffkey.Person, want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, told(about)); diff != "" {
				t.Errorf("told about %s (-want +got)\n%s", about.Username, diff)
			}
		}
		amara := addPerson(t, s, w.trust.ID, "amara")
		expect(amara)

		grant(w.root, newPerson(w.root.ID, "root-la"))
		region := grant(w.region, newPerson(w.root.ID, "region-la"))
		expect(amara, "region-la")
		// Somebody else has to know of an administrator's own trouble, and whoever has no address cannot be told.
		expect(region, "root-la")
		only := grant(w.trust, newPerson(w.trust.ID, "only"))
		expect(amara, "only")
		expect(only, "region-la")
		silent := newPerson(w.trust.ID, "silent")
		silent.Email = ""
		grant(w.trust, silent)
		expect(only, "region-la")
		for _, name := range []string{"f", "e", "d", "c", "b", "a"} {
			grant(w.trust, newPerson(w.trust.ID, name))
		}
		expect(amara, "a", "b", "c", "d", "e")
	})
}
