package signin_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// meanwhile is what somebody else does between what an operation reads and what it changes.
type meanwhile string

const (
	roleRevoked     meanwhile = "role revoked"
	disabled        meanwhile = "person disabled"
	frozen          meanwhile = "account frozen"
	passwordChanged meanwhile = "password changed"
	keyRecalled     meanwhile = "key recalled"
	policyTightened meanwhile = "policy tightened"
	sessionEnded    meanwhile = "session ended"
)

// scene is one operation under way: an administrator with every method, and somebody of theirs, in an organisation of their own.
type scene struct {
	*installation
	actor  *wallet
	key    *softkey.Key
	keyID  staffkey.SecurityKeyID
	in     signintest.Browser
	victim staffkey.Person
}

// newScene makes another scene in an installation.
func newScene(t *testing.T, w *installation, n int) *scene {
	t.Helper()
	world := *w.World
	w = &installation{&world, w.passwords}
	w.Models.Recall()
	w.Clock.Advance(25 * time.Hour) // what a number may be sent in a day begins anew
	w.Organisation = w.organisation(t, fmt.Sprintf("S%d", n), w.Organisation.ID)
	w.policy(t, func(*staffkey.PolicySettings) {})
	p, key := w.withKey(t, fmt.Sprintf("lena%d", n))
	s := &scene{installation: w, key: key, actor: w.wallet(t, w.browser(t, p, key), staffkey.MethodTOTP, staffkey.MethodTextMessage), keyID: w.keys(t, p)[0].ID}
	w.Change(t, func(tx *store.Tx) error {
		_, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleLocalAdministrator, Organisation: w.Organisation.ID, GrantedAt: tx.Now})
		return err
	})
	s.victim = w.person(t, fmt.Sprintf("amara%d", n))
	w.Clock.Advance(time.Minute)
	s.in = w.browser(t, p, key)
	return s
}

// attempt is a sign-in of a person who has typed their password.
func (s *scene) attempt(t *testing.T, p staffkey.Person) signin.Attempt {
	t.Helper()
	a, err := s.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, p.Username, goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// happen does what happens meanwhile, to a person.
func (s *scene) happen(t *testing.T, what meanwhile, p staffkey.Person, link string) {
	t.Helper()
	switch what {
	case roleRevoked:
		s.Change(t, func(tx *store.Tx) error {
			return tx.DeleteRoleGrant(p.ID, staffkey.RoleLocalAdministrator, s.Organisation.ID)
		})
	case disabled:
		s.Disable(t, p)
	case frozen:
		s.Change(t, func(tx *store.Tx) error { return storetest.Move(tx, p.ID, staffkey.PersonFrozen) })
	case passwordChanged:
		if _, err := s.Service.UseFirstPasswordLink(t.Context(), origin, link, "another velvet canyon moss"); err != nil {
			t.Fatal(err)
		}
	case keyRecalled:
		s.Models.Recall(staffkey.Recall{
			ID: "r", AAGUID: modelOfKeys, Organisation: s.Organisation.ID, StartedAt: s.Clock.Now().Add(-time.Hour), Until: s.Clock.Now().Add(-time.Second),
		})
	case policyTightened:
		s.Change(t, func(tx *store.Tx) error {
			return tx.PutPolicySettings(s.Organisation.ID, staffkey.PolicySettings{
				Methods: &[]staffkey.MethodKind{}, Keys: &staffkey.KeyRules{Others: new(staffkey.ModelDeny)}, Downgrade: new(staffkey.DowngradeForbid),
			})
		})
	case sessionEnded:
		s.Change(t, func(tx *store.Tx) error {
			_, err := tx.EndSessions(p.ID, "")
			return err
		})
	}
}

// reasons say of what happens meanwhile why it does not concern an operation; whatever is not named must stop it.
type reasons map[meanwhile]string

// but is reasons with more.
func (w reasons) but(more reasons) reasons {
	all := maps.Clone(w)
	maps.Copy(all, more)
	return all
}

// without is reasons less some.
func (w reasons) without(some ...meanwhile) reasons {
	all := maps.Clone(w)
	for _, s := range some {
		delete(all, s)
	}
	return all
}

var (
	// own: what people do for themselves, in a session.
	own = reasons{
		roleRevoked:     "it needs no role",
		keyRecalled:     "the session was opened before, and uses no key now",
		policyTightened: "no policy decides about it",
	}
	// forOthers: what an administrator does, in a session.
	forOthers = reasons{
		keyRecalled:     "the session was opened before, and uses no key now",
		policyTightened: "no policy decides about it",
	}
	// entering: what somebody does on the way in.
	entering = reasons{roleRevoked: "it needs no role", sessionEnded: "there is none yet"}
)

// act is an operation that is tried under all that may happen meanwhile.
type act struct {
	// op is the operation's name, and how what is particular in this act.
	op, how string
	stands  reasons
	// by is who acts; the administrator unless it says so.
	by func(*scene) staffkey.Person
	// begin brings it so far that it can end, and returns how it ends.
	begin func(t *testing.T, s *scene) func() error
}

func (a act) String() string {
	if a.how == "" {
		return a.op
	}
	return a.op + " " + a.how
}

// What an operation read before it changes anything is asked again in the change: of all that may happen between, nothing is acted on any
// more.
func TestNothing_is_done_on_what_was_true_before(t *testing.T) {
	t.Parallel()
	passwords, err := password.New(password.Options{Workers: 2, Queue: 200, Cheap: true})
	if err != nil {
		t.Fatal(err)
	}
	storetest.EachBetween(t, func(t *testing.T, st *store.Store, clock *storetest.Clock, between *storetest.Between) {
		w := newEquipped(t, st, clock, passwords)
		n := 0
		for _, a := range acts {
			for _, what := range []meanwhile{roleRevoked, disabled, frozen, passwordChanged, keyRecalled, policyTightened, sessionEnded} {
				if a.stands[what] != "" {
					continue
				}
				n++
				t.Run(fmt.Sprintf("%s/%s", a, what), func(t *testing.T) {
					s := newScene(t, w, n)
					p := s.actor.person
					if a.by != nil {
						p = a.by(s)
					}
					link := ""
					if what == passwordChanged { // made before, or it would end what the operation stands on
						link = s.firstPasswordLink(t, p)
					}
					end := a.begin(t, s)
					var last staffkey.AuditEventID
					between.Do(func() {
						s.happen(t, what, p, link)
						last = s.lastEvent(t)
					})
					err := end()
					if !between.Done() {
						t.Fatalf("nothing was changed at all: got error %v", err)
					}
					if !errors.Is(err, staffkey.ErrRefused) && !errors.Is(err, staffkey.ErrExpired) {
						t.Errorf("got error %v, want a refusal", err)
					}
					s.Read(t, func(tx *store.Tx) error {
						events, err := tx.ListAuditEvents(store.AuditFilter{After: last, OldestFirst: true, Limit: 100})
						for _, e := range events {
							if e.Outcome == staffkey.OutcomeDone {
								t.Errorf("%s was done all the same", e.Kind)
							}
						}
						return err
					})
				})
			}
		}
	})
}

// lastEvent is the latest event of the log.
func (w *installation) lastEvent(t testing.TB) (id staffkey.AuditEventID) {
	t.Helper()
	w.Read(t, func(tx *store.Tx) error {
		events, err := tx.ListAuditEvents(store.AuditFilter{Limit: 1})
		if len(events) > 0 {
			id = events[0].ID
		}
		return err
	})
	return id
}
