package signin_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"
)

// thief signs in by a stolen key, adds T, signs in by T, adds T2, takes T off the list, and is still there when the owner reports the key.
func TestLineage_removed_link_in_chain(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		spare := newKey()
		w.addKey(t, w.browser(t, p, key), spare, "Spare, of the owner")
		w.Clock.Advance(8 * day)
		theirs, second := newKey(), newKey()
		made := w.addKey(t, w.browser(t, p, key), theirs, "Theirs")
		apart := w.browser(t, p, theirs)
		chained := w.addKey(t, apart, second, "Their second")
		if _, err := w.Service.StopKey(t.Context(), apart.Actor, made.ID, staffkey.StopLost, signin.Kept{}); err != nil {
			t.Fatal(err)
		}
		owner := w.browser(t, p, spare)
		id := w.keys(t, p)[0].ID
		found, _ := w.Service.MadeBy(t.Context(), owner.Actor, id)
		out := w.stop(t, owner, id, staffkey.StopStolen)
		t.Logf("shown: %d keys; ended %+v", len(found.Keys), out.Ended)
		if w.alive(t, apart.Secret) {
			t.Error("thief's session goes on")
		}
		if got := w.state(t, p, chained.ID); got != staffkey.SecurityKeySuspended {
			t.Errorf("thief's second key is %s", got)
		}
		if _, err := w.signIn(t, signin.Attempt{}, second); err == nil {
			t.Error("thief signs in by the second key")
		}
	})
}

// A pass in the wrong hands; password set by it; sign-in by that password alone; key registered there.
func TestLineage_pass_password_enter(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		code := w.issuePass(t, p, w.fromNow())
		opened, err := w.signInByPass(t, p.Username, code)
		if err != nil {
			t.Fatal(err)
		}
		in := w.Browser(t, opened)
		if err := w.Service.ChangePassword(t.Context(), in.Actor, "", "", "a stranger's velvet canyon moss"); err != nil {
			t.Fatal(err)
		}
		a, err := w.Service.CheckPassword(t.Context(), origin, signin.Attempt{}, p.Username, "a stranger's velvet canyon moss")
		if err != nil {
			t.Fatal(err)
		}
		e, err := w.Service.Enter(t.Context(), origin, a, nowhere)
		if err != nil {
			t.Fatal(err)
		}
		theirs := newKey()
		s3 := w.Browser(t, e)
		w.addKey(t, s3, theirs, "Theirs")
		ended, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false)
		t.Logf("ended %+v %v", ended, err)
		if w.alive(t, s3.Secret) {
			t.Error("thief's session goes on")
		}
		if got, err := w.signIn(t, signin.Attempt{}, theirs); err == nil {
			t.Errorf("thief signs in at level %d", got.Session.Assurance.Level)
		}
	})
}

// Thief by key A sets up TOTP, signs in by password+TOTP in a session of its own.
func TestLineage_method_session_survives(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		spare := newKey()
		w.addKey(t, w.browser(t, p, key), spare, "Spare")
		w.Clock.Advance(8 * day)
		h := w.wallet(t, w.browser(t, p, key), staffkey.MethodTOTP)
		s3 := h.browserBy(t, staffkey.MethodTOTP)
		owner := w.browser(t, p, spare)
		out := w.stop(t, owner, w.keys(t, p)[0].ID, staffkey.StopStolen)
		t.Logf("%+v", out.Ended)
		if w.alive(t, s3.Secret) {
			t.Error("thief's session by the app goes on")
		}
	})
}

// Only key stolen with password: thief makes codes, signs in by password+code; owner reports it stolen by /lost; thief registers a key.
func TestLineage_code_session_registers_after_stop(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		w.Clock.Advance(8 * day)
		codes := w.codes(t, w.browser(t, p, key))
		s3 := w.signInWithCode(t, p, codes[0])
		if _, err := w.Service.StopKeySignedOut(t.Context(), origin, w.Attempt(p), w.keys(t, p)[0].ID, staffkey.StopStolen); err != nil {
			t.Fatal(err)
		}
		theirs := newKey()
		k, err := w.register(t, s3, theirs, false)
		if err == nil {
			err = w.Service.NameKey(t.Context(), s3.Actor, k.ID, "Theirs")
		}
		if err == nil {
			in, err := w.signIn(t, signin.Attempt{}, theirs)
			t.Errorf("after the report the thief has a key of their own in use: level %d, %v", in.Session.Assurance.Level, err)
		} else {
			t.Logf("%v", err)
		}
	})
}

// Step-up by a pass inside a session of a password alone.
func TestLineage_step_up_by_pass(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		code := w.issuePass(t, p, w.fromNow())
		b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodPass)
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodPass, []byte(code)), in.Session)
		if err != nil {
			t.Fatal(err)
		}
		s := w.Browser(t, got)
		t.Logf("recovery %q lineage %v", s.Session.Recovery, s.Session.Lineage())
		theirs := newKey()
		w.addKey(t, s, theirs, "Theirs")
		ended, err := w.Service.RevokePass(t.Context(), staffkey.ConsoleActor(), p.ID, false)
		t.Logf("ended %+v %v", ended, err)
		if w.alive(t, s.Secret) {
			t.Error("session by the pass goes on")
		}
		if _, err := w.signIn(t, signin.Attempt{}, theirs); err == nil {
			t.Error("key set up by the pass signs in")
		}
	})
}

// A password alone, at /lost, with "stolen".
func TestLineage_signed_out_stolen_takes_all(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		in := w.browser(t, p, key)
		backup := newKey()
		bk := w.addKey(t, in, backup, "Drawer")
		h := w.wallet(t, in, staffkey.MethodTOTP, staffkey.MethodRecoveryCode)
		out, err := w.Service.StopKeySignedOut(t.Context(), origin, w.Attempt(p), w.keys(t, p)[0].ID, staffkey.StopStolen)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("a password alone ended %+v", out.Ended)
		if got := w.state(t, p, bk.ID); got != staffkey.SecurityKeyActive {
			t.Errorf("backup is %s: owner has %v left", got, w.mine(t, p))
		}
		if _, err := h.signInBy(t, staffkey.MethodTOTP); err != nil {
			t.Errorf("app: %v", err)
		}
	})
}

func (w *installation) mine(t testing.TB, p staffkey.Person) (s []string) {
	for _, k := range w.keys(t, p) {
		s = append(s, k.Nickname+" "+string(k.State)+" "+string(k.StopReason))
	}
	return s
}

// Owner is signed in by the app; thief replaces it.
func TestLineage_replaced_app_kept(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		mine := w.wallet(t, w.browser(t, p, key), staffkey.MethodTOTP)
		w.Clock.Advance(8 * day)
		owner := mine.browserBy(t, staffkey.MethodTOTP)
		w.Clock.Advance(60e9)
		thief := w.wallet(t, w.browser(t, p, key), staffkey.MethodTOTP)
		found, _ := w.Service.MadeBy(t.Context(), owner.Actor, w.keys(t, p)[0].ID)
		out := w.stop(t, owner, w.keys(t, p)[0].ID, staffkey.StopStolen)
		t.Logf("shown %v, ended %+v", found.Methods, out.Ended)
		if in, err := thief.signInBy(t, staffkey.MethodTOTP); err == nil {
			t.Errorf("the thief's app signs in, level %d", in.Session.Assurance.Level)
		}
	})
}

// A thief's key that waits for its review is approved after the report.
func TestLineage_review(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		spare := newKey()
		w.addKey(t, w.browser(t, p, key), spare, "Spare")
		w.Clock.Advance(8 * day)
		w.rules(t, staffkey.KeyRules{Others: new(staffkey.ModelReview)})
		theirs := newKey()
		made := w.addKey(t, w.browser(t, p, key), theirs, "Lanyard 2")
		owner := w.browser(t, p, spare)
		out := w.stop(t, owner, w.keys(t, p)[0].ID, staffkey.StopStolen)
		t.Logf("%+v %v", len(out.Ended.Keys), w.mine(t, p))
		if err := w.Service.ApproveKey(t.Context(), staffkey.ConsoleActor(), p.ID, made.ID); err == nil {
			in, err := w.signIn(t, signin.Attempt{}, theirs)
			t.Errorf("approved as if nothing were: level %d %v", in.Session.Assurance.Level, err)
		}
	})
}

// The same with a freeze.
func TestLineage_review_freeze(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		w.Clock.Advance(8 * day)
		w.rules(t, staffkey.KeyRules{Others: new(staffkey.ModelReview)})
		theirs := newKey()
		made := w.addKey(t, w.browser(t, p, key), theirs, "Lanyard 2")
		owner := w.browser(t, p, key)
		if _, err := w.Service.FreezeOwn(t.Context(), owner.Actor); err != nil {
			t.Fatal(err)
		}
		if err := w.Service.Unfreeze(t.Context(), staffkey.ConsoleActor(), p.ID, "looked"); err != nil {
			t.Fatal(err)
		}
		t.Logf("%v", w.mine(t, p))
		if err := w.Service.ApproveKey(t.Context(), staffkey.ConsoleActor(), p.ID, made.ID); err == nil {
			t.Error("approved")
		}
	})
}

// A session by an earlier pass outlives a grant of a role.
func TestLineage_ends_with_a_role(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.AddPerson(t, "amara")
		opened, err := w.signInByPass(t, p.Username, w.issuePass(t, p, w.fromNow()))
		if err != nil {
			t.Fatal(err)
		}
		s := w.Browser(t, opened)
		w.issuePass(t, p, w.fromNow())
		// what directory.GrantRole does
		w.Change(t, func(tx *store.Tx) error {
			if _, err := tx.InsertRoleGrant(staffkey.RoleGrant{Person: p.ID, Role: staffkey.RoleOperator, Organisation: w.Organisation.ID, GrantedAt: tx.Now}); err != nil {
				return err
			}
			if _, err := tx.EndSessionsFrom(p.ID, staffkey.PassAncestor(""), ""); err != nil {
				return err
			}
			return tx.DeleteEnrolment(p.ID, staffkey.MethodPass)
		})
		if w.alive(t, s.Secret) {
			theirs := newKey()
			k, err := w.register(t, s, theirs, false)
			if err == nil {
				err = w.Service.NameKey(t.Context(), s.Actor, k.ID, "Theirs")
			}
			in, err2 := w.signIn(t, signin.Attempt{}, theirs)
			t.Errorf("operator by the pass of somebody without a role: level %d, %v %v", in.Session.Assurance.Level, err, err2)
		}
	})
}
