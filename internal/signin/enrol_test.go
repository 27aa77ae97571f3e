package signin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// invalidBy names the message of an InvalidError; "" for anything else.
func invalidBy(err error) string {
	var e *staffkey.InvalidError
	if errors.As(err, &e) {
		return e.Message.ID
	}
	return ""
}

func TestNameKey_puts_it_in_use(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in, key := w.Enter(t, p), newKey()
		k, err := w.register(t, in, key, false)
		if err != nil {
			t.Fatal(err)
		}
		if k.State != staffkey.SecurityKeyPending || k.Person != p.ID || k.RegisteredBy != p.ID || !k.RegisteredAt.Equal(w.Clock.Now()) {
			t.Errorf("key %+v, want it pending, by and for %s, now", k, p.ID)
		}
		w.Refused(t, "key_pending", func() error {
			_, err := w.signInAs(t, key)
			return err
		})
		found, err := w.Service.FindPendingKey(t.Context(), in.Actor, k.ID)
		if err != nil || found.ID != k.ID {
			t.Errorf("found pending key %q (error %v), want %q", found.ID, err, k.ID)
		}
		if err := w.Service.NameKey(t.Context(), in.Actor, k.ID, "  Blue lanyard "); err != nil {
			t.Fatal(err)
		}
		if got := w.keys(t, p)[0]; got.State != staffkey.SecurityKeyActive || got.Nickname != "Blue lanyard" {
			t.Errorf("key %q is %s, want Blue lanyard active", got.Nickname, got.State)
		}
		if _, err := w.signInAs(t, key); err != nil {
			t.Error(err)
		}
		if _, err := w.Service.FindPendingKey(t.Context(), in.Actor, k.ID); !errors.Is(err, staffkey.ErrConflict) {
			t.Errorf("a named key is found as pending: error %v, want a conflict", err)
		}
		if err := w.Service.NameKey(t.Context(), in.Actor, k.ID, "Again"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("named twice: got error %v, want not found", err)
		}
	})
}

// signInAs signs in by the key alone.
func (w *installation) signInAs(t testing.TB, key *softkey.Key) (signintest.Browser, error) {
	t.Helper()
	in, err := w.signIn(t, signin.Attempt{}, key)
	if err != nil {
		return signintest.Browser{}, err
	}
	return w.Browser(t, in), nil
}

func TestNameKey_refuses(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		k, err := w.register(t, in, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		other := w.Enter(t, w.person(t, "ben"))
		tests := []struct{ name, nickname, message string }{
			{"nothing", "", "name.empty"},
			{"spaces", " \t ", "name.empty"},
			{"41 letters", strings.Repeat("é", 41), "name.long"},
			{"a control character", "Blue\x00lanyard", "name.characters"},
			{"taken", "Blue lanyard", "name.taken"},
			{"taken in other letters", "BLUE LANYARD", "name.taken"},
			{"taken in full width", "Ｂlue lanyard", "name.taken"},
		}
		for _, test := range tests {
			if err := w.Service.NameKey(t.Context(), in.Actor, k.ID, test.nickname); invalidBy(err) != test.message {
				t.Errorf("%s: got error %v, want %s", test.name, err, test.message)
			}
		}
		if err := w.Service.NameKey(t.Context(), other.Actor, k.ID, "Mine"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("by another person: got error %v, want not found", err)
		}
		if _, err := w.Service.FindPendingKey(t.Context(), other.Actor, k.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("found by another person: error %v, want not found", err)
		}
		if err := w.Service.NameKey(t.Context(), in.Actor, k.ID, strings.Repeat("é", 40)); err != nil {
			t.Errorf("40 letters: %v", err)
		}
	})
}

func TestRegistration_replaces_one_that_was_abandoned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		first, err := w.register(t, in, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		second, err := w.register(t, in, newKey(), false)
		if err != nil {
			t.Fatal(err)
		}
		if keys := w.keys(t, p); len(keys) != 1 || keys[0].ID != second.ID {
			t.Errorf("%d keys, want the second registration only", len(keys))
		}
		if err := w.Service.NameKey(t.Context(), in.Actor, first.ID, "First"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("name the first: got error %v, want not found", err)
		}
	})
}

// waiting puts keys into the store that wait for their nicknames, as registrations from several browsers at once would.
func (w *installation) waiting(t testing.TB, p staffkey.Person, n int) (ids []staffkey.SecurityKeyID) {
	t.Helper()
	for range n {
		k := staffkey.SecurityKey{
			ID: store.NewID[staffkey.SecurityKeyID](), Person: p.ID, State: staffkey.SecurityKeyPending, UserVerified: true, RegisteredAt: w.Clock.Now(),
			PublicKey: []byte{0xa0}, UserHandle: []byte{1}, AttestationObject: []byte{0xa0}, ClientDataJSON: []byte("{}"), RegisteredBy: p.ID,
		}
		k.CredentialID = []byte(k.ID)
		w.Change(t, func(tx *store.Tx) error { return tx.InsertSecurityKey(k) })
		ids = append(ids, k.ID)
	}
	return ids
}

func TestKey_limit(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		for i, id := range w.waiting(t, p, 3) {
			if err := w.Service.NameKey(t.Context(), in.Actor, id, fmt.Sprint("Key ", i)); err != nil {
				t.Fatal(err)
			}
		}
		begun, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodSecurityKey, signin.EnrolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids := w.waiting(t, p, 16) // with room for one
		signintest.Once(t, signintest.Parallel(len(ids), func(i int) error {
			return w.Service.NameKey(t.Context(), in.Actor, ids[i], fmt.Sprint("Race ", i))
		}))
		inUse := 0
		for _, k := range w.keys(t, p) {
			if k.State == staffkey.SecurityKeyActive {
				inUse++
			}
		}
		if inUse != staffkey.DefaultMaxKeys {
			t.Errorf("%d keys in use, want %d", inUse, staffkey.DefaultMaxKeys)
		}
		w.Refused(t, "key_limit", func() error {
			_, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(begun, staffkey.MethodSecurityKey, create(t, newKey(), begun.Options)))
			return err
		})
		if _, err := w.register(t, in, newKey(), false); signintest.RuleOf(err) != "key_limit" {
			t.Errorf("begin a sixth: got error %v, want a refusal by key_limit", err)
		}
	})
}

func TestNicknames_are_unique_in_parallel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		ids := w.waiting(t, p, 4)
		named := 0
		for _, err := range signintest.Parallel(len(ids), func(i int) error {
			return w.Service.NameKey(t.Context(), in.Actor, ids[i], "Blue lanyard")
		}) {
			switch {
			case err == nil:
				named++
			case invalidBy(err) != "name.taken":
				t.Errorf("got error %v, want name.taken", err)
			}
		}
		if named != 1 {
			t.Errorf("%d keys got the nickname, want 1", named)
		}
	})
}

// F24: the same key under two nicknames, known to be one.
func TestSameKey_twice(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		blue := newKey()
		first := w.addKey(t, in, blue, "Blue lanyard")
		in = w.browser(t, p, blue)
		o := keyOptions()
		o.AAGUID = [16]byte{2}
		desk := softkey.New(o)
		w.addKey(t, in, desk, "Desk")
		begun, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodSecurityKey, signin.EnrolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := blue.Create(keyOrigin, begun.Options); !errors.Is(err, softkey.ErrExcluded) {
			t.Fatalf("register a key that is on the list: got error %v, want the key to say so", err)
		}
		again, err := w.register(t, in, blue, true)
		if err != nil {
			t.Fatal(err)
		}
		if again.SameKeyAs != first.ID {
			t.Errorf("same key as %q, want %q: the one entry of this model", again.SameKeyAs, first.ID)
		}
		if err := w.Service.NameKey(t.Context(), in.Actor, again.ID, "Night shift"); err != nil {
			t.Fatal(err)
		}
		third, err := w.register(t, in, blue, true)
		if err != nil {
			t.Fatal(err)
		}
		if third.SameKeyAs != first.ID {
			t.Errorf("third entry: same key as %q, want the oldest, %q", third.SameKeyAs, first.ID)
		}
		if got := staffkey.PhysicalKeys(w.inUse(t, p)); got != 2 {
			t.Errorf("%d keys in the hand, want 2", got)
		}
		handles := map[string]bool{}
		for _, c := range blue.Credentials() {
			handles[string(c.UserID)] = true
		}
		if len(handles) != 3 {
			t.Errorf("%d user handles for 3 registrations, want one each", len(handles))
		}
		for _, c := range blue.Credentials()[:2] { // both entries still sign in
			only := blue.Clone()
			for _, other := range blue.Credentials() {
				if string(other.ID) != string(c.ID) {
					only.Forget(other.ID)
				}
			}
			if _, err := w.signIn(t, w.Attempt(p), only); err != nil {
				t.Errorf("entry %x: %v", c.ID[:4], err)
			}
		}
	})
}

// inUse lists a person's active keys.
func (w *installation) inUse(t testing.TB, p staffkey.Person) (keys []staffkey.SecurityKey) {
	t.Helper()
	for _, k := range w.keys(t, p) {
		if k.State == staffkey.SecurityKeyActive {
			keys = append(keys, k)
		}
	}
	return keys
}

func TestSameKey_is_not_guessed_between_two_of_one_model(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		blue := newKey()
		w.addKey(t, w.Enter(t, p), blue, "Blue lanyard")
		in := w.browser(t, p, blue)
		w.addKey(t, in, newKey(), "Desk") // the same model
		again, err := w.register(t, in, blue, true)
		if err != nil {
			t.Fatal(err)
		}
		if again.SameKeyAs != "" {
			t.Errorf("same key as %q, want nothing: it may be either", again.SameKeyAs)
		}
	})
}

func TestRegistration_of_a_credential_that_is_known(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, _ := w.withKey(t, "amara")
		known := w.keys(t, p)[0].CredentialID
		o := keyOptions()
		o.Attestation = softkey.AttestationNone
		o.Tamper = func(stage softkey.Stage, parts *softkey.Parts) {
			if stage == softkey.CreateBeforeSigning {
				copy(parts.AuthenticatorData[55:], known)
				parts.CredentialID = known
			}
		}
		in := w.Enter(t, w.person(t, "mallory"))
		w.Refused(t, "credential_known", func() error {
			_, err := w.register(t, in, softkey.New(o), false)
			return err
		})
		if got := w.keys(t, p)[0].Person; got != p.ID {
			t.Errorf("the key belongs to %q, want %q still", got, p.ID)
		}
	})
}

func TestRecoveryCodes_are_replaced_by_new_ones(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		old := w.codes(t, in)
		w.Clock.Advance(time.Second)
		fresh := w.codes(t, in)
		a := w.Attempt(p)
		b, err := w.Service.BeginSignIn(t.Context(), a, staffkey.MethodRecoveryCode)
		if err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "code_wrong", func() error {
			_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodRecoveryCode, []byte(old[0])), nowhere)
			return err
		})
		w.signInWithCode(t, p, fresh[0])
		var kinds []staffkey.EventKind
		w.Read(t, func(tx *store.Tx) error {
			kinds = nil
			events, err := tx.ListAuditEvents(store.AuditFilter{Person: p.ID, OldestFirst: true, Limit: 100})
			for _, e := range events {
				if e.Subject == string(staffkey.MethodRecoveryCode) && e.Outcome == staffkey.OutcomeDone {
					kinds = append(kinds, e.Kind)
				}
			}
			return err
		})
		if diff := cmp.Diff([]staffkey.EventKind{staffkey.EventMethodEnrolled, staffkey.EventMethodChanged}, kinds); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

func TestUsable_is_what_still_proves_something(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		codes := w.codes(t, w.browser(t, p, key))
		find := func(id staffkey.PersonID) *staffkey.Enrolment {
			e, err := w.Service.FindEnrolment(t.Context(), staffkey.Actor{Person: id}, staffkey.MethodRecoveryCode)
			if err != nil {
				t.Fatal(err)
			}
			return e
		}
		if e := find(w.AddPerson(t, "ben").ID); e != nil {
			t.Errorf("somebody without codes has enrolment %q", e.ID)
		}
		for i, code := range codes {
			w.signInWithCode(t, p, code)
			e := *find(p.ID)
			left := len(codes) - 1 - i
			if got := w.Service.Remaining(e); got != left {
				t.Errorf("%d codes left, want %d", got, left)
			}
			if got, want := w.Service.Usable(e), left > 0; got != want {
				t.Errorf("usable with %d codes left: %t, want %t", left, got, want)
			}
		}
		if w.Service.Usable(staffkey.Enrolment{Method: "telepathy"}) {
			t.Error("a method that this installation lacks is usable")
		}
		want := []staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodRecoveryCode, staffkey.MethodPassword}
		if diff := cmp.Diff(want, w.Service.Kinds()); diff != "" {
			t.Errorf("methods (-want +got):\n%s", diff)
		}
		if _, err := w.Service.BeginSignIn(t.Context(), w.Attempt(p), "telepathy"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("got error %v, want not found", err)
		}
	})
}
