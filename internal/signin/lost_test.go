package signin_test

import (
	"errors"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// keyInHand is a key with the entry that it has on its person's list.
type keyInHand struct {
	w      *installation
	person staffkey.Person
	key    *softkey.Key
	id     staffkey.SecurityKeyID
}

// stop puts a key on hold, which must work.
func (w *installation) stop(t testing.TB, in signintest.Browser, id staffkey.SecurityKeyID, reason staffkey.StopReason) signin.Stopped {
	t.Helper()
	out, err := w.Service.StopKey(t.Context(), in.Actor, id, reason, signin.Kept{})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// addStoredKey puts a key of a state into the store, for tests in which no one holds it.
func (w *installation) addStoredKey(t testing.TB, p staffkey.Person, state staffkey.SecurityKeyState) staffkey.SecurityKeyID {
	t.Helper()
	id := w.waiting(t, p, 1)[0]
	w.Change(t, func(tx *store.Tx) error {
		if err := tx.NameKey(store.InUse{Owner: staffkey.Person{ID: p.ID}}, id, "Stored "+string(id)[30:]); err != nil {
			return err
		}
		if state == staffkey.SecurityKeySuspended {
			return tx.StopSecurityKey(p.ID, id, staffkey.StopLost)
		}
		return nil
	})
	return id
}

// state is the state of a person's key.
func (w *installation) state(t testing.TB, p staffkey.Person, id staffkey.SecurityKeyID) staffkey.SecurityKeyState {
	t.Helper()
	for _, k := range w.keys(t, p) {
		if k.ID == id {
			return k.State
		}
	}
	return ""
}

// F25: stopped now, without a new proof; its sessions end; the Local Administrator is told.
func TestStopKey(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p, key := w.withKey(t, "amara")
		first := w.keys(t, p)[0]
		opened := w.browser(t, p, key)
		again, err := w.register(t, opened, key, true) // the same key under another nickname (F24)
		if err == nil {
			err = w.Service.NameKey(t.Context(), opened.Actor, again.ID, "Night shift")
		}
		if err != nil {
			t.Fatal(err)
		}
		spare := newKey()
		spareEntry := w.addKey(t, opened, spare, "Spare")
		second := w.browser(t, p, key)
		bySpare := w.browser(t, p, spare)
		w.Clock.Advance(staffkey.ProofLife * 2) // an old proof is enough

		other := w.Enter(t, w.person(t, "ben"))
		if _, err := w.Service.StopKey(t.Context(), other.Actor, first.ID, staffkey.StopLost, signin.Kept{}); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("another's key: got error %v, want not found", err)
		}
		if w.state(t, p, first.ID) != staffkey.SecurityKeyActive || !w.alive(t, second.Secret) {
			t.Fatal("another person has stopped the key")
		}
		out := w.stop(t, bySpare, first.ID, staffkey.StopStolen)
		for _, id := range []staffkey.SecurityKeyID{first.ID, again.ID} {
			if got := w.state(t, p, id); got != staffkey.SecurityKeySuspended {
				t.Errorf("an entry of the stolen key is %s, want it on hold", got)
			}
		}
		if got := w.state(t, p, spareEntry.ID); got != staffkey.SecurityKeyActive {
			t.Errorf("the other key is %s, want it in use", got)
		}
		if w.alive(t, opened.Secret) || w.alive(t, second.Secret) || !w.alive(t, bySpare.Secret) {
			t.Error("sessions of the stolen key are alive, or the one that says so has ended")
		}
		if _, err := w.signIn(t, signin.Attempt{}, key); signintest.RuleOf(err) != "key_suspended" {
			t.Errorf("the stolen key: got error %v, want a refusal by key_suspended", err)
		}
		if e := w.byCode(t, out.Reference); len(e) != 1 || e[0].Kind != staffkey.EventKeyStopped || e[0].Detail["reason"] != "stolen" || e[0].SubjectName != "Blue lanyard" {
			t.Errorf("reference %s leads to %+v, want the stop", out.Reference, e)
		}
		w.told(t, p, "notice.key_stopped", 1)
		w.told(t, p, "admin.key_stopped", 1)
		if m := w.messages(t, p, "admin.key_stopped"); len(m) == 1 && (m[0].To != "lena@staff.example" || m[0].Args["Nickname"] != "Blue lanyard" || m[0].Args["Reference"] != out.Reference) {
			t.Errorf("told %+v, want lena of Blue lanyard", m[0])
		}
		if _, err := w.Service.StopKey(t.Context(), bySpare.Actor, first.ID, staffkey.StopLost, signin.Kept{}); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("stopped twice: got error %v, want not found", err)
		}
		// The session that says so stays, even when the key that is stopped had opened it.
		w.stop(t, bySpare, spareEntry.ID, staffkey.StopLost)
		if !w.alive(t, bySpare.Secret) {
			t.Error("the session that stopped its own key has ended")
		}
		ended := bySpare
		if err := w.Service.SignOut(t.Context(), bySpare.Actor); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "session_ended", func() error {
			_, err := w.Service.StopKey(t.Context(), ended.Actor, first.ID, staffkey.StopLost, signin.Kept{})
			return err
		})
	})
}

// F25: signed out, a name and a password put a key on hold, once a day.
func TestStopKeySignedOut(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		first := w.keys(t, p)[0].ID
		second := w.addStoredKey(t, p, staffkey.SecurityKeyActive)
		theirs := w.addStoredKey(t, w.AddPerson(t, "ben"), staffkey.SecurityKeyActive)
		stop := func(a signin.Attempt, id staffkey.SecurityKeyID) error {
			_, err := w.Service.StopKeySignedOut(t.Context(), origin, a, id, staffkey.StopStolen)
			return err
		}
		if err := stop(signin.Attempt{}, first); signintest.RuleOf(err) != policy.NeedsSecond {
			t.Errorf("without a password: got error %v, want a refusal by %s", err, policy.NeedsSecond)
		}
		if err := stop(w.Attempt(p), theirs); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("another's key: got error %v, want not found", err)
		}
		if err := stop(w.Attempt(p), first); err != nil { // what was not found has not used the day up
			t.Fatal(err)
		}
		if w.alive(t, in.Secret) || w.state(t, p, first) != staffkey.SecurityKeySuspended {
			t.Error("the key's session is alive or the key not on hold")
		}
		w.told(t, p, "admin.key_suspended", 1)
		w.told(t, p, "admin.key_stopped", 0)
		for _, k := range w.keys(t, p) { // whatever was said, a password alone makes it no harder to get back than a lost key is
			if k.ID == first && k.StopReason != staffkey.StopLost {
				t.Errorf("the key is on hold as %s, want it lost", k.StopReason)
			}
		}
		if e := w.events(t, staffkey.EventKeyStopped); e[len(e)-1].Detail["signed_out"] != "yes" || e[len(e)-1].Detail["reason"] != "stolen" {
			t.Errorf("event %+v, want it to say that nobody was signed in, and what was said", e[len(e)-1])
		}
		w.Refused(t, "stop_once", func() error { return stop(w.Attempt(p), second) })
		w.Clock.Advance(24*time.Hour - time.Microsecond)
		w.Refused(t, "stop_once", func() error { return stop(w.Attempt(p), second) })
		w.Clock.Advance(time.Microsecond)
		if err := stop(w.Attempt(p), second); err != nil {
			t.Errorf("a day later: %v", err)
		}
		w.Disable(t, p)
		w.Refused(t, "person_disabled", func() error { return stop(w.Attempt(p), second) })
	})
}

func TestResumeKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		reason staffkey.StopReason
		by     map[string]bool // key, pass, code, app: whether it resumes, with no other key in use but for "key"
	}{
		{staffkey.StopLost, map[string]bool{"key": true, "pass": true, "code": true, "app": false}},
		{staffkey.StopStolen, map[string]bool{"key": true, "pass": true, "code": false, "app": false}},
		{staffkey.StopMisused, map[string]bool{"key": true, "pass": true, "code": false, "app": false}},
	}
	for _, test := range tests {
		for by, may := range test.by {
			t.Run(string(test.reason)+" by "+by, func(t *testing.T) {
				t.Parallel()
				eachEquipped(t, func(t *testing.T, w *installation) {
					h, key := w.equippedPerson(t, "amara")
					spare := newKey()
					if by == "key" {
						w.addKey(t, w.browser(t, h.person, key.key), spare, "Spare")
					}
					w.Clock.Advance(8 * day) // what was set up by a key a week ago is not suspected with it
					w.stop(t, w.browser(t, h.person, key.key), key.id, test.reason)
					var in signintest.Browser
					switch by {
					case "key":
						in = w.browser(t, h.person, spare)
					case "pass":
						h.issue(t, false)
						opened, err := w.signInByPass(t, "amara", h.pass)
						if err != nil {
							t.Fatal(err)
						}
						in = w.Browser(t, opened)
					case "code":
						in = h.browserBy(t, staffkey.MethodRecoveryCode)
					case "app":
						in = h.browserBy(t, staffkey.MethodTOTP)
					}
					resume := func() error {
						_, err := w.Service.ResumeKey(t.Context(), in.Actor, key.id)
						return err
					}
					if !may {
						w.Refused(t, policy.StepUp, resume)
						return
					}
					if err := resume(); err != nil {
						t.Fatal(err)
					}
					w.told(t, h.person, "notice.key_resumed", 1)
					if _, err := w.signIn(t, signin.Attempt{}, key.key); err != nil {
						t.Errorf("the resumed key: %v", err)
					}
					if err := resume(); by != "code" && !errors.Is(err, staffkey.ErrNotFound) {
						t.Errorf("resumed twice: got error %v, want not found", err)
					}
				})
			})
		}
	}
}

// F65: a Local Administrator resumes the keys of their own people only.
func TestResumeKeyFor(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		other := w.organisation(t, "RX2", w.Organisation.ID)
		lena, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		_, elsewhere := w.officer(t, "otto", staffkey.RoleLocalAdministrator, other.ID)
		_, helpdesk := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		p := w.AddPerson(t, "amara")
		id := w.addStoredKey(t, p, staffkey.SecurityKeySuspended)
		nickname := w.keys(t, p)[0].Nickname
		for _, actor := range []staffkey.Actor{elsewhere, helpdesk} {
			w.Refused(t, "scope", func() error { return w.Service.ResumeKeyFor(t.Context(), actor, p.ID, id) })
			if _, err := w.Service.FindStoppedKey(t.Context(), actor, p.ID, nickname); signintest.RuleOf(err) != "scope" {
				t.Errorf("%s looks for the key: got error %v, want a refusal by scope", actor.Name, err)
			}
		}
		weak := storetest.SignIn(t, w.Store, lena, staffkey.Assurance{Level: 2}, w.Clock.Now())
		w.Refused(t, "role_needs_key", func() error { return w.Service.ResumeKeyFor(t.Context(), weak, p.ID, id) })
		if err := w.Service.ApproveKey(t.Context(), administrator, p.ID, id); !errors.Is(err, staffkey.ErrNotFound) || w.state(t, p, id) != staffkey.SecurityKeySuspended {
			t.Errorf("a review of a key that does not wait for one: got error %v, want not found, and the key on hold", err)
		}
		own := w.addStoredKey(t, staffkey.Person{ID: administrator.Person}, staffkey.SecurityKeySuspended)
		w.Refused(t, "rank", func() error { return w.Service.ResumeKeyFor(t.Context(), administrator, administrator.Person, own) })
		if _, err := w.Service.FindStoppedKey(t.Context(), administrator, p.ID, "no such"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("another nickname: got error %v, want not found", err)
		}
		found, err := w.Service.FindStoppedKey(t.Context(), administrator, p.ID, nickname)
		if err != nil || found != id {
			t.Errorf("found key %q (error %v), want %q", found, err, id)
		}
		if err := w.Service.ResumeKeyFor(t.Context(), administrator, p.ID, found); err != nil {
			t.Fatal(err)
		}
		if got := w.state(t, p, id); got != staffkey.SecurityKeyActive {
			t.Errorf("the key is %s, want it in use", got)
		}
		w.told(t, p, "notice.key_resumed", 1)
		if m := w.messages(t, p, "notice.key_resumed"); len(m) == 1 && (m[0].Args["By"] != "Person lena" || m[0].Args["IP"] != "") {
			t.Errorf("told %v, want who did it and not from where", m[0].Args)
		}
	})
}

// F27: a key that was reset takes the place of its own old entry, under the same nickname, in one change.
func TestReplace(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		old := w.keys(t, p)[0].ID
		spare := newKey()
		spareEntry := w.addKey(t, in, spare, "Spare")
		in = w.browser(t, p, spare)
		begin := func(id staffkey.SecurityKeyID) (signin.Begun, error) {
			return w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodSecurityKey, signin.EnrolOptions{Replaces: id})
		}
		theirs := w.addStoredKey(t, w.AddPerson(t, "ben"), staffkey.SecurityKeySuspended)
		for name, id := range map[string]staffkey.SecurityKeyID{"in use": old, "another's": theirs, "unknown": "none"} {
			if _, err := begin(id); signintest.RuleOf(err) != "not_replaceable" {
				t.Errorf("replace a key %s: got error %v, want a refusal by not_replaceable", name, err)
			}
		}
		w.stop(t, in, old, staffkey.StopLost)
		register := func() staffkey.SecurityKey {
			t.Helper()
			b, err := begin(old)
			if err != nil {
				t.Fatal(err)
			}
			done, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(b, staffkey.MethodSecurityKey, create(t, newKey(), b.Options)))
			if err != nil {
				t.Fatal(err)
			}
			return done.Key
		}
		pending := register()
		if got := w.state(t, p, old); got != staffkey.SecurityKeySuspended {
			t.Errorf("before the new key has its name the old one is %s, want it on hold", got)
		}
		if err := w.Service.NameKey(t.Context(), in.Actor, pending.ID, "Spare"); invalidBy(err) != "name.taken" {
			t.Errorf("under the nickname of another: got error %v, want name.taken", err)
		}
		if got := w.state(t, p, old); got != staffkey.SecurityKeySuspended {
			t.Errorf("after a mistake the old key is %s, want it on hold", got)
		}
		// Found meanwhile, and in use again: its place is not free.
		if _, err := w.Service.ResumeKey(t.Context(), in.Actor, old); err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "not_replaceable", func() error { return w.Service.NameKey(t.Context(), in.Actor, pending.ID, "Blue lanyard") })
		w.stop(t, in, old, staffkey.StopLost)
		if err := w.Service.NameKey(t.Context(), in.Actor, pending.ID, "Blue lanyard"); err != nil {
			t.Fatal(err)
		}
		if got := w.state(t, p, old); got != staffkey.SecurityKeyRemoved {
			t.Errorf("the old key is %s, want it removed", got)
		}
		if got := w.state(t, p, pending.ID); got != staffkey.SecurityKeyActive {
			t.Errorf("the new key is %s, want it in use", got)
		}
		w.told(t, p, "notice.key_replaced", 1)
		if e := w.events(t, staffkey.EventKeyReplaced); len(e) != 1 || e[0].SubjectName != "Blue lanyard" {
			t.Errorf("events %+v, want one of Blue lanyard", e)
		}
		if got := w.state(t, p, spareEntry.ID); got != staffkey.SecurityKeyActive {
			t.Errorf("the spare key is %s, want it in use", got)
		}
	})
}

func TestAskReplacement(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		ask := func(r signin.Replacement) error {
			_, err := w.Service.AskReplacement(t.Context(), in.Actor, r)
			return err
		}
		other := w.person(t, "lin")
		key, foreign := w.waiting(t, p, 1)[0], w.addStoredKey(t, other, staffkey.SecurityKeyActive)
		good := signin.Replacement{Reason: "lost", Place: "Ward 4", Token: key}
		for _, id := range []staffkey.SecurityKeyID{foreign, "x\x1b[2K\r\n2026-11-28 09:00:00  role_granted"} {
			if err := ask(signin.Replacement{Reason: "lost", Place: "Ward 4", Token: id}); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("about %q: got error %v, want not found", id, err)
			}
		}
		for name, r := range map[string]signin.Replacement{
			"reason": {Reason: "because", Place: "Ward 4"}, "place": {Reason: "lost"}, "note": {Reason: "lost", Place: "Ward 4", Note: "a\x00b"},
		} {
			if err := ask(r); !errors.Is(err, staffkey.ErrInvalid) {
				t.Errorf("without a good %s: got error %v, want an invalid field", name, err)
			}
		}
		for range 3 {
			if err := ask(good); err != nil {
				t.Fatal(err)
			}
		}
		w.Refused(t, "request_daily", func() error { return ask(good) })
		w.told(t, p, "admin.replacement", 3)
		in = w.laterBrowser(t, p, 24*time.Hour)
		if err := ask(good); err != nil {
			t.Errorf("a day later: %v", err)
		}
	})
}

// laterBrowser lets time go by and signs in by the password alone.
func (w *installation) laterBrowser(t testing.TB, p staffkey.Person, d time.Duration) signintest.Browser {
	t.Helper()
	w.Clock.Advance(d)
	return w.Enter(t, p)
}
