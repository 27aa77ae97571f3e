package notify_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func textProvider(name string) *fake { return &fake{kind: staffkey.ChannelText, name: name} }

func failing(err error) func(context.Context, notify.Message) (string, error) {
	return func(context.Context, notify.Message) (string, error) { return "", err }
}

func TestDeliver(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := textProvider("a")
		g := newStageOn(t, s, clock, a)
		g.put(code(clock.Now().Add(10 * time.Minute)))
		g.deliver(1)
		g.expect(staffkey.DeliverySent, "")
		got := a.asked()
		if len(got) != 1 || got[0].To != "+447700900123" || !strings.Contains(got[0].Text, "274911") || got[0].Args["Code"] != "274911" {
			t.Errorf("the provider got %+v, want one message with the code", got)
		}
		g.deliver(0)

		reference := "ref-" + string(got[0].ID)
		if err := g.NoteReceipt(t.Context(), notify.Receipt{Provider: "a", Reference: reference, State: staffkey.DeliveryDelivered}); err != nil {
			t.Error(err)
		}
		g.expect(staffkey.DeliveryDelivered, "")
		if err := g.NoteReceipt(t.Context(), notify.Receipt{Provider: "a", Reference: reference, State: staffkey.DeliveryFailed}); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("a second receipt: got error %v, want ErrNotFound", err)
		}
		g.expect(staffkey.DeliveryDelivered, "")
		if diff := cmp.Diff([]string{"text a sent"}, g.observed()); diff != "" {
			t.Errorf("observed (-want +got)\n%s", diff)
		}
	})
}

// A receipt that the provider posts before it has answered us is not lost.
func TestDeliver_a_receipt_before_the_answer(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := textProvider("a")
		g := newStageOn(t, s, clock, a)
		a.does(func(ctx context.Context, m notify.Message) (string, error) {
			return "early", g.NoteReceipt(ctx, notify.Receipt{Provider: "a", Reference: "early", State: staffkey.DeliveryFailed, Problem: "unreachable"})
		})
		g.put(code(clock.Now().Add(10 * time.Minute)))
		g.deliver(1)
		g.expect(staffkey.DeliveryFailed, "unreachable")
	})
}

// A message is tried at the times of the back-off, with its values, until it would be too late.
func TestDeliver_back_off(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	a.does(failing(errors.New("busy")))
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	for n, pause := range []time.Duration{5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute} {
		g.deliver(1)
		g.expect(staffkey.DeliveryWaiting, "a: busy")
		g.clock.Advance(pause - time.Microsecond)
		g.deliver(0)
		if got := len(a.asked()); got != n+1 {
			t.Errorf("before pause %d is over: asked %d times, want %d", n+1, got, n+1)
		}
		g.clock.Advance(pause/5 + time.Microsecond) // the jitter is a fifth at most
	}
	g.deliver(1)
	g.expect(staffkey.DeliveryFailed, "expired; a: busy")
	g.deliver(0)
}

func TestDeliver_succeeds_later(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	a.does(failing(errors.New("busy")))
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	a.does(nil)
	g.clock.Advance(6 * time.Second)
	g.deliver(1)
	g.expect(staffkey.DeliverySent, "")
	got := a.asked()
	if diff := cmp.Diff(got[0], got[1]); diff != "" {
		t.Errorf("the second attempt differs from the first (-first +second)\n%s", diff)
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	different := map[time.Duration]bool{}
	for attempts, want := range map[int]time.Duration{
		0: 5 * time.Second, 1: 5 * time.Second, 2: 15 * time.Second, 3: time.Minute, 4: 5 * time.Minute, 5: 15 * time.Minute, 6: time.Hour, 99: time.Hour,
	} {
		for range 50 {
			got := notify.Wait(attempts)
			if got < want || got > want+want/5 {
				t.Errorf("after %d attempts: %v, want %v and up to a fifth more", attempts, got, want)
			}
			different[got] = true
		}
	}
	if len(different) < 100 {
		t.Errorf("%d different waits of 400: what failed together comes back together", len(different))
	}
}

func TestDeliver_what_is_given_up(t *testing.T) {
	t.Parallel()
	soon := storetest.NewClock().Now().Add(time.Minute)
	for name, tt := range map[string]struct {
		message  staffkey.Outgoing
		channels []notify.Channel
		taken    int
		want     string
		observed string
	}{
		"expired":            {code(soon.Add(-time.Minute)), []notify.Channel{textProvider("a")}, 0, "expired", "text expired"},
		"a provider refuses": {code(soon), []notify.Channel{refusing("a"), textProvider("b")}, 1, "a: send: no such number", "text a refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newStage(t, tt.channels...)
			g.put(tt.message)
			g.deliver(tt.taken)
			g.expect(staffkey.DeliveryFailed, tt.want)
			if diff := cmp.Diff([]string{tt.observed}, g.observed()); diff != "" {
				t.Errorf("observed (-want +got)\n%s", diff)
			}
			for _, c := range tt.channels {
				if f := c.(*fake); f.send == nil && len(f.asked()) != 0 {
					t.Errorf("provider %s was asked", f.name)
				}
			}
		})
	}
}

func refusing(name string) *fake {
	f := textProvider(name)
	f.send = failing(fmt.Errorf("send: %w", notify.Permanent(errors.New("no such number"))))
	return f
}

func TestDeliver_fails_over(t *testing.T) {
	t.Parallel()
	a, b := textProvider("a"), textProvider("b")
	g := newStage(t, a, b)
	a.does(failing(errors.New("wrong password")))
	asked := func(message string, wantA, wantB int) {
		t.Helper()
		g.put(code(g.clock.Now().Add(10 * time.Minute)))
		g.deliver(1)
		g.expect(staffkey.DeliverySent, "")
		if gotA, gotB := len(a.asked()), len(b.asked()); gotA != wantA || gotB != wantB {
			t.Errorf("%s: a was asked %d times and b %d times, want %d and %d", message, gotA, gotB, wantA, wantB)
		}
	}
	asked("first", 1, 1)
	asked("second", 2, 2)
	asked("third", 3, 3)
	asked("a rests", 3, 4)
	g.clock.Advance(time.Minute)
	asked("a has rested, and fails again", 4, 5)
	asked("a rests again", 4, 6)
	a.does(nil)
	g.clock.Advance(time.Minute)
	asked("a works again", 5, 6)
	a.does(failing(errors.New("busy")))
	asked("one failure is none in a row", 6, 7)

	b.does(failing(errors.New("no credit")))
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	g.expect(staffkey.DeliveryWaiting, "a: busy; b: no credit")
}

func TestDeliver_a_provider_that_panics(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	a.does(func(_ context.Context, m notify.Message) (string, error) { panic("cannot send " + m.Text) })
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	g.expect(staffkey.DeliveryWaiting, "a: panic")
	if log := g.logged(); !strings.Contains(log, "deliver_test.go") || strings.Contains(log, "274911") {
		t.Errorf("the log holds no stack, or the code:\n%s", log)
	}
}

// A message that cannot be handled at all ends neither the node nor the others: it waits for a release that can.
func TestDeliver_survives_a_panic(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		g := newStageOn(t, s, clock, textProvider("a"))
		observe := g.Observe
		g.Observe = func(staffkey.ChannelKind, string, string) { panic("no such metric") }
		g.put(code(clock.Now().Add(10 * time.Hour)))
		g.deliver(1)
		g.expect(staffkey.DeliveryWaiting, "panicked")
		g.Observe = observe
		clock.Advance(time.Hour)
		g.deliver(1)
		g.expect(staffkey.DeliverySent, "")
	})
}

func TestDeliver_a_provider_that_hangs(t *testing.T) {
	t.Parallel()
	a, b := textProvider("a"), textProvider("b")
	g := newStage(t, a, b)
	g.SetPatience(time.Millisecond)
	a.does(func(ctx context.Context, _ notify.Message) (string, error) {
		<-ctx.Done()
		return "", ctx.Err()
	})
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	g.expect(staffkey.DeliverySent, "")
	if got := len(b.asked()); got != 1 {
		t.Errorf("the other provider was asked %d times, want 1", got)
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	sending, goOn := make(chan string, 1), make(chan struct{})
	a.does(func(_ context.Context, m notify.Message) (string, error) {
		sending <- m.To
		<-goOn
		return "r", nil
	})
	g := newStage(t, a)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	g.put(code(g.clock.Now().Add(time.Hour)))
	g.Wake()
	g.Wake()
	if to := <-sending; to != "+447700900123" {
		t.Errorf("sent to %q", to)
	}
	// What is being sent when the server stops is not forgotten.
	cancel()
	close(goOn)
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	g.expect(staffkey.DeliverySent, "")
}

// What a node has taken and not begun when it stops is due again at once: a code cannot wait for a lease to end.
func TestRun_puts_back_what_it_has_not_begun(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	sending, goOn := make(chan bool, 10), make(chan struct{})
	a.does(func(context.Context, notify.Message) (string, error) {
		sending <- true
		<-goOn
		return "", nil
	})
	g := newStage(t, a)
	const messages, workers = 10, 4
	for range messages {
		g.put(code(g.clock.Now().Add(time.Hour)))
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- g.Run(ctx) }()
	for range workers {
		<-sending
	}
	cancel()
	close(goOn)
	if err := <-done; err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
	sent := len(a.asked())
	g.deliver(messages - sent)
	if got := len(a.asked()); got != messages {
		t.Errorf("%d messages were sent, want %d", got, messages)
	}
}

func TestHas(t *testing.T) {
	t.Parallel()
	g := newStage(t, textProvider("a"))
	if !g.Has(staffkey.ChannelText) || g.Has(staffkey.ChannelVoice) {
		t.Errorf("Has(text) = %t, Has(voice) = %t, want true and false", g.Has(staffkey.ChannelText), g.Has(staffkey.ChannelVoice))
	}
}

func TestNew_refuses_an_address_that_is_none(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"", "signin.example", "https://", "://"} {
		if _, err := notify.New(notify.Deps{Address: address}); err == nil {
			t.Errorf("address %q: want an error, got none", address)
		}
	}
}

func TestClean(t *testing.T) {
	t.Parallel()
	m := staffkey.Outgoing{To: "+447700900123", Args: map[string]string{"Code": "274911", "Link": "/not-me?t=ABCDEFGH", "Name": "Amara Okafor", "Method": "password"}}
	for problem, want := range map[string]string{
		"550 5.1.1 <Amara@NHS.example> unknown":                 "550 5.1.1 <…> unknown",
		"invalid number 07700 900123":                           "invalid number …",
		"invalid number %2B447700900123":                        "invalid number %2B…",
		"cannot send 274911 to Amara Okafor":                    "cannot send … to …",
		"code 274 911":                                          "code …",
		`Post "https://api.example/send?t=ABCDEFGH": timed out`: `Post "… timed out`,
		"bad token ABCDEFGH":                                    "bad token …",
		"535 5.7.8 wrong password":                              "535 5.7.8 wrong password",
		"dial tcp 192.0.2.1:587: connection refused":            "dial tcp 192.0.2.1:587: connection refused",
		"two\r\nlines\xff\tand a tab":                           "two lines and a tab",
		strings.Repeat("x ", 300):                               strings.Repeat("x ", 99) + "x…",
	} {
		if got := notify.Clean(errors.New(problem), m); got != want {
			t.Errorf("Clean(%q) = %q, want %q", problem, got, want)
		}
	}
}
