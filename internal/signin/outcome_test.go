package signin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

// What is told of a prompt that ended, by what is known of it.
func TestRecordPrompt(t *testing.T) {
	t.Parallel()
	const almost, late, lateCreate = 118*time.Second - 1, 118 * time.Second, 178 * time.Second
	tests := []struct {
		name    string
		elapsed time.Duration
		detail  string
		create  bool
		message string
	}{
		{"NotAllowedError", time.Second, "", false, "wa.noanswer"},
		{"NotAllowedError", almost, "", false, "wa.noanswer"},
		{"NotAllowedError", late, "", false, "wa.timeout"},
		{"NotAllowedError", time.Hour, "", false, "wa.timeout"},
		{"NotAllowedError", late, "", true, "wa.noanswer"},
		{"NotAllowedError", lateCreate - 1, "", true, "wa.noanswer"},
		{"NotAllowedError", lateCreate, "", true, "wa.timeout"},
		{"TimeoutError", late, "", false, "wa.timeout"},
		{"TimeoutError", time.Second, "", false, "wa.noanswer"},
		{"NotAllowedError", time.Second - 1, "", false, "wa.instant"},
		{"NotAllowedError", 0, "", false, "wa.instant"},
		{"NotAllowedError", -time.Second, "", false, "wa.instant"}, // a clock that was set back meanwhile
		{"NotAllowedError", 0, "The document is not focused.", false, "wa.focus"},
		{"NotAllowedError", 30 * time.Second, "The document is not focused.", true, "wa.focus"},
		{"NotAllowedError", 0, "The 'publickey-credentials-get' feature is not enabled in this document. Permissions Policy may be used", false, "wa.perm"},
		{"frame", 0, "", false, "wa.perm"},
		{"OperationError", 0, "A request is already pending.", false, "wa.busy"},
		{"InvalidStateError", 3 * time.Second, "", true, "wa.exists"},
		{"InvalidStateError", 3 * time.Second, "", false, "wa.noanswer"},
		{"SecurityError", 0, "", false, "wa.bound"},
		{"NotSupportedError", 0, "", true, "wa.unsup"},
		{"ConstraintError", 3 * time.Second, "", true, "wa.constraint"},
		{"UnknownError", 3 * time.Second, "", false, "wa.unknown"},
		{"NotReadableError", 3 * time.Second, "", false, "wa.unknown"},
		{"NetworkError", 3 * time.Second, "", false, "wa.unknown"},
		{"TypeError", 0, "", false, "wa.error"},
		{"DataError", 0, "", false, "wa.error"},
		{"EncodingError", 0, "", false, "wa.error"},
		{"string", 0, "stopped", false, "wa.error"},
		{"", 0, "", false, "wa.error"},
		// A stop of our own is not reported; one that is reported all the same was not ours.
		{"AbortError", 3 * time.Second, "", false, "wa.error"},
		{"none", 0, "", false, "wa.none"},
		{"nojs", 0, "", false, "wa.nojs"},
	}
	each(t, func(t *testing.T, w *installation) {
		p := w.person(t, "amara")
		token := w.waiting(t, p, 1)[0]
		w.Change(t, func(tx *store.Tx) error { return tx.NameKey(store.InUse{Owner: p}, token, "Blue lanyard") })
		codes := map[string]bool{}
		for _, test := range tests {
			w.Clock.Advance(10 * time.Second) // as hands would
			prompt := signin.Prompt{Name: test.name, Elapsed: test.elapsed, Detail: test.detail, Create: test.create, Token: token}
			out, err := w.Service.RecordPrompt(t.Context(), staffkey.Actor{Origin: origin}, p.ID, prompt)
			if err != nil {
				t.Fatal(err)
			}
			if out.Message != test.message {
				t.Errorf("%s after %v (%q, create %t): %s, want %s", test.name, test.elapsed, test.detail, test.create, out.Message, test.message)
			}
			codes[out.SupportCode] = true
			want := []staffkey.AuditEvent{{
				At: w.Clock.Now(), Kind: staffkey.EventPromptEnded, Outcome: staffkey.OutcomeEnded, Person: p.ID, Organisation: w.Organisation.ID,
				Subject: string(token), SubjectName: "Blue lanyard", Message: test.message, SupportCode: out.SupportCode, IP: origin.IP, Browser: origin.Browser,
				Detail: map[string]string{"name": test.name, "ms": fmt.Sprint(test.elapsed.Milliseconds()), "detail": test.detail},
			}}
			if diff := cmp.Diff(want, w.byCode(t, out.SupportCode)); diff != "" {
				t.Errorf("%s: events (-want +got):\n%s", test.name, diff)
			}
		}
		if len(codes) != len(tests) {
			t.Errorf("%d support codes for %d prompts", len(codes), len(tests))
		}
		if err := w.check(t, "amara", goodPassword); err != nil { // far more of them than free tries
			t.Errorf("prompts without an answer counted as wrong tries: %v", err)
		}
	})
}

// byCode finds events by the support code that a person reads to the helpdesk.
func (w *installation) byCode(t testing.TB, code string) (events []staffkey.AuditEvent) {
	t.Helper()
	w.Read(t, func(tx *store.Tx) (err error) {
		events, err = tx.ListAuditEvents(store.AuditFilter{Code: code, Limit: 10})
		return err
	})
	for i := range events {
		events[i].ID = ""
	}
	return events
}

func TestRecordPrompt_keeps_a_hostile_report_on_one_short_line(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		prompt := signin.Prompt{Name: strings.Repeat("N", 1000), Detail: "one\r\ntwo\x1b[31m\x00\xff\u009b" + strings.Repeat("é", 1000), Token: "somebody else's"}
		out, err := w.Service.RecordPrompt(t.Context(), staffkey.Actor{Origin: origin}, "", prompt)
		if err != nil {
			t.Fatal(err)
		}
		got := w.byCode(t, out.SupportCode)[0]
		want := map[string]string{"name": strings.Repeat("N", 60), "ms": "0", "detail": "one  two\uFFFD[31m\uFFFD\uFFFD\uFFFD" + strings.Repeat("é", 184)}
		if diff := cmp.Diff(want, got.Detail); diff != "" {
			t.Errorf("detail (-want +got):\n%s", diff)
		}
		if got.Subject != "" || got.Person != "" {
			t.Errorf("the event names key %q and person %q, want nobody", got.Subject, got.Person)
		}
	})
}

// A refusal carries the code that it was recorded under.
func TestRefusal_has_a_support_code(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, _ := w.withKey(t, "amara")
		a := w.Attempt(p)
		b := w.begin(t, a)
		_, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodSecurityKey, []byte("{}")), nowhere)
		code := supportCodeOf(err)
		events := w.byCode(t, code)
		if code == "" || len(events) != 1 || events[0].Outcome != staffkey.OutcomeRefused || events[0].Person != p.ID || events[0].Organisation != w.Organisation.ID {
			t.Errorf("code %q leads to %+v, want the one refusal of %s", code, events, p.Username)
		}
	})
}

func supportCodeOf(err error) string {
	var r *staffkey.Refusal
	if errors.As(err, &r) {
		return r.SupportCode
	}
	return ""
}

// Somebody who only has a password, or a session, fills no disk with prompts that end or answers that are refused.
func TestRecords_of_one_person_are_bounded(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		in := w.Enter(t, w.person(t, "amara"))
		const tries = 50
		for range tries {
			if _, err := w.Service.RecordPrompt(t.Context(), in.Actor, in.Actor.Person, signin.Prompt{Name: "NotAllowedError"}); err != nil {
				t.Fatal(err)
			}
		}
		if got := len(w.events(t, staffkey.EventPromptEnded)); got != 30 {
			t.Errorf("%d of %d prompts are recorded, want 30", got, tries)
		}
		w.Clock.Advance(time.Minute)
		if _, err := w.Service.RecordPrompt(t.Context(), in.Actor, in.Actor.Person, signin.Prompt{Name: "NotAllowedError"}); err != nil {
			t.Fatal(err)
		}
		if got := len(w.events(t, staffkey.EventPromptEnded)); got != 31 {
			t.Errorf("a minute later %d are recorded, want 31", got)
		}
		for range tries {
			_, _ = w.Service.AskReplacement(t.Context(), in.Actor, signin.Replacement{Reason: "first", Place: "Ward 4"}) // three are taken, then refused
		}
		done, refused := 0, 0
		for _, e := range w.events(t, staffkey.EventReplacementAsked) {
			if e.Outcome == staffkey.OutcomeDone {
				done++
			} else {
				refused++
			}
		}
		if done != 3 || refused != 29 {
			t.Errorf("%d requests and %d refusals are recorded, want 3 and, beside the prompt, 29", done, refused)
		}
	})
}
