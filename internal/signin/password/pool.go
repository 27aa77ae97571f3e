package password

import (
	"context"
	"slices"
	"sync"
	"time"

	"staffkey"
)

// longestWait is how long a password waits in a crowd before its person is told to come back: longer looks broken, and the page says
// what to do. Without a crowd it waits on: then the machine is slow, and to try again would help nobody.
const longestWait = 2 * time.Second

// fairShare is how many places one source may hold in a crowd, so that who sends many passwords does not take the places of those who
// send one.
const fairShare = 2

// keptShare is the share of the places, one in so many, that only those who are known may take: guessing from many addresses
// does not reach them.
const keptShare = 4

// pool bounds the hashes: so many at once, and so many that wait. Who is known goes first; within each of the two, who came first.
type pool struct {
	size    int // places, of those at work and of those who wait
	mu      sync.Mutex
	idle    []*worker
	places  int
	sources map[string]int // places of each source
	known   []*place
	others  []*place
}

// place is a source's right to one turn. It is taken before a try is counted, and used when the try is looked at.
type place struct {
	pool   *pool
	source string
	known  bool
	worker chan *worker // gets the worker whose turn it is
}

func newPool(workers []*worker, queue int) *pool {
	return &pool{size: len(workers) + queue, idle: workers, sources: make(map[string]int)}
}

// enter takes a place; ErrBusy when there is none for this source. Who has been let in already comes without one, and is bounded by the room alone.
func (p *pool) enter(source string, known bool) (*place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room := p.size
	if !known {
		room -= p.size / keptShare
	}
	if p.places >= room || source != "" && p.crowded() && p.sources[source] >= fairShare {
		return nil, staffkey.ErrBusy
	}
	p.places++
	p.sources[source]++
	return &place{pool: p, source: source, known: known, worker: make(chan *worker, 1)}, nil
}

// crowded says that so many places are taken that who wants one more has to think of others. It is called with the lock.
func (p *pool) crowded() bool { return p.places > p.size/2 }

// leave gives the place back.
func (l *place) leave() {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places--
	if p.sources[l.source]--; p.sources[l.source] == 0 {
		delete(p.sources, l.source)
	}
}

// work runs fn when it is the place's turn; ErrBusy when that takes too long.
func (l *place) work(ctx context.Context, fn func(*worker) error) error {
	w, err := l.await(ctx)
	if err != nil {
		return err
	}
	defer l.pool.release(w)
	return fn(w)
}

// await waits for a worker.
func (l *place) await(ctx context.Context) (*worker, error) {
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	l.queue()
	tick := time.NewTicker(longestWait)
	defer tick.Stop()
	for {
		select {
		case w := <-l.worker:
			return w, nil
		case <-tick.C:
			if l.giveUp((*pool).crowded) {
				return nil, staffkey.ErrBusy
			}
		case <-ctx.Done():
			if l.giveUp(nil) {
				return nil, ctx.Err()
			}
		}
	}
}

// queue takes an idle worker, or the place behind the others of its kind.
func (l *place) queue() {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case len(p.idle) > 0:
		last := len(p.idle) - 1
		l.worker <- p.idle[last]
		p.idle = p.idle[:last]
	case l.known:
		p.known = append(p.known, l)
	default:
		p.others = append(p.others, l)
	}
}

// giveUp takes the place out of its queue, and reports false when its turn has come meanwhile. With onlyIf it stays there unless that
// holds.
func (l *place) giveUp(onlyIf func(*pool) bool) bool {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(l.worker) > 0 || onlyIf != nil && !onlyIf(p) {
		return false
	}
	line := &p.others
	if l.known {
		line = &p.known
	}
	*line = slices.DeleteFunc(*line, func(other *place) bool { return other == l })
	return true
}

// release gives a worker to whose turn it is.
func (p *pool) release(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range []*[]*place{&p.known, &p.others} {
		if len(*line) > 0 {
			next := (*line)[0]
			*line = slices.Delete(*line, 0, 1)
			next.worker <- w
			return
		}
	}
	p.idle = append(p.idle, w)
}
