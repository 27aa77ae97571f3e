package signin_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// twins is somebody who has a key under two nicknames, and another key.
type twins struct {
	person        staffkey.Person
	first, second staffkey.SecurityKeyID // "Blue lanyard" and "Night shift", on one key
	spare         staffkey.SecurityKeyID
	byKey         signintest.Browser
	bySpare       signintest.Browser
}

func (w *installation) withTwins(t *testing.T, username string) twins {
	t.Helper()
	p, key := w.withKey(t, username)
	out := twins{person: p, first: w.keys(t, p)[0].ID, byKey: w.browser(t, p, key)}
	again, err := w.register(t, out.byKey, key, true)
	if err == nil {
		err = w.Service.NameKey(t.Context(), out.byKey.Actor, again.ID, "Night shift")
	}
	if err != nil {
		t.Fatal(err)
	}
	spare := newKey()
	out.second, out.spare = again.ID, w.addKey(t, out.byKey, spare, "Spare").ID
	out.bySpare = w.browser(t, p, spare)
	return out
}

// reasons are the state and the reason of each entry of a person's list.
func (w *installation) reasons(t testing.TB, p staffkey.Person) map[staffkey.SecurityKeyID]string {
	t.Helper()
	found := make(map[staffkey.SecurityKeyID]string)
	for _, k := range w.keys(t, p) {
		found[k.ID] = string(k.State) + " " + string(k.StopReason)
	}
	return found
}

// A key that was reset is nothing lost: nobody is alarmed and nobody signed out. All its entries go together, and none of them comes back
// by itself, whoever says so (A6).
func TestResetKey(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		_, lena := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		h := w.withTwins(t, "amara")
		p := h.person
		weak := storetest.SignIn(t, w.Store, p, staffkey.Assurance{Level: 2}, w.Clock.Now())
		if err := w.Service.ResetKey(t.Context(), weak, h.first); signintest.RuleOf(err) != "step_up" {
			t.Errorf("in a session without a key: got error %v, want a refusal by step_up", err)
		}
		other := w.Enter(t, w.person(t, "ben"))
		if err := w.Service.ResetKey(t.Context(), other.Actor, h.first); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("another's key: got error %v, want not found", err)
		}
		w.Clock.Advance(staffkey.ProofLife * 2) // it takes its time
		for range 2 {                           // the second press is as good as the first
			if err := w.Service.ResetKey(t.Context(), h.byKey.Actor, h.second); err != nil {
				t.Fatal(err)
			}
		}
		want := map[staffkey.SecurityKeyID]string{h.first: "suspended reset", h.second: "suspended reset", h.spare: "active "}
		if got := w.reasons(t, p); !maps.Equal(got, want) {
			t.Errorf("the entries are %v, want %v", got, want)
		}
		if !w.alive(t, h.byKey.Secret) || !w.alive(t, h.bySpare.Secret) {
			t.Error("a session has ended, though nobody else had the key")
		}
		w.told(t, p, "notice.key_reset", 1)
		w.told(t, p, "notice.key_stopped", 0)
		w.told(t, p, "admin.key_stopped", 0)
		if m := w.messages(t, p, "notice.key_reset"); len(m) == 1 && (m[0].Args["Nickname"] != "Night shift" || m[0].Args["Twins"] != "Blue lanyard") {
			t.Errorf("told %+v, want of both nicknames", m[0].Args)
		}
		bySpare := storetest.SignIn(t, w.Store, p, storetest.Strong, w.Clock.Now())
		if _, err := w.Service.ResumeKey(t.Context(), bySpare, h.first); signintest.RuleOf(err) != "key_reset" {
			t.Errorf("found again: got error %v, want a refusal by key_reset", err)
		}
		if err := w.Service.ResumeKeyFor(t.Context(), lena, p.ID, h.first); signintest.RuleOf(err) != "key_reset" {
			t.Errorf("put in use by an administrator: got error %v, want a refusal by key_reset", err)
		}

		// The new entry takes the place of all of them, and may have any of their nicknames.
		again := newKey()
		in := signintest.Browser{Actor: bySpare}
		begun, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodSecurityKey, signin.EnrolOptions{Replaces: h.second})
		if err != nil {
			t.Fatal(err)
		}
		done, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(begun, staffkey.MethodSecurityKey, create(t, again, begun.Options)))
		if err == nil {
			err = w.Service.NameKey(t.Context(), in.Actor, done.Key.ID, "Blue lanyard")
		}
		if err != nil {
			t.Fatal(err)
		}
		want = map[staffkey.SecurityKeyID]string{done.Key.ID: "active ", h.spare: "active ", h.first: "removed reset", h.second: "removed reset"}
		if got := w.reasons(t, p); !maps.Equal(got, want) {
			t.Errorf("the entries are %v, want %v", got, want)
		}
	})
}

// What was taken off the list a moment ago, or waits for its nickname, was on the key as well.
func TestResetKey_takes_what_could_come_back(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.withTwins(t, "amara")
		w.Change(t, func(tx *store.Tx) error { return tx.RemoveSecurityKey(h.person.ID, h.first) })
		waiting := w.waiting(t, h.person, 1)[0]
		if err := w.Service.ResetKey(t.Context(), h.byKey.Actor, h.second); err != nil {
			t.Fatal(err)
		}
		err := w.Store.Read(t.Context(), func(tx *store.Tx) error {
			k, err := tx.FindSecurityKey(h.person.ID, h.first)
			if err == nil && (k.State != staffkey.SecurityKeyRemoved || k.StopReason != staffkey.StopReset) {
				t.Errorf("the entry that was removed is %s %q, want it removed and reset", k.State, k.StopReason)
			}
			if _, err := tx.FindSecurityKey(h.person.ID, waiting); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("what waited for its nickname: got error %v, want not found", err)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

// A key is stopped and found under all its nicknames, and what is on hold for another reason stays so (A15).
func TestResumeKey_brings_all_nicknames_back(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.withTwins(t, "amara")
		out := w.stop(t, h.bySpare, h.first, staffkey.StopLost)
		if len(out.Twins) != 1 || out.Twins[0].ID != h.second {
			t.Errorf("stopped with it: %+v, want Night shift", out.Twins)
		}
		w.Change(t, func(tx *store.Tx) error { return tx.StopForGood(h.person.ID, h.spare, staffkey.StopFrozen) })
		if _, err := w.Service.ResumeKey(t.Context(), h.bySpare.Actor, h.second); err != nil {
			t.Fatal(err)
		}
		want := map[staffkey.SecurityKeyID]string{h.first: "active ", h.second: "active ", h.spare: "suspended frozen"}
		if got := w.reasons(t, h.person); !maps.Equal(got, want) {
			t.Errorf("the entries are %v, want %v", got, want)
		}
		w.told(t, h.person, "notice.key_resumed", 1)
		if m := w.messages(t, h.person, "notice.key_resumed"); len(m) == 1 && m[0].Args["Twins"] != "Blue lanyard" {
			t.Errorf("told %+v, want of both nicknames", m[0].Args)
		}

		w.Change(t, func(tx *store.Tx) error {
			if err := tx.StopSecurityKey(h.person.ID, h.first, staffkey.StopLost); err != nil {
				return err
			}
			return tx.StopSecurityKey(h.person.ID, h.second, staffkey.StopReview)
		})
		if _, err := w.Service.ResumeKey(t.Context(), h.bySpare.Actor, h.first); err != nil {
			t.Fatal(err)
		}
		if got := w.reasons(t, h.person)[h.second]; got != "suspended review" {
			t.Errorf("the nickname that waits for a review is %s, want it to wait", got)
		}
	})
}

// Keys that no sign-in takes are no way in: they count neither as a backup nor as what is left when another goes (A2).
func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.withTwins(t, "amara")
		mine := func() []staffkey.SecurityKeyID {
			t.Helper()
			m, err := w.Service.Mine(t.Context(), h.byKey.Actor)
			if err != nil {
				t.Fatal(err)
			}
			if want := 2 - min(len(m.Holdings.Refused), 2); m.Holdings.DifferentKeys() != want {
				t.Errorf("%d different keys with %d refused, want %d", m.Holdings.DifferentKeys(), len(m.Holdings.Refused), want)
			}
			return m.Holdings.Refused
		}
		if got := mine(); len(got) != 0 {
			t.Errorf("refused %v, want none", got)
		}
		aaguid := w.keys(t, h.person)[0].AAGUID
		w.Change(t, func(tx *store.Tx) error {
			rules := staffkey.KeyRules{Models: map[string]staffkey.ModelRule{aaguid: staffkey.ModelDeny}}
			return tx.PutPolicySettings(w.Organisation.ID, staffkey.PolicySettings{Keys: &rules})
		})
		if got := mine(); len(got) != 3 || !slices.Contains(got, h.spare) {
			t.Errorf("with the model denied: refused %v, want all three", got)
		}
	})
}

// Other ways are offered by what they cost a person: an app first, codes that are used up last; and first of all what they used last (A15).
func TestBegun_offers_what_was_used_last_first(t *testing.T) {
	t.Parallel()
	got := signin.OptionsOf(
		staffkey.Enrolment{Method: staffkey.MethodRecoveryCode, LastUsedAt: time.Unix(9, 0)}, staffkey.Enrolment{Method: staffkey.MethodPhoneCall},
		staffkey.Enrolment{Method: staffkey.MethodTextMessage}, staffkey.Enrolment{Method: staffkey.MethodTOTP})
	want := []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall, staffkey.MethodRecoveryCode}
	if !slices.Equal(got, want) {
		t.Errorf("nothing used: %v, want %v", got, want)
	}
	got = signin.OptionsOf(
		staffkey.Enrolment{Method: staffkey.MethodRecoveryCode, LastUsedAt: time.Unix(9, 0)}, staffkey.Enrolment{Method: staffkey.MethodPhoneCall, LastUsedAt: time.Unix(3, 0)},
		staffkey.Enrolment{Method: staffkey.MethodTextMessage, LastUsedAt: time.Unix(2, 0)}, staffkey.Enrolment{Method: staffkey.MethodTOTP})
	want = []staffkey.MethodKind{staffkey.MethodPhoneCall, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodRecoveryCode}
	if !slices.Equal(got, want) {
		t.Errorf("a call used last, but for a code: %v, want %v", got, want)
	}
}
