package password

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"staffkey"
)

// entered takes a place, which must be there.
func entered(t *testing.T, p *pool, source string, known bool) *place {
	t.Helper()
	l, err := p.enter(source, known)
	if err != nil {
		t.Fatalf("no place for %s: %v", source, err)
	}
	return l
}

// Who sends many passwords takes half of the places and no more of them; from many addresses, all but those that are kept.
func TestPool_keeps_places(t *testing.T) {
	t.Parallel()
	floods := []struct {
		name   string
		source func(int) string
		want   int // places that the flood gets of 16
	}{
		{"one source", func(int) string { return "one" }, 9},
		{"many sources", func(i int) string { return fmt.Sprint("many", i) }, 12},
	}
	for _, flood := range floods {
		t.Run(flood.name, func(t *testing.T) {
			t.Parallel()
			p := newPool([]*worker{here}, 15)
			got := 0
			for i := range 100 {
				l, err := p.enter(flood.source(i), false)
				switch {
				case err == nil:
					got++
					defer l.leave()
				case !errors.Is(err, staffkey.ErrBusy):
					t.Fatalf("got error %v, want ErrBusy", err)
				}
			}
			if got != flood.want {
				t.Errorf("the flood got %d places, want %d", got, flood.want)
			}
			ward := entered(t, p, "ward", true)
			entered(t, p, "ward", true)
			if _, err := p.enter("ward", true); !errors.Is(err, staffkey.ErrBusy) {
				t.Errorf("a third place for one station in a crowd: got error %v, want ErrBusy", err)
			}
			ward.leave()
			entered(t, p, "ward", true)
		})
	}
}

// turns runs passwords of these sources on one worker that is taken at first, and returns in which order they had their turns.
func turns(t *testing.T, queue int, known func(source string) bool, sources ...string) (got []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPool([]*worker{here}, queue)
		done := make(chan struct{})
		run := func(source string, fn func()) {
			l := entered(t, p, source, known(source))
			go func() {
				defer l.leave()
				if err := l.work(t.Context(), func(*worker) error { fn(); return nil }); err != nil {
					t.Error(err)
				}
			}()
			synctest.Wait()
		}
		run("first", func() { <-done })
		for _, source := range sources {
			run(source, func() { got = append(got, source) })
		}
		close(done)
		synctest.Wait()
		if p.places != 0 || p.known.places != 0 || p.others.places != 0 || len(p.sources) != 0 || len(p.idle) != 1 {
			t.Errorf("%d places are taken, by %v, and %d workers idle, want none, nobody and one", p.places, p.sources, len(p.idle))
		}
	})
	return got
}

// Who is known has three turns of four, the others never none; turns go round the sources, and within each who came first.
func TestPool_turns(t *testing.T) {
	t.Parallel()
	known := func(source string) bool { return source[0] == 'k' }
	for _, test := range []struct{ name, come, want string }{
		{"who is known", "o1 k1 o2 k2", "k1 k2 o1 o2"},
		{"one known source that sends many", "k1 k1 k1 k1 k1 k1 o1 o2", "k1 k1 k1 o1 k1 k1 k1 o2"},
		{"many known sources", "k1 k2 k3 k4 k5 k6 k7 o1", "k1 k2 k3 o1 k4 k5 k6 k7"},
		{"one other source that sends many", "o1 o1 o1 o1 o2 o3 o2", "o1 o2 o3 o1 o2 o1 o1"},
		{"both", "k1 k1 k1 k2 o1 o1 o1 o2", "k1 k2 k1 o1 k1 o2 o1 o1"},
	} {
		got := strings.Join(turns(t, 31, known, strings.Fields(test.come)...), " ")
		if got != test.want {
			t.Errorf("%s: %s had their turns in the order %s, want %s", test.name, test.come, got, test.want)
		}
	}
}

// However many those who are known send, others find a place; and the other way round.
func TestPool_shuts_nobody_out(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		p := newPool([]*worker{here}, 15)
		for i := range 100 {
			if l, err := p.enter(fmt.Sprint("flood", i), known); err == nil {
				defer l.leave()
			}
		}
		for i := range 4 {
			entered(t, p, fmt.Sprint("ward", i), !known)
		}
	}
}

// In a crowd nobody waits longer than longestWait; without one, as long as the request.
func TestPool_waits(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		others int // places that others have taken, of 5
		want   error
		waited time.Duration
	}{
		{"alone", 1, context.DeadlineExceeded, 30 * time.Second},
		{"in a crowd", 2, staffkey.ErrBusy, longestWait},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPool([]*worker{here}, 4)
				for i := range test.others {
					l := entered(t, p, fmt.Sprint("other", i), false)
					if i == 0 { // it hashes and does not end
						l.queue()
					}
				}
				ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
				defer cancel()
				began := time.Now()
				l := entered(t, p, "somewhere", false)
				err := l.work(ctx, func(*worker) error { t.Error("its turn came, want none"); return nil })
				if got := time.Since(began); !errors.Is(err, test.want) || got != test.waited {
					t.Errorf("got error %v after %v, want %v after %v", err, got, test.want, test.waited)
				}
				if len(p.others.sources) != 0 {
					t.Errorf("%d sources wait still, want none", len(p.others.sources))
				}
			})
		})
	}
}

// A turn that comes in the moment in which its place would give up is used.
func TestPool_turn_at_the_last_moment(t *testing.T) {
	t.Parallel()
	p := newPool([]*worker{here}, 1)
	l := entered(t, p, "somewhere", false)
	l.queue()
	if l.giveUp(nil) {
		t.Error("the place gave up, want it to take its turn")
	}
	if got := <-l.worker; got != here {
		t.Errorf("got worker %p, want %p", got, here)
	}
}

func TestPool_gives_up_with_the_request(t *testing.T) {
	t.Parallel()
	m := newMethod(t, Options{Workers: 1, Queue: 4, Cheap: true})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := verify(ctx, m, nil, good); !errors.Is(err, context.Canceled) {
		t.Errorf("got error %v, want the context's", err)
	}
	if got := m.pool.places; got != 0 {
		t.Errorf("%d places are still taken, want none", got)
	}
}
