package storetest

import (
	"sync"
	"testing"

	"staffkey/internal/store"
)

// Between lets something happen between what the next operation reads and what it changes.
type Between struct {
	mu sync.Mutex
	fn func()
}

// Do has fn run before the next recorded change begins, once.
func (b *Between) Do(fn func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fn = fn
}

// Done reports whether nothing waits to happen.
func (b *Between) Done() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.fn == nil
}

func (b *Between) run() {
	b.mu.Lock()
	fn := b.fn
	b.fn = nil
	b.mu.Unlock()
	if fn != nil {
		fn()
	}
}

// EachBetween is [Each] with a store whose changes something can come before.
func EachBetween(t *testing.T, body func(t *testing.T, s *store.Store, clock *Clock, b *Between)) {
	t.Helper()
	for _, engine := range Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			clock, b, cfg := NewClock(), &Between{}, Config(t, engine)
			cfg.Now, cfg.BeforeChange = clock.Now, b.run
			body(t, OpenConfig(t, cfg), clock, b)
		})
	}
}
