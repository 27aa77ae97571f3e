package main

import (
	"errors"
	"io"
	"net/http"
	"time"

	"staffkey"
)

// Limits of what is read of a body that nobody wants: as much as anybody may upload, at a rate that lines within a house have.
const (
	drainMost   = staffkey.MaxMetadata + 1<<20
	drainGrace  = 10 * time.Second
	drainPerSec = 1 << 20
)

// drained reads what a handler has left of the body of a request, after its answer, and forgets it. A proxy sends the whole body before it
// looks for an answer (Apache), or takes a connection that is closed meanwhile for a broken server (nginx): both say 502 in place of
// the answer, or wait for half a minute. Browsers without a proxy show an error of their own.
func drained(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.ContentLength == 0 { // HTTP/2 has a way to say it (RFC 9113 §8.1)
			next.ServeHTTP(w, r)
			return
		}
		control := http.NewResponseController(w)
		_ = control.EnableFullDuplex() // or the first 256 kB would be read before the answer; where there is no such choice, they are
		body := &watchedBody{ReadCloser: r.Body}
		r.Body = body
		next.ServeHTTP(w, r)
		if body.over || r.ContentLength > drainMost {
			return
		}
		_ = control.Flush()
		rest := max(r.ContentLength-body.read, 0)
		if r.ContentLength < 0 {
			rest = drainMost
		}
		_ = control.SetReadDeadline(time.Now().Add(drainGrace + time.Duration(rest/drainPerSec)*time.Second)) // whoever is slower is cut off
		_, _ = io.CopyN(io.Discard, body, drainMost)                                                          // an error ends it, too
	})
}

// watchedBody knows how much of a body was read.
type watchedBody struct {
	io.ReadCloser
	read int64
	over bool
}

func (b *watchedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	b.over = b.over || errors.Is(err, io.EOF)
	return n, err
}
