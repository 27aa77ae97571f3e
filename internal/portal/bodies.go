package portal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

// Limits of what a request may send. A form of ours has at most two kilobytes; a key's answer with a long credential id has five. What a
// route needs beyond that, the list of routes says.
const (
	maxForm        = 8 << 10
	maxAttestation = 64 << 10 // certificates of a key, and of who made them
	maxRules       = 64 << 10 // a line for each model
	maxAnchorForm  = 1 << 20  // a file of certificates, and as text with its escapes
	maxUpload      = staffkey.MaxMetadata + maxAttestation
)

// Limits of what is held of bodies at once, so that slow senders cost their share of memory and no more. One source has an eighth: that is
// about 200 forms at a time from behind one address.
const (
	bodiesAtOnce   = 12 << 20
	bodiesOfSource = bodiesAtOnce / 8
)

// A body has to arrive at a rate that any line in use has: whoever is slower holds a place for nothing.
const (
	bodyGrace   = 10 * time.Second
	bytesPerSec = 2 << 10
	// answerTime is how long the connection may then stay silent; the server itself ends the answer.
	answerTime = time.Minute
)

// errCrowded says that the bodies of others take all the room that there is for bodies.
var errCrowded = errors.New("too many bodies at once")

// bodyBudget bounds the bytes of bodies that are held, in all and of one source.
type bodyBudget struct {
	mu              sync.Mutex
	most, mostOfOne int64
	used            int64
	sources         map[netip.Addr]int64
}

func newBodyBudget(most, mostOfOne int64) bodyBudget {
	return bodyBudget{most: most, mostOfOne: mostOfOne, sources: make(map[netip.Addr]int64)}
}

// take keeps room for n bytes of a source and reports whether there was any.
func (b *bodyBudget) take(source netip.Addr, n int64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.used+n > b.most || b.sources[source]+n > b.mostOfOne {
		return false
	}
	b.used += n
	b.sources[source] += n
	return true
}

func (b *bodyBudget) give(source netip.Addr, n int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.used -= n
	if b.sources[source] -= n; b.sources[source] == 0 {
		delete(b.sources, source)
	}
}

// held is room that a request has in a budget.
type held struct {
	budget *bodyBudget
	source netip.Addr
	bytes  int64
}

// giveBody gives back the room of the body, when the request is answered.
func (r *request) giveBody() {
	if r.held.budget != nil {
		r.held.budget.give(r.held.source, r.held.bytes)
		r.held = held{}
	}
}

// boundBody is the body of a request as everybody may send it, with the whole one behind it.
type boundBody struct {
	io.ReadCloser
	whole io.ReadCloser
}

// takeBody reads the body. A large one is taken from those only who may use the route: from anybody else, it would fill the memory. The route
// is told by its pattern, which a request that was refused before it does not have.
func (p *Portal) takeBody(r *request, needs requirement) error {
	if r.Method != http.MethodPost {
		return nil
	}
	limit, budget, longer := int64(maxForm), &p.bodies, time.Duration(0)
	body, bound := r.Body.(*boundBody)
	if most, large := p.largeBodies[r.Pattern]; large && bound && (r.ContentLength < 0 || r.ContentLength > maxForm) {
		if err := p.findSession(r); err != nil {
			r.refuseBody()
			return err
		}
		if err := needs(r); err != nil {
			r.refuseBody()
			return err
		}
		limit, r.Body = most, http.MaxBytesReader(r.w, body.whole, most)
		if most == maxUpload { // a file
			budget, longer = &p.files, uploadWait
		}
		defer func() { r.current, r.signedIn = signin.Current{}, false }()
	}
	size := r.ContentLength
	switch {
	case size > limit:
		r.refuseBody()
		return &statusError{http.StatusRequestEntityTooLarge, "body too large"}
	case size < 0:
		size = limit
	}
	r.held = held{budget, r.origin.Source(), size}
	if !budget.take(r.held.source, size) {
		r.held = held{}
		r.refuseBody()
		return errCrowded
	}
	return r.readBody(size, longer)
}

// refuseBody ends the connection with the answer, so that nobody waits for the rest of a body that is not wanted.
func (r *request) refuseBody() { r.w.Header().Set("Connection", "close") }

// readBody reads the whole body, of at most so many bytes, into memory, as long as it arrives fast enough or within a time that is longer.
func (r *request) readBody(size int64, longer time.Duration) error {
	control := http.NewResponseController(r.w)
	within := max(longer, bodyGrace+time.Duration(size/bytesPerSec)*time.Second)
	if longer > 0 {
		r.mayTake(longer + answerTime)
	}
	_ = control.SetReadDeadline(time.Now().Add(within)) // where there is no such limit, as in a test, there is none to move
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, size)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(r.Body)
	}
	if err != nil {
		r.refuseBody()
		return bodyError(fmt.Errorf("read the body: %w", err))
	}
	_ = control.SetReadDeadline(time.Now().Add(max(answerTime, longer))) // as above; the server reads on to learn whether somebody still waits
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}
