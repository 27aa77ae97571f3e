package signin_test

import (
	"bytes"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
)

// slowly lets time pass that a page stays open, while its person uses the session.
func (w *installation) slowly(t testing.TB, in signintest.Browser, d time.Duration) {
	t.Helper()
	for d > 0 {
		step := min(d, 5*time.Minute)
		w.Clock.Advance(step)
		d -= step
		if _, err := w.Service.Find(t.Context(), origin, in.Secret); err != nil {
			t.Fatalf("the session is used: %v", err)
		}
	}
}

// What was begun with a fresh proof may be finished when the proof is not fresh any more: what the person has done by then, on a key, in
// an app or at a telephone, is not thrown away (WCAG 2.2.1).
func TestEnrolment_begun_in_time_is_finished(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		kind staffkey.MethodKind
		took time.Duration // since the page was opened
	}{
		{staffkey.MethodSecurityKey, staffkey.CeremonyLife - time.Second},
		{staffkey.MethodTOTP, staffkey.EnrolmentLife - time.Second},
		{staffkey.MethodTextMessage, staffkey.CeremonyLife + time.Minute},
		{staffkey.MethodRecoveryCode, staffkey.EnrolmentLife - time.Second},
	} {
		t.Run(string(tt.kind), func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				p := w.person(t, "amara")
				in := w.Enter(t, p)
				w.Clock.Advance(staffkey.ProofLife)
				b, err := w.Service.BeginEnrolment(t.Context(), in.Actor, tt.kind, signin.EnrolOptions{})
				if err != nil {
					t.Fatal(err)
				}
				w.slowly(t, in, tt.took)
				if _, err := w.Service.BeginEnrolment(t.Context(), in.Actor, tt.kind, signin.EnrolOptions{}); signintest.RuleOf(err) != policy.StepUp {
					t.Fatalf("begun now: got error %v, want a refusal by %s", err, policy.StepUp)
				}
				var body []byte
				switch tt.kind {
				case staffkey.MethodSecurityKey:
					body = create(t, newKey(), b.Options)
				case staffkey.MethodTOTP:
					body = totpCode(secretOfApp(t, b.Options), w.Clock.Now())
				case staffkey.MethodTextMessage:
					w.Refused(t, policy.StepUp, func() error {
						return w.Service.SendEnrolmentCode(t.Context(), in.Actor, tt.kind, "07700 900123", "")
					})
					if err := w.Service.SendEnrolmentCode(t.Context(), in.Actor, tt.kind, "07700 900123", b.Sealed); err != nil {
						t.Fatalf("send the code for the number that was typed: %v", err)
					}
					body = []byte(w.LatestCode(t, p.ID))
				}
				if _, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(b, tt.kind, body)); err != nil {
					t.Errorf("finished %s after the page was opened: %v", tt.took, err)
				}
			})
		})
	}
}

// A proof that was too old when the page was opened does not become fresh by it, nor does what was begun last for ever, or for another session.
func TestEnrolment_begun_in_time_has_an_end(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		b, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodTOTP, signin.EnrolOptions{})
		if err != nil {
			t.Fatal(err)
		}
		secret := secretOfApp(t, b.Options)
		w.slowly(t, in, staffkey.EnrolmentLife-10*time.Minute)
		again, err := w.Service.BeginEnrolment(t.Context(), in.Actor, staffkey.MethodTOTP, signin.EnrolOptions{Continues: b.Sealed})
		if err != nil || !bytes.Equal(secretOfApp(t, again.Options), secret) {
			t.Fatalf("the page loaded again: error %v, or another secret", err)
		}
		other := w.Enter(t, w.person(t, "ben"))
		if b, err := w.Service.BeginEnrolment(t.Context(), other.Actor, staffkey.MethodTOTP, signin.EnrolOptions{Continues: b.Sealed}); err != nil || bytes.Equal(secretOfApp(t, b.Options), secret) {
			t.Errorf("another person continues it: error %v, or the same secret", err)
		}
		anew := w.Enter(t, p) // signed in once more, by a proof that has grown old since
		w.slowly(t, anew, staffkey.ProofLife-time.Minute)
		if b, err := w.Service.BeginEnrolment(t.Context(), anew.Actor, staffkey.MethodTOTP, signin.EnrolOptions{Continues: again.Sealed}); err != nil || !bytes.Equal(secretOfApp(t, b.Options), secret) {
			t.Errorf("proved anew: error %v, or another secret than the app has", err)
		}
		w.slowly(t, anew, 2*time.Minute)
		if _, err := w.Service.BeginEnrolment(t.Context(), anew.Actor, staffkey.MethodTOTP, signin.EnrolOptions{Continues: b.Sealed}); signintest.RuleOf(err) != policy.StepUp {
			t.Errorf("what was begun in another session makes an old proof fresh: error %v", err)
		}
		w.slowly(t, in, 4*time.Minute)
		w.Refused(t, "ceremony_expired", func() error { // begun when the first page was, however often it was loaded
			_, err := w.Service.FinishEnrolment(t.Context(), in.Actor, answer(again, staffkey.MethodTOTP, totpCode(secret, w.Clock.Now())))
			return err
		})
	})
}

// A new password that takes long to think of is judged by when its form was opened.
func TestChangePassword_begun_in_time(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		in := w.Enter(t, p)
		w.Clock.Advance(staffkey.ProofLife)
		begun, err := w.Service.BeginPasswordChange(t.Context(), in.Actor)
		if err != nil {
			t.Fatal(err)
		}
		w.slowly(t, in, 10*time.Minute)
		if _, err := w.Service.BeginPasswordChange(t.Context(), in.Actor); signintest.RuleOf(err) != policy.StepUp {
			t.Errorf("begun now: got error %v, want a refusal by %s", err, policy.StepUp)
		}
		for what, sealed := range map[string]string{"without what was begun": "", "with something else": "nonsense"} {
			w.Refused(t, policy.StepUp, func() error {
				t.Log(what)
				return w.Service.ChangePassword(t.Context(), in.Actor, sealed, goodPassword, newPassword)
			})
		}
		other := w.Enter(t, w.person(t, "ben"))
		w.slowly(t, other, 6*time.Minute)
		w.Refused(t, policy.StepUp, func() error {
			return w.Service.ChangePassword(t.Context(), other.Actor, begun, goodPassword, newPassword)
		})
		if err := w.Service.ChangePassword(t.Context(), in.Actor, begun, goodPassword, newPassword); err != nil {
			t.Errorf("finished in time: %v", err)
		}
	})
}
