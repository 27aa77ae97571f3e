package nodes

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/test/program"
)

// tries is how many browsers give the same thing at the same moment.
const tries = 64

// answerWithin bounds one answer. New passwords are hashed one after the other on each node.
const answerWithin = 60 * time.Second

// try is one request that is ready to be sent.
type try struct {
	url, kind, body string
	cookies         []*http.Cookie
	origin          string
}

// answer is what became of a try.
type answer struct {
	status int
	// location is where a form leads to, or the page's script.
	location string
	// session tells that the answer opens a session.
	session bool
	err     error
}

// once is something that counts once.
type once struct {
	name string
	// event is what the log has when it has counted.
	event staffkey.EventKind
	// setUp prepares the person before the first round; nil when there is nothing to prepare.
	setUp func(t *testing.T, p *pair, s *someone)
	// ready makes a new one and returns the tries to use it.
	ready func(t *testing.T, p *pair, s *someone) []try
	won   func(answer) bool
}

func opensSession(a answer) bool { return a.session }

func leadsTo(path string) func(answer) bool {
	return func(a answer) bool { return a.status == http.StatusSeeOther && a.location == path }
}

// refused reports whether an answer says no: a form is shown again or the link is no good, and the script is sent to what there is to say.
func refused(a answer) bool {
	return a.status >= 400 && a.status < 500 || a.status == http.StatusOK && a.location == "/signin/outcome"
}

func TestWhat_counts_once_counts_once_on_two_nodes(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	for _, o := range everything {
		t.Run(o.name, func(t *testing.T) {
			s := p.newSomeone(t, strings.ReplaceAll(o.name, " ", "-"))
			if o.setUp != nil {
				o.setUp(t, p, s)
			}
			statuses := map[int]int{}
			for n := 1; n <= rounds(t) && !t.Failed(); n++ {
				p.forgetTries(t)
				list := o.ready(t, p, s)
				p.forgetTries(t)
				before := p.recorded(t, s, o.event)
				won := 0
				for _, a := range p.race(t.Context(), list) {
					switch {
					case a.err != nil:
						t.Errorf("round %d: %v", n, a.err)
					case o.won(a):
						won++
						continue
					case a.session || !refused(a):
						t.Errorf("round %d: status %d to %q, session %t; want a refusal", n, a.status, a.location, a.session)
					}
					statuses[a.status]++
				}
				if won != 1 {
					t.Errorf("round %d: %d of %d tries succeeded, want 1", n, won, len(list))
				}
				if got := p.recorded(t, s, o.event) - before; got != 1 {
					t.Errorf("round %d: the log has %d events %s, want 1", n, got, o.event)
				}
			}
			t.Logf("%d rounds of %d tries; refused, by status: %v", rounds(t), tries, statuses)
		})
	}
}

// race sends all tries at the same moment.
func (p *pair) race(ctx context.Context, list []try) []answer {
	answers := make([]answer, len(list))
	start := make(chan struct{})
	var group sync.WaitGroup
	for i, one := range list {
		group.Go(func() {
			<-start
			answers[i] = p.send(ctx, one)
		})
	}
	close(start)
	group.Wait()
	return answers
}

func (p *pair) send(ctx context.Context, one try) answer {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, one.url, strings.NewReader(one.body))
	if err != nil {
		return answer{err: err}
	}
	req.Header.Set("Content-Type", one.kind)
	req.Header.Set("Accept", one.kind)
	req.Header.Set("Origin", one.origin)
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("User-Agent", program.Agent)
	for _, c := range one.cookies {
		req.AddCookie(c)
	}
	res, err := p.http.Do(req)
	if err != nil {
		return answer{err: err}
	}
	defer res.Body.Close() //nolint:errcheck // it was read, or its error is reported
	a := answer{status: res.StatusCode, location: res.Header.Get("Location")}
	for _, c := range res.Cookies() {
		a.session = a.session || c.Name == "staffkey-session" && c.Value != ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return answer{err: fmt.Errorf("status %d: %w", a.status, err)}
	}
	if one.kind == "application/json" {
		var reply struct {
			Next string `json:"next"`
		}
		if err := json.Unmarshal(body, &reply); err != nil {
			return answer{err: fmt.Errorf("status %d: %w", a.status, err)}
		}
		a.location = reply.Next
	}
	return a
}

// forms opens the page at path once for each try, half of them at each node, and fills in its form: each has a ceremony of its own, so
// that it is the thing itself that counts once.
func (p *pair) forms(t *testing.T, c *program.Client, path, form string, values map[string]string) []try {
	t.Helper()
	defer c.Close()
	list := make([]try, tries)
	for i := range list {
		c.URL = p.nodes[i%len(p.nodes)].URL
		page, err := c.Get(t.Context(), path)
		must(t, "open "+path, err)
		f, ok := page.Form(form)
		if !ok {
			t.Fatalf("open %s: no %s on %s, %q", path, form, page.URL.Path, page.Heading())
		}
		body := url.Values{}
		for name, value := range values {
			body.Set(name, value)
		}
		if ceremony := f.Fields.Get("ceremony"); ceremony != "" {
			body.Set("ceremony", ceremony)
		}
		list[i] = try{url: c.URL + f.Action, kind: "application/x-www-form-urlencoded", body: body.Encode(), cookies: c.Cookies(), origin: c.URL}
	}
	return list
}
