package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/url"
	"sync"
	"time"

	"staffkey/internal/ctap/softkey"
	"staffkey/test/program"
)

const userAgent = program.Agent

// person signs in again and again with one key, as from one computer.
type person struct {
	origin, host string
	key          *softkey.Key
	conn         *connection
	page         string // the head of the request for the first page
}

func newPerson(address string, key *softkey.Key) (*person, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	p := &person{origin: address, host: u.Host, key: key}
	p.page = requestHead("GET", "/signin", p.host, 0, "Accept: text/html", "Sec-Fetch-Site: none", "Sec-Fetch-Mode: navigate")
	return p, nil
}

// lap is what one goroutine saw.
type lap struct {
	took   []time.Duration
	errors []error
}

// loop is what all people saw together.
type loop struct {
	lap
	elapsed time.Duration
}

// maxErrors ends the part of a person whose sign-ins keep failing.
const maxErrors = 100

// drive lets all people sign in for a time: perSecond times together, or without a pause when that is 0. With a rate, a wait counts from
// when the sign-in was due, so that a server that stands still is not spared those who would have come meanwhile.
func drive(ctx context.Context, people []*person, length time.Duration, perSecond float64) (loop, error) {
	ctx, cancel := context.WithTimeout(ctx, length)
	defer cancel()
	laps := make([]lap, len(people))
	var group sync.WaitGroup
	began := time.Now()
	for i, p := range people {
		pace := pace{}
		if perSecond > 0 {
			pace.every = time.Duration(float64(len(people)) / perSecond * float64(time.Second))
			pace.next = began.Add(pace.every * time.Duration(i) / time.Duration(len(people)))
		}
		group.Go(func() { laps[i] = p.drive(ctx, pace) })
	}
	group.Wait()
	all := loop{elapsed: time.Since(began)}
	for _, l := range laps {
		all.took = append(all.took, l.took...)
		all.errors = append(all.errors, l.errors...)
	}
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) && err != nil {
		return all, err
	}
	if len(all.took) == 0 {
		return all, errors.Join(append([]error{errors.New("nobody could sign in")}, all.errors[:min(3, len(all.errors))]...)...)
	}
	return all, nil
}

// pace is when the sign-ins of one person are due; without a pause when every is 0.
type pace struct {
	next  time.Time
	every time.Duration
}

// await waits for the next sign-in and returns when it is due; false when the time is over before.
func (p *pace) await(ctx context.Context) (time.Time, bool) {
	if p.every == 0 {
		return time.Now(), ctx.Err() == nil
	}
	due := p.next
	p.next = due.Add(p.every)
	select {
	case <-time.After(time.Until(due)):
		return due, ctx.Err() == nil
	case <-ctx.Done():
		return due, false
	}
}

func (p *person) drive(ctx context.Context, pace pace) lap {
	var l lap
	for len(l.errors) < maxErrors {
		began, goOn := pace.await(ctx)
		if !goOn {
			break
		}
		if err := p.signIn(); err != nil {
			l.errors = append(l.errors, err)
			if p.conn != nil {
				p.conn.close()
				p.conn = nil
			}
			continue
		}
		l.took = append(l.took, time.Since(began))
	}
	return l
}

// signIn is one complete sign-in: the page, the key, the answer, a session.
func (p *person) signIn() error {
	var err error
	if p.conn == nil {
		if p.conn, err = dial(p.host); err != nil {
			return err
		}
	}
	a, err := p.conn.exchange(p.page)
	if err != nil {
		return err
	}
	if a.status != 200 {
		return fmt.Errorf("GET /signin: status %d", a.status)
	}
	options, sealed, err := ceremonyOf(a.body)
	if err != nil {
		return err
	}
	credential, err := p.key.Get(p.origin, options)
	if err != nil {
		return err
	}
	body := answerOf(sealed, credential)
	head := requestHead("POST", "/signin/passwordless", p.host, len(body), "Content-Type: application/json", "Accept: application/json",
		"Origin: "+p.origin, "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors")
	if a, err = p.conn.exchange(head + body); err != nil {
		return err
	}
	var reply struct {
		Next string `json:"next"`
	}
	if err := json.Unmarshal(a.body, &reply); err != nil {
		return fmt.Errorf("POST /signin/passwordless: status %d: %w", a.status, err)
	}
	if a.status != 200 || reply.Next != "/me" || !a.session {
		return fmt.Errorf("POST /signin/passwordless: status %d, next %q, session %t", a.status, reply.Next, a.session)
	}
	return nil
}

// answerOf is what the page's script posts. The sealed ceremony is base64url, so it needs no escaping.
func answerOf(sealed string, credential []byte) string {
	return `{"ceremony":"` + sealed + `","token":"","credential":` + string(credential) + `}`
}

var errNoForm = errors.New("no ceremony in the page")

// ceremonyOf finds the options and the sealed ceremony of the first form that starts a ceremony. It scans instead of parsing, which takes
// the driver a hundredth of the time; package program is where pages are read as a browser reads them.
func ceremonyOf(page []byte) (options []byte, sealed string, err error) {
	_, page, found := bytes.Cut(page, []byte(`data-ceremony="get"`))
	raw, found1 := between(page, `data-options="`, `"`)
	token, found2 := between(page, `name="ceremony" value="`, `"`)
	if !found || !found1 || !found2 {
		return nil, "", errNoForm
	}
	return []byte(html.UnescapeString(string(raw))), string(token), nil
}

func between(text []byte, before, after string) ([]byte, bool) {
	_, text, found := bytes.Cut(text, []byte(before))
	if !found {
		return nil, false
	}
	text, _, found = bytes.Cut(text, []byte(after))
	return text, found
}
