package notify_test

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/notify"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// london is where the texts of these tests are read: in winter its time is UTC.
func london(t testing.TB) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fake is a provider that does what a test says.
type fake struct {
	kind staffkey.ChannelKind
	name string
	mu   sync.Mutex
	got  []notify.Message
	send func(ctx context.Context, m notify.Message) (string, error)
}

func (f *fake) Kind() staffkey.ChannelKind { return f.kind }
func (f *fake) Name() string               { return f.name }

func (f *fake) Send(ctx context.Context, m notify.Message) (string, error) {
	f.mu.Lock()
	f.got = append(f.got, m)
	send := f.send
	f.mu.Unlock()
	if send == nil {
		return "ref-" + string(m.ID), nil
	}
	return send(ctx, m)
}

// does changes what the provider does from now on.
func (f *fake) does(send func(ctx context.Context, m notify.Message) (string, error)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.send = send
}

// asked is what the provider was asked to send.
func (f *fake) asked() []notify.Message {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.got)
}

// stage is a service that delivers by fakes, on a store with a clock.
type stage struct {
	*notify.Service
	t     *testing.T
	store *store.Store
	clock *storetest.Clock
	log   *strings.Builder
	mu    *sync.Mutex
	seen  *[]string // outcomes: channel provider outcome
}

func newStage(t *testing.T, channels ...notify.Channel) stage {
	t.Helper()
	clock := storetest.NewClock()
	return newStageOn(t, storetest.Open(t, "sqlite", clock.Now), clock, channels...)
}

// newTexts is a stage for what is written, which needs no store.
func newTexts(t *testing.T) stage {
	t.Helper()
	return newStageOn(t, nil, storetest.NewClock())
}

func newStageOn(t *testing.T, s *store.Store, clock *storetest.Clock, channels ...notify.Channel) stage {
	t.Helper()
	g := stage{t: t, store: s, clock: clock, log: &strings.Builder{}, mu: &sync.Mutex{}, seen: &[]string{}}
	service, err := notify.New(notify.Deps{
		Store: s, Channels: channels, Address: "https://signin.example", Location: london(t), ServiceName: "Staffkey", Now: clock.Now,
		Log: slog.New(slog.NewTextHandler(lockedWriter{g.mu, g.log}, nil)),
		Observe: func(channel staffkey.ChannelKind, provider, outcome string) {
			g.mu.Lock()
			defer g.mu.Unlock()
			*g.seen = append(*g.seen, strings.Join(strings.Fields(string(channel)+" "+provider+" "+outcome), " "))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	g.Service = service
	return g
}

type lockedWriter struct {
	mu *sync.Mutex
	b  *strings.Builder
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

// logged is what has been logged.
func (g stage) logged() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

// observed is what has been observed, in order of name.
func (g stage) observed() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Sorted(slices.Values(*g.seen))
}

// code is a text message with a code.
func code(expires time.Time) staffkey.Outgoing {
	return staffkey.Outgoing{
		Channel: staffkey.ChannelText, To: "+447700900123", Template: "code.text", Args: map[string]string{"Code": "274911"}, Person: "amara",
		ExpiresAt: expires,
	}
}

// put puts messages into the outbox.
func (g stage) put(messages ...staffkey.Outgoing) {
	g.t.Helper()
	if err := g.store.Housekeep(g.t.Context(), func(tx *store.Tx) error { return tx.InsertOutgoing(messages...) }); err != nil {
		g.t.Fatal(err)
	}
}

// deliver makes one pass, which must find so many messages.
func (g stage) deliver(want int) {
	g.t.Helper()
	n, err := g.Deliver(g.t.Context())
	if err != nil || n != want {
		g.t.Errorf("Deliver = %d, %v, want %d messages", n, err, want)
	}
}

// latest is how the latest message fares.
func (g stage) latest(channel staffkey.ChannelKind) (d store.Delivery) {
	g.t.Helper()
	err := g.store.Read(g.t.Context(), func(tx *store.Tx) (err error) {
		d, err = tx.FindLatestDelivery("amara", channel)
		return err
	})
	if err != nil {
		g.t.Fatal(err)
	}
	return d
}

// expect checks how the latest text message fares.
func (g stage) expect(state staffkey.DeliveryState, problem string) {
	g.t.Helper()
	if d := g.latest(staffkey.ChannelText); d.State != state || d.Problem != problem {
		g.t.Errorf("the message is %s with problem %q, want %s with %q", d.State, d.Problem, state, problem)
	}
}
