package signin_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"

	"github.com/google/go-cmp/cmp"
)

func TestDevice_checks(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		_, helper := w.officer(t, "hugo", staffkey.RoleHelpdesk, w.Organisation.ID)
		report := signin.DeviceReport{
			Browser:      "Edge 141 on Windows 11",
			Findings:     []signin.DeviceFinding{{Row: "clock", Answer: "slow", Number: 47}, {Row: "key", Answer: "untried"}},
			Capabilities: map[string]bool{"conditionalGet": true},
		}
		saved, err := w.Service.SaveDeviceCheck(t.Context(), origin, "", report, nil)
		if err != nil {
			t.Fatal(err)
		}
		if saved.Key != "untried" {
			t.Errorf("key: got %q, want untried", saved.Key)
		}
		opened, err := w.Service.OpenSupportCode(t.Context(), helper, strings.ToLower(saved.Code))
		if err != nil {
			t.Fatal(err)
		}
		want := &signin.DeviceCheck{Code: saved.Code, CreatedAt: w.Clock.Now(), ExpiresAt: w.Clock.Now().Add(24 * time.Hour), Report: report}
		if diff := cmp.Diff(want, opened.Device); diff != "" {
			t.Errorf("check (-want +got):\n%s", diff)
		}

		// The end of a try replaces what the row said before, under the same code.
		w.Clock.Advance(time.Minute)
		again, err := w.Service.SaveDeviceCheck(t.Context(), origin, saved.Sealed, report, &signin.Prompt{Name: "NotAllowedError", Elapsed: 19 * time.Second})
		if err != nil || again.Code != saved.Code || again.Key != "timeout" {
			t.Errorf("after a try: got %+v and %v, want timeout under %s", again, err, saved.Code)
		}
		want.Report.Findings = []signin.DeviceFinding{{Row: "clock", Answer: "slow", Number: 47}, {Row: "key", Answer: "timeout"}}
		if opened, err = w.Service.OpenSupportCode(t.Context(), helper, saved.Code); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, opened.Device); diff != "" {
			t.Errorf("check after a try (-want +got):\n%s", diff)
		}
		if report.Findings[1].Answer != "untried" {
			t.Error("the caller's report was changed")
		}

		if _, err := w.Service.OpenSupportCode(t.Context(), w.Enter(t, w.person(t, "amara")).Actor, saved.Code); !errors.Is(err, staffkey.ErrRefused) {
			t.Errorf("as a person: got %v, want a refusal", err)
		}
		bad := report
		bad.Findings = []signin.DeviceFinding{{Row: "clock", Answer: "wrong"}}
		if _, err := w.Service.SaveDeviceCheck(t.Context(), origin, "", bad, nil); !errors.Is(err, staffkey.ErrInvalid) {
			t.Errorf("an unknown answer: got %v, want invalid", err)
		}
		w.Clock.Advance(24 * time.Hour)
		if _, err := w.Service.OpenSupportCode(t.Context(), helper, saved.Code); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("a day later: got %v, want not found", err)
		}
		if err := w.Service.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func TestDevice_codes_as_they_are_heard(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		for _, typed := range []string{"", "K7QF2", "K7QF-2MM", strings.Repeat("K", 41), "k7qf\x00\xff"} {
			if _, err := w.Service.OpenSupportCode(t.Context(), staffkey.ConsoleActor(), typed); !errors.Is(err, staffkey.ErrNotFound) {
				t.Errorf("%q: got %v, want not found", typed, err)
			}
		}
		saved, err := w.Service.SaveDeviceCheck(t.Context(), origin, "", signin.DeviceReport{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		heard := strings.NewReplacer("-", " - ", "K", "k").Replace(saved.Code)
		if _, err := w.Service.OpenSupportCode(t.Context(), staffkey.ConsoleActor(), heard); err != nil {
			t.Errorf("%q for %s: %v", heard, saved.Code, err)
		}
	})
}

// Every end of a prompt on get() has its answer in the row of the key.
func TestDevice_ends_of_a_try(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		for _, test := range []struct {
			prompt signin.Prompt
			want   string
		}{
			{signin.Prompt{Name: "answered", Elapsed: time.Second}, "answered"},
			{signin.Prompt{Name: "none"}, "none"},
			{signin.Prompt{Name: "frame"}, "perm"},
			{signin.Prompt{Name: "NotAllowedError", Elapsed: 999 * time.Millisecond}, "instant"},
			{signin.Prompt{Name: "NotAllowedError", Elapsed: time.Second}, "noanswer"},
			{signin.Prompt{Name: "NotAllowedError", Elapsed: 18*time.Second - time.Millisecond}, "noanswer"},
			{signin.Prompt{Name: "NotAllowedError", Elapsed: 18 * time.Second}, "timeout"},
			{signin.Prompt{Name: "NotAllowedError", Detail: "The document is not focused."}, "focus"},
			{signin.Prompt{Name: "OperationError"}, "busy"},
			{signin.Prompt{Name: "InvalidStateError"}, "noanswer"},
			{signin.Prompt{Name: "SecurityError"}, "domain"},
			{signin.Prompt{Name: "NotSupportedError"}, "unsup"},
			{signin.Prompt{Name: "ConstraintError"}, "constraint"},
			{signin.Prompt{Name: "UnknownError"}, "unknown"},
			{signin.Prompt{Name: "TypeError"}, "data"},
		} {
			saved, err := w.Service.SaveDeviceCheck(t.Context(), origin, "", signin.DeviceReport{}, &test.prompt)
			if err != nil || saved.Key != test.want {
				t.Errorf("%+v: got %q and %v, want %q", test.prompt, saved.Key, err, test.want)
			}
		}
	})
}
