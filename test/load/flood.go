package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"staffkey/test/program"
)

// flooding sends wrong passwords at a rate, whatever the answers: it plays somebody who guesses names and passwords.
type flooding struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
	count  struct{ sent, checked, busy, throttled, errors atomic.Int64 }
}

// floodCount tells what became of the passwords.
type floodCount struct {
	Sent      int64 `json:"sent"`
	Checked   int64 `json:"checked"`   // answered with 401 after the work of a hash
	Busy      int64 `json:"busy"`      // told to come back in a moment, because so many wait
	Throttled int64 `json:"throttled"` // not looked at, because the name or the address has tried too often
	Errors    int64 `json:"errors"`    // anything else
}

// floodOpen bounds the passwords that wait for an answer; further ones are not sent until there is room.
const floodOpen = 256

// guessing says how often, whose passwords and from where.
type guessing struct {
	perSecond float64
	// known are names that exist: every second try is for one of them, the others are for names that nobody has.
	known []string
	// source gives the network address of a try; nil for that of this machine.
	source func() string
}

func startFlood(ctx context.Context, address string, g guessing) *flooding {
	ctx, cancel := context.WithCancel(ctx)
	f := &flooding{cancel: cancel}
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: floodOpen},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       answerWithin,
	}
	room := make(chan struct{}, floodOpen)
	f.done.Go(func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / g.perSecond))
		defer tick.Stop()
		for n := 0; ; n++ {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			select {
			case <-ctx.Done():
				return
			case room <- struct{}{}:
			}
			f.count.sent.Add(1)
			f.done.Go(func() {
				name := "nobody." + strings.ToLower(rand.Text())
				if n%2 == 1 && len(g.known) > 0 {
					name = g.known[n/2%len(g.known)]
				}
				f.try(ctx, client, address, name, g.source)
				<-room
			})
		}
	})
	return f
}

// try sends one wrong password.
func (f *flooding) try(ctx context.Context, client *http.Client, address, name string, source func() string) {
	body := url.Values{"username": {name}, "password": {rand.Text()}, "signin": {"1"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/signin", strings.NewReader(body.Encode()))
	if err != nil {
		f.count.errors.Add(1)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("User-Agent", program.Agent)
	if source != nil {
		req.Header.Set("X-Forwarded-For", source())
	}
	resp, err := client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			f.count.errors.Add(1)
		}
		return
	}
	_ = resp.Body.Close() // the page is not wanted
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		f.count.checked.Add(1)
	case http.StatusServiceUnavailable:
		f.count.busy.Add(1)
	case http.StatusTooManyRequests:
		f.count.throttled.Add(1)
	default:
		f.count.errors.Add(1)
	}
}

// stop ends the flood and tells what became of it.
func (f *flooding) stop() *floodCount {
	f.cancel()
	f.done.Wait()
	c := &f.count
	return &floodCount{c.sent.Load(), c.checked.Load(), c.busy.Load(), c.throttled.Load(), c.errors.Load()}
}

func (c *floodCount) String() string {
	return fmt.Sprintf("%d sent, %d checked, %d told to come back, %d not looked at, %d errors", c.Sent, c.Checked, c.Busy, c.Throttled, c.Errors)
}
