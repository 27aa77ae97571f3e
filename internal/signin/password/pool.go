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

// keptShare is the share of the places, one in so many, that those who are known keep from the others, and the others from them: guessing from
// many addresses does not reach who is known, and nobody who is known shuts the others out.
const keptShare = 4

// knownTurns is how many turns those who are known have for each one of the others, while both wait.
const knownTurns = 3

// pool bounds the hashes: so many at once, and so many that wait. Turns go round the sources, so that who sends many passwords waits for
// their own; who is known has more turns, and never all.
type pool struct {
	size    int // places, of those at work and of those who wait
	mu      sync.Mutex
	idle    []*worker
	places  int
	sources map[string]int // places of each source
	known   line
	others  line
	// turns are those that who is known has had since the last of the others.
	turns int
}

// line is who waits, by source: the one whose turn is next first, and of each who came first.
type line struct {
	places  int // of those at work too
	sources []*waiting
}

// waiting are the places of one source that wait.
type waiting struct {
	source string
	places []*place
}

// place is a source's right to one turn. It is taken before a try is counted, and used when the try is looked at.
type place struct {
	pool   *pool
	source string
	line   *line
	worker chan *worker // gets the worker whose turn it is
}

func newPool(workers []*worker, queue int) *pool {
	return &pool{size: len(workers) + queue, idle: workers, sources: make(map[string]int)}
}

// enter takes a place; ErrBusy when there is none for this source. Who has none, because they have been let in already or their address is not
// known, is bounded by the room alone, and shares turns with all who have none.
func (p *pool) enter(source string, known bool) (*place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.others
	if known {
		l = &p.known
	}
	if p.places >= p.size || l.places >= p.size-p.size/keptShare || source != "" && p.crowded() && p.sources[source] >= fairShare {
		return nil, staffkey.ErrBusy
	}
	p.places++
	l.places++
	p.sources[source]++
	return &place{pool: p, source: source, line: l, worker: make(chan *worker, 1)}, nil
}

// crowded says that so many places are taken that who wants one more has to think of others. It is called with the lock.
func (p *pool) crowded() bool { return p.places > p.size/2 }

// leave gives the place back.
func (l *place) leave() {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	p.places--
	l.line.places--
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

// queue takes an idle worker, or the place behind the others of its source.
func (l *place) queue() {
	p := l.pool
	p.mu.Lock()
	defer p.mu.Unlock()
	if last := len(p.idle) - 1; last >= 0 {
		l.worker <- p.idle[last]
		p.idle = p.idle[:last]
		return
	}
	l.line.add(l)
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
	l.line.remove(l)
	return true
}

// release gives a worker to whose turn it is.
func (p *pool) release(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if next := p.next(); next != nil {
		next.worker <- w
		return
	}
	p.idle = append(p.idle, w)
}

// next takes whose turn it is out of the lines; nil when nobody waits.
func (p *pool) next() *place {
	if len(p.known.sources) > 0 && (p.turns < knownTurns || len(p.others.sources) == 0) {
		p.turns = min(p.turns+1, knownTurns)
		return p.known.next()
	}
	if len(p.others.sources) > 0 {
		p.turns = 0
		return p.others.next()
	}
	return nil
}

// add puts a place behind those of its source; a source that has not waited yet goes behind the others.
func (q *line) add(l *place) {
	for _, of := range q.sources {
		if of.source == l.source {
			of.places = append(of.places, l)
			return
		}
	}
	q.sources = append(q.sources, &waiting{source: l.source, places: []*place{l}})
}

// next takes the first place of the source whose turn it is; then the other sources come first.
func (q *line) next() *place {
	of := q.sources[0]
	first := of.places[0]
	of.places = slices.Delete(of.places, 0, 1)
	q.sources = slices.Delete(q.sources, 0, 1)
	if len(of.places) > 0 {
		q.sources = append(q.sources, of)
	}
	return first
}

func (q *line) remove(l *place) {
	for _, of := range q.sources {
		of.places = slices.DeleteFunc(of.places, func(other *place) bool { return other == l })
	}
	q.sources = slices.DeleteFunc(q.sources, func(of *waiting) bool { return len(of.places) == 0 })
}
