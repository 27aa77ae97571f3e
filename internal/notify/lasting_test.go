package notify_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// These tests are about messages that last: longer than a node sends them, than a node lives, or than a release knows them.

var errDue = errors.New("a message is due")

// What this node cannot send waits for one that can, as long as it is of any use: a channel that is set up later, or a node of a newer
// release.
func TestDeliver_leaves_what_it_cannot_send(t *testing.T) {
	t.Parallel()
	const life = 10 * time.Minute
	unknown, otherChannel := code(time.Time{}), code(time.Time{})
	unknown.Template, otherChannel.Template = "code.fax", "notice.frozen"
	for name, tt := range map[string]struct {
		message  staffkey.Outgoing
		channels []notify.Channel
	}{
		"no provider":       {code(time.Time{}), nil},
		"another's":         {code(time.Time{}), []notify.Channel{&fake{kind: staffkey.ChannelVoice, name: "a"}}},
		"no such text":      {unknown, []notify.Channel{textProvider("a")}},
		"text of an e-mail": {otherChannel, []notify.Channel{textProvider("a")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newStage(t, tt.channels...)
			tt.message.ExpiresAt = g.clock.Now().Add(life)
			g.put(tt.message)
			g.deliver(0)
			g.clock.Advance(life - time.Microsecond)
			g.deliver(0)
			g.expect(staffkey.DeliveryWaiting, "")
			g.clock.Advance(time.Microsecond)
			g.deliver(0)
			g.expect(staffkey.DeliveryFailed, "expired")
			if diff := cmp.Diff([]string{"text expired"}, g.observed()); diff != "" {
				t.Errorf("observed (-want +got)\n%s", diff)
			}
			if log := g.logged(); strings.Count(log, "give messages up") != 1 || !strings.Contains(log, tt.message.Template) {
				t.Errorf("the log does not tell it once:\n%s", log)
			}
		})
	}
}

// An older release and a newer one on one database: each sends what it knows.
func TestDeliver_beside_a_newer_release(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		a := textProvider("a")
		older, newer := newStageOn(t, s, clock, a), newStageOn(t, s, clock, a)
		older.Forget("alert.changed")
		m := code(clock.Now().Add(time.Hour))
		m.Template, m.Args = "alert.changed", nil
		older.put(m, code(clock.Now().Add(time.Hour)))
		older.deliver(1)
		clock.Advance(time.Minute)
		newer.deliver(1)
		newer.deliver(0)
		if got := a.asked(); len(got) != 2 || got[0].Template != "code.text" || got[1].Template != "alert.changed" {
			t.Errorf("sent %+v, want both, each by a node that knows it", got)
		}
	})
}

// A provider that had the message and does not say what became of it is asked few times more, after long pauses, or one message becomes many.
func TestDeliver_unsure(t *testing.T) {
	t.Parallel()
	const problem = "a: no answer"
	for kind, tt := range map[staffkey.ChannelKind]struct {
		message staffkey.Outgoing
		pauses  []time.Duration
	}{
		staffkey.ChannelEmail: {staffkey.Outgoing{Template: "reset.ask", To: "amara@nhs.example"}, []time.Duration{15 * time.Minute, 2 * time.Hour}},
		staffkey.ChannelText:  {code(time.Time{}), []time.Duration{time.Minute}},
		staffkey.ChannelVoice: {staffkey.Outgoing{Template: "code.voice", To: "+447700900123", Args: map[string]string{"Code": "274911"}}, []time.Duration{time.Minute}},
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			a := &fake{kind: kind, name: "a"}
			g := newStage(t, a)
			a.does(failing(notify.Unsure(errors.New("no answer"))))
			tt.message.Channel, tt.message.Person, tt.message.ExpiresAt = kind, "amara", g.clock.Now().Add(72*time.Hour)
			g.put(tt.message)
			for _, pause := range tt.pauses {
				g.deliver(1)
				if d := g.latest(kind); d.State != staffkey.DeliveryWaiting || d.Problem != problem {
					t.Errorf("%s with %q, want it waiting with %q", d.State, d.Problem, problem)
				}
				g.clock.Advance(pause - time.Microsecond)
				g.deliver(0)
				g.clock.Advance(time.Microsecond)
			}
			g.deliver(1)
			if d := g.latest(kind); d.State != staffkey.DeliveryUnsure || d.Problem != problem {
				t.Errorf("%s with %q, want it unsure with %q", d.State, d.Problem, problem)
			}
			g.clock.Advance(48 * time.Hour)
			g.deliver(0)
			want := slices.Repeat([]string{string(kind) + " a unsure"}, len(tt.pauses)+1)
			if diff := cmp.Diff(want, g.observed()); diff != "" {
				t.Errorf("observed (-want +got)\n%s", diff)
			}
		})
	}
}

// A code that may not have gone is sent by the next provider at once: somebody waits for it. What surely failed does not count as perhaps sent,
// and what ends undecided is not called failed.
func TestDeliver_unsure_and_others(t *testing.T) {
	t.Parallel()
	a, b := textProvider("a"), textProvider("b")
	g := newStage(t, a, b)
	a.does(failing(notify.Unsure(errors.New("no answer"))))
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	g.expect(staffkey.DeliverySent, "")

	b.does(failing(errors.New("busy")))
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	g.expect(staffkey.DeliveryWaiting, "a: no answer; b: busy")
	a.does(failing(errors.New("no credit")))
	g.clock.Advance(time.Minute)
	g.deliver(1)
	g.expect(staffkey.DeliveryWaiting, "a: no credit; b: busy")
	g.clock.Advance(9 * time.Minute)
	g.deliver(0)
	g.expect(staffkey.DeliveryUnsure, "expired; a: no credit; b: busy")

	// Who says that there is no such number has not sent it.
	g.clock.Advance(time.Hour)
	a.does(failing(notify.Unsure(errors.New("no answer"))))
	b.does(failing(notify.Permanent(errors.New("no such number"))))
	g.put(code(g.clock.Now().Add(10 * time.Minute)))
	g.deliver(1)
	g.expect(staffkey.DeliveryFailed, "b: no such number")
}

// A message that waited too long behind others is left to whoever takes it when its lease is over, so that nobody sends it beside us.
func TestDeliver_respects_the_lease(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	a.does(func(context.Context, notify.Message) (string, error) {
		g.clock.Advance(41 * time.Second)
		return "", nil
	})
	const messages = 12
	for range messages {
		g.put(code(g.clock.Now().Add(24 * time.Hour)))
	}
	g.deliver(messages)
	if got := len(a.asked()); got == 0 || got > 4 {
		t.Errorf("%d messages were begun, want those that have a worker at once, 4 at most", got)
	}
	a.does(nil)
	g.clock.Advance(time.Minute)
	before := len(a.asked())
	g.deliver(messages - before)
	if got := len(a.asked()); got != messages {
		t.Errorf("%d messages were sent, want all %d once", got, messages)
	}
}

// A message whose sending takes long stays with the node that sends it.
func TestDeliver_keeps_what_it_sends(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	g.SetKeepEvery(time.Millisecond)
	other := newStageOn(t, g.store, g.clock, a)
	a.does(func(ctx context.Context, _ notify.Message) (string, error) {
		for range 3 {
			g.clock.Advance(61 * time.Second) // a lease would be over
			for due := errDue; errors.Is(due, errDue); {
				due = g.store.Housekeep(ctx, func(tx *store.Tx) error {
					list, err := tx.TakeOutgoing(staffkey.ChannelText, []string{"code.text"}, time.Minute, 1)
					if len(list) > 0 {
						return errDue // and not taken: it may be kept in a moment
					}
					return err
				})
			}
			other.deliver(0)
		}
		return "r", nil
	})
	g.put(code(g.clock.Now().Add(time.Hour)))
	g.deliver(1)
	g.expect(staffkey.DeliverySent, "")
	if got := len(a.asked()); got != 1 {
		t.Errorf("sent %d times, want once", got)
	}
}

// A message that cannot be opened is no reason to give it up: the next node may have the right key.
func TestDeliver_a_message_that_cannot_be_opened(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	m := code(g.clock.Now().Add(10 * time.Hour))
	m.To = ""
	g.put(m)
	g.deliver(1)
	g.expect(staffkey.DeliveryWaiting, "cannot be written")
	g.clock.Advance(time.Hour - time.Microsecond)
	g.deliver(0)
	g.clock.Advance(time.Microsecond)
	g.deliver(1)
	if got := len(a.asked()); got != 0 {
		t.Errorf("the provider was asked %d times", got)
	}
}

// Nodes that look at once send each message once.
func TestDeliver_from_many_nodes(t *testing.T) {
	t.Parallel()
	a := textProvider("a")
	g := newStage(t, a)
	const messages = 50
	for range messages {
		g.put(code(g.clock.Now().Add(time.Hour)))
	}
	var nodes sync.WaitGroup
	for range 8 {
		node := newStageOn(t, g.store, g.clock, a)
		nodes.Go(func() {
			if _, err := node.Deliver(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	nodes.Wait()
	times := map[staffkey.OutgoingID]int{}
	for _, m := range a.asked() {
		times[m.ID]++
	}
	for id, n := range times {
		if n != 1 {
			t.Errorf("message %s was sent %d times", id, n)
		}
	}
	if len(times) != messages {
		t.Errorf("%d messages were sent, want %d", len(times), messages)
	}
}
