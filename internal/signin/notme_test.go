package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
)

const day = 24 * time.Hour

// notMe is the secret of the link in a notice that a person has just had.
func (w *installation) notMe(t testing.TB, p staffkey.Person) string {
	t.Helper()
	w.Change(t, func(tx *store.Tx) error {
		return tx.InsertNotice("notice.method_added", p, map[string]string{"Method": "totp"})
	})
	return w.linkIn(t, p, "notice.method_added", "/not-me")
}

// found is a person as the store has them now.
func (w *installation) found(t testing.TB, p staffkey.Person) (now staffkey.Person) {
	t.Helper()
	w.Read(t, func(tx *store.Tx) (err error) {
		now, err = tx.FindPerson(p.ID)
		return err
	})
	return now
}

// F31: one press and nothing signs in any more.
func TestNotMe_freezes(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		h, key := w.equippedPerson(t, "amara")
		p := h.person
		in := w.browser(t, p, key.key)
		h.issue(t, true)
		reset, first := w.resetLink(t, p), w.firstPasswordLink(t, p)
		code := h.answer(t, staffkey.MethodTextMessage)
		w.Clock.Advance(time.Minute)
		secret := w.notMe(t, p)
		if found, notice, err := w.Service.CheckNotMeLink(t.Context(), secret); err != nil || found.ID != p.ID || notice != "method_added" {
			t.Errorf("the link is for %q about %q (error %v), want %q about method_added", found.ID, notice, err, p.ID)
		}
		frozen, err := w.Service.FreezeByLink(t.Context(), origin, secret)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.found(t, p); got.State != staffkey.PersonFrozen || !got.FrozenAt.Equal(w.Clock.Now()) {
			t.Errorf("the person is %s since %v, want frozen now", got.State, got.FrozenAt)
		}
		if got := w.Sessions(t); got != 1 || w.alive(t, in.Secret) { // ended, and not only of no use while it is frozen; lena's is left
			t.Errorf("%d sessions outlive the freeze, want the administrator's", got)
		}
		if e := w.byCode(t, frozen.Reference); len(e) != 1 || e[0].Kind != staffkey.EventPersonFrozen || e[0].Person != p.ID {
			t.Errorf("reference %s leads to %+v, want the freeze", frozen.Reference, e)
		}
		w.told(t, p, "notice.frozen", 1)
		w.told(t, p, "admin.frozen", 1)

		w.Refused(t, "person_frozen", func() error { // who knows the password may know why it does not help
			err := w.check(t, "amara", goodPassword)
			var r *staffkey.Refusal
			if errors.As(err, &r) && r.Message.ID != "person.frozen" {
				t.Errorf("the page says %s, want person.frozen", r.Message.ID)
			}
			return err
		})
		w.Refused(t, "password", func() error { return w.check(t, "amara", "not the password") })
		tries := map[string]func() error{
			"key":  func() error { _, err := w.signIn(t, signin.Attempt{}, key.key); return err },
			"app":  func() error { _, err := h.try(t, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now())); return err },
			"text": func() error { _, err := h.try(t, staffkey.MethodTextMessage, code); return err },
			"code": func() error { _, err := h.try(t, staffkey.MethodRecoveryCode, []byte(h.codes[0])); return err },
			"pass": func() error { _, err := w.signInByPass(t, "amara", h.pass); return err },
			"send": func() error {
				return w.Service.SendCode(t.Context(), w.Attempt(p), origin, staffkey.MethodTextMessage)
			},
			"enter": func() error {
				_, err := w.Service.Enter(t.Context(), origin, w.Attempt(p), nowhere)
				return err
			},
			"stop a key": func() error {
				_, err := w.Service.StopKeySignedOut(t.Context(), origin, w.Attempt(p), key.id, staffkey.StopLost)
				return err
			},
			"a new pass": func() error {
				_, err := w.Service.IssuePass(t.Context(), staffkey.ConsoleActor(), p.ID, signin.PassTerms{StartsAt: w.Clock.Now(), ExpiresAt: w.Clock.Now().Add(time.Hour)}, "asked")
				return err
			},
		}
		for name, try := range tries {
			w.Refused(t, "person_frozen", func() error {
				err := try()
				if err == nil {
					t.Errorf("%s works on a frozen account", name)
				}
				return err
			})
		}
		for name, use := range map[string]func() (staffkey.Person, error){
			"reset": func() (staffkey.Person, error) {
				return w.Service.UseResetLink(t.Context(), origin, reset, newPassword)
			},
			"first password": func() (staffkey.Person, error) {
				return w.Service.UseFirstPasswordLink(t.Context(), origin, first, newPassword)
			},
		} {
			if _, err := use(); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("the link for a %s: got error %v, want expired", name, err)
			}
		}
		mails := len(w.messages(t, p, ""))
		w.askReset(t, "amara")
		if got := len(w.messages(t, p, "")) - mails; got != 0 {
			t.Errorf("%d mails after a wish for a new password, want none", got)
		}
		if _, err := w.Service.FreezeByLink(t.Context(), origin, secret); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("the used link: got error %v, want expired", err)
		}
		if m := w.messages(t, p, "alert.changed"); len(m) == 0 || m[len(m)-1].To != "+447700900123" || m[len(m)-1].Channel != staffkey.ChannelText {
			t.Errorf("told %+v, want the telephone told too", m)
		}
	})
}

func TestNotMe_link_of_another_time_or_purpose(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		secret := w.notMe(t, p)
		for name, other := range map[string]string{"another purpose": w.resetLink(t, p), "nothing": "", "made up": "AAAA"} {
			if _, err := w.Service.FreezeByLink(t.Context(), origin, other); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s: got error %v, want expired", name, err)
			}
			if _, _, err := w.Service.CheckNotMeLink(t.Context(), other); !errors.Is(err, staffkey.ErrExpired) {
				t.Errorf("%s, looked at: got error %v, want expired", name, err)
			}
		}
		w.Clock.Advance(14*day - time.Microsecond)
		if _, _, err := w.Service.CheckNotMeLink(t.Context(), secret); err != nil {
			t.Errorf("at the last instant: %v", err)
		}
		w.Clock.Advance(time.Microsecond)
		if _, err := w.Service.FreezeByLink(t.Context(), origin, secret); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("when it has expired: got error %v, want expired", err)
		}
	})
}

func TestNotMe_link_is_used_once(t *testing.T) {
	t.Parallel()
	eachHashed(t, func(t *testing.T, w *installation) {
		for round := range raceRounds(t) {
			p := w.AddPerson(t, fmt.Sprint("amara", round))
			secret := w.notMe(t, p)
			frozen := make([]signin.Frozen, runners)
			errs := signintest.Parallel(runners, func(i int) (err error) {
				frozen[i], err = w.Service.FreezeByLink(t.Context(), origin, secret)
				return err
			})
			signintest.Once(t, errs)
			w.told(t, p, "notice.frozen", 1)
			for i, err := range errs {
				if err == nil {
					signintest.Once(t, signintest.Parallel(runners, func(int) error { return w.Service.UndoFreeze(t.Context(), origin, frozen[i].Undo) }))
				}
			}
			if got := w.found(t, p).State; got != staffkey.PersonActive {
				t.Errorf("after the undo the person is %s, want active", got)
			}
		}
	})
}

// A press by mistake is taken back by the browser that pressed, for ten minutes.
func TestUndoFreeze(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		_, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p, key := w.withKey(t, "amara")
		freeze := func() string {
			t.Helper()
			frozen, err := w.Service.FreezeOwn(t.Context(), w.browser(t, p, key).Actor)
			if err != nil {
				t.Fatal(err)
			}
			return frozen.Undo
		}
		undo := func(secret string) error { return w.Service.UndoFreeze(t.Context(), origin, secret) }
		first := freeze()
		w.Clock.Advance(10*time.Minute - time.Microsecond)
		if err := undo(first); err != nil {
			t.Fatalf("at the last instant: %v", err)
		}
		w.told(t, p, "notice.unfrozen", 1)
		if _, err := w.signIn(t, w.Attempt(p), key); err != nil {
			t.Errorf("after the undo: %v", err)
		}
		if err := undo(first); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("used: got error %v, want expired", err)
		}
		second := freeze()
		w.Clock.Advance(10 * time.Minute)
		if err := undo(second); !errors.Is(err, staffkey.ErrExpired) || w.found(t, p).State != staffkey.PersonFrozen {
			t.Errorf("ten minutes later: got error %v, want expired and the account frozen", err)
		}
		if err := undo(""); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("nothing: got error %v, want expired", err)
		}
		if err := w.Service.Unfreeze(t.Context(), administrator, p.ID, "spoke to her"); err != nil {
			t.Fatal(err)
		}
		if got := w.found(t, p).State; got != staffkey.PersonActive {
			t.Errorf("opened again, the person is %s, want active", got)
		}
	})
}

// Whoever presses once more, nobody knows who: then only an administrator opens the account again.
func TestNotMe_pressed_again_takes_the_undo_away(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p := w.person(t, "amara")
		one, two := w.notMe(t, p), w.notMe(t, p)
		frozen, err := w.Service.FreezeByLink(t.Context(), origin, one)
		if err != nil {
			t.Fatal(err)
		}
		again, err := w.Service.FreezeByLink(t.Context(), origin, two)
		if err != nil || again.Undo != "" || again.Reference == frozen.Reference {
			t.Errorf("pressed again: got %+v (error %v), want a reference and nothing to undo", again, err)
		}
		w.told(t, p, "notice.frozen", 1)
		w.told(t, p, "admin.frozen", 2)
		if err := w.Service.UndoFreeze(t.Context(), origin, frozen.Undo); !errors.Is(err, staffkey.ErrExpired) || w.found(t, p).State != staffkey.PersonFrozen {
			t.Errorf("the undo of the first: got error %v, want expired and the account frozen", err)
		}
	})
}

// What takes an earlier freeze back is worth nothing for a later one, nor once an administrator has looked.
func TestUndoFreeze_counts_for_its_own_freeze(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		_, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		p := w.person(t, "amara")
		freeze := func() string {
			t.Helper()
			frozen, err := w.Service.FreezeByLink(t.Context(), origin, w.notMe(t, p))
			if err != nil {
				t.Fatal(err)
			}
			return frozen.Undo
		}
		early := freeze()
		if err := w.Service.Unfreeze(t.Context(), administrator, p.ID, "spoke to her"); err != nil {
			t.Fatal(err)
		}
		if err := w.Service.UndoFreeze(t.Context(), origin, early); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("after an administrator has looked: got error %v, want expired", err)
		}
		freeze()
		if err := w.Service.UndoFreeze(t.Context(), origin, early); !errors.Is(err, staffkey.ErrExpired) || w.found(t, p).State != staffkey.PersonFrozen {
			t.Errorf("of an earlier freeze: got error %v, want expired and the account frozen", err)
		}
	})
}

// Who is disabled while frozen is opened by nobody, and comes back frozen. Of two operators neither is the last.
func TestNotMe_disabled_meanwhile(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		w.officer(t, "olu", staffkey.RoleOperator, w.Organisation.ID)
		p, _ := w.officer(t, "olive", staffkey.RoleOperator, w.Organisation.ID)
		frozen, err := w.Service.FreezeByLink(t.Context(), origin, w.notMe(t, p))
		if err != nil || frozen.LastOperator {
			t.Fatalf("got %+v, %v, want it frozen and another operator left", frozen, err)
		}
		w.Disable(t, p)
		w.Refused(t, "person_disabled", func() error { return w.Service.UndoFreeze(t.Context(), origin, frozen.Undo) })
		w.Refused(t, "person_disabled", func() error { return w.Service.Unfreeze(t.Context(), staffkey.ConsoleActor(), p.ID, "let me") })
		w.Refused(t, "person_disabled", func() error {
			_, err := w.Service.FreezeByLink(t.Context(), origin, w.notMe(t, p))
			return err
		})
		if got := w.found(t, p); got.State != staffkey.PersonDisabled || got.FrozenAt.IsZero() {
			t.Errorf("the person is %s since %v, want disabled, and the freeze not forgotten", got.State, got.FrozenAt)
		}
	})
}

// F30: opened again by an administrator of theirs; what was new stays off, and the password is chosen anew.
func TestUnfreeze(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		other := w.organisation(t, "RX2", w.Organisation.ID)
		_, administrator := w.officer(t, "lena", staffkey.RoleLocalAdministrator, w.Organisation.ID)
		_, elsewhere := w.officer(t, "otto", staffkey.RoleLocalAdministrator, other.ID)
		p, old := w.withKey(t, "amara")
		in := w.browser(t, p, old)
		h := w.wallet(t, in, staffkey.MethodRecoveryCode)
		oldID := w.keys(t, p)[0].ID
		w.Clock.Advance(7*day + time.Microsecond)
		in = w.browser(t, p, old)
		fresh := newKey()
		freshID := w.addKey(t, in, fresh, "Fresh").ID
		if err := h.setUp(t, in, staffkey.MethodTOTP); err != nil {
			t.Fatal(err)
		}
		w.waiting(t, p, 1)
		w.Refused(t, "not_frozen", func() error { return w.Service.Unfreeze(t.Context(), administrator, p.ID, "spoke to her") })
		frozen, err := w.Service.FreezeOwn(t.Context(), w.browser(t, p, old).Actor)
		if err != nil {
			t.Fatal(err)
		}
		for _, actor := range []staffkey.Actor{elsewhere, w.plain(t, "ben")} {
			w.Refused(t, "scope", func() error { return w.Service.Unfreeze(t.Context(), actor, p.ID, "let me") })
		}
		if err := w.Service.Unfreeze(t.Context(), administrator, p.ID, " "); !errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("without a reason: got error %v, want an invalid field", err)
		}
		if err := w.Service.Unfreeze(t.Context(), administrator, p.ID, "spoke to her"); err != nil {
			t.Fatal(err)
		}
		if err := w.Service.UndoFreeze(t.Context(), origin, frozen.Undo); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("the undo: got error %v, want expired", err)
		}
		if got := w.state(t, p, oldID); got != staffkey.SecurityKeyActive {
			t.Errorf("the old key is %s, want it in use", got)
		}
		if got := w.state(t, p, freshID); got != staffkey.SecurityKeySuspended {
			t.Errorf("the key from the day before is %s, want it on hold", got)
		}
		if got := len(w.keys(t, p)); got != 2 {
			t.Errorf("%d keys, want the one without a name gone", got)
		}
		if _, err := w.signIn(t, signin.Attempt{}, fresh); signintest.RuleOf(err) != "key_suspended" {
			t.Errorf("the key from the day before: got error %v, want a refusal by key_suspended", err)
		}
		w.Refused(t, "code_wrong", func() error {
			_, err := h.try(t, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now().Add(30*time.Second)))
			return err
		})
		w.Refused(t, "password", func() error { return w.check(t, "amara", goodPassword) })
		if _, err := w.Service.UseResetLink(t.Context(), origin, w.resetLink(t, p), newPassword); err != nil {
			t.Fatal(err)
		}
		if err := w.check(t, "amara", newPassword); err != nil {
			t.Errorf("the password chosen anew: %v", err)
		}
		h.browserBy(t, staffkey.MethodRecoveryCode) // which is older than a week
		w.told(t, p, "notice.unfrozen", 1)
		if _, err := w.Service.ResumeKey(t.Context(), w.browser(t, p, old).Actor, freshID); err != nil {
			t.Errorf("resumed by the old key: %v", err)
		}
	})
}
