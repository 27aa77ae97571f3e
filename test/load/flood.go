package main

import (
	"context"
	"crypto/rand"
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
	count  struct{ sent, checked, busy, errors atomic.Int64 }
}

// floodCount tells what became of the passwords.
type floodCount struct {
	Sent    int64 `json:"sent"`
	Checked int64 `json:"checked"` // answered with 401 after the work of a hash
	Busy    int64 `json:"busy"`    // told to come back later
	Errors  int64 `json:"errors"`  // anything else
}

// floodOpen bounds the passwords that wait for an answer; further ones are not sent until there is room.
const floodOpen = 256

func startFlood(ctx context.Context, address string, perSecond float64) (*flooding, error) {
	if _, err := url.Parse(address); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	f := &flooding{cancel: cancel}
	client := &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: floodOpen},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       answerWithin,
	}
	room := make(chan struct{}, floodOpen)
	f.done.Go(func() {
		tick := time.NewTicker(time.Duration(float64(time.Second) / perSecond))
		defer tick.Stop()
		for {
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
				f.try(ctx, client, address)
				<-room
			})
		}
	})
	return f, nil
}

// try sends one wrong password for a name that nobody has: the server does the same work as for one that exists.
func (f *flooding) try(ctx context.Context, client *http.Client, address string) {
	body := url.Values{"username": {"nobody." + strings.ToLower(rand.Text())}, "password": {rand.Text()}, "signin": {"1"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address+"/signin", strings.NewReader(body.Encode()))
	if err != nil {
		f.count.errors.Add(1)
		return
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("User-Agent", program.Agent)
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
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
		f.count.busy.Add(1)
	default:
		f.count.errors.Add(1)
	}
}

// stop ends the flood and tells what became of it.
func (f *flooding) stop() *floodCount {
	f.cancel()
	f.done.Wait()
	return &floodCount{f.count.sent.Load(), f.count.checked.Load(), f.count.busy.Load(), f.count.errors.Load()}
}
