package portal_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

type catalogue = directory.Models

// watchedModels tells of each key that a preview judges.
type watchedModels struct {
	catalogue
	each func()
}

func (m watchedModels) Facts(k staffkey.SecurityKey) staffkey.KeyFacts {
	m.each()
	return m.catalogue.Facts(k)
}

// overHTTP sends requests by a network, where a browser can leave before the answer. Each path that is asked for tells of its request.
func (s *stack) overHTTP(path string) (send func(context.Context, *browser, string), asked <-chan context.Context, answered *sync.WaitGroup) {
	s.t.Helper()
	contexts := make(chan context.Context, 64)
	answered = new(sync.WaitGroup)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == path {
			answered.Add(1)
			defer answered.Done()
			contexts <- r.Context()
		}
		r.RemoteAddr = "192.0.2.7:4711"
		s.handler.ServeHTTP(w, r)
	}))
	s.t.Cleanup(server.Close)
	send = func(ctx context.Context, b *browser, form string) {
		like := b.request("POST", path, "application/x-www-form-urlencoded", form)
		r, err := http.NewRequestWithContext(ctx, like.Method, server.URL+path, strings.NewReader(form))
		if err != nil {
			s.t.Error(err)
			return
		}
		r.Host, r.Header = like.Host, like.Header
		for name, value := range b.cookies {
			r.AddCookie(&http.Cookie{Name: name, Value: value})
		}
		if res, err := http.DefaultClient.Do(r); err == nil {
			s.t.Errorf("status %d, want none: the browser has left", res.StatusCode)
			_ = res.Body.Close() // only its status is looked at
		}
	}
	return send, contexts, answered
}

// Operators who ask for counts and leave keep nobody from signing in, and their counts stop.
func TestCounts_that_are_abandoned(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		first, amara := s.operator()
		h := s.add("second", "top")
		s.giveKey(h, "Lanyard")
		s.grant(h, staffkey.RoleOperator, "top")
		for _, name := range []string{"bryn", "carys"} {
			s.giveKey(s.add(name, "north"), "Blue")
		}
		second := s.session(h)
		const asked, atOnce = 16, 2
		entered, goOn := make(chan struct{}, asked), make(chan struct{})
		var judged atomic.Int64
		s.watch = func(m directory.Models) directory.Models {
			return watchedModels{m, func() {
				judged.Add(1)
				select {
				case entered <- struct{}{}:
				default: // nobody waits for it any more
				}
				<-goOn
			}}
		}
		s.wire(address)
		form := first.get("/ops/rules?organisation=north").hidden("rules-form")
		form.Set("attestation", "proven")
		send, contexts, answered := s.overHTTP("/ops/rules")
		ctx, leave := context.WithCancel(t.Context())
		defer leave()
		var sending sync.WaitGroup
		for i := range asked {
			sending.Go(func() { send(ctx, []*browser{first, second}[i%2], form.Encode()) })
		}
		gone := make([]context.Context, asked)
		for i := range gone {
			gone[i] = <-contexts
		}
		for range atOnce {
			<-entered
		}
		in := s.browser()
		in.givePassword(amara, testPassword)
		in.touch(amara.key, "/signin/key/options", "/signin/key").leads(t, "signing in meanwhile", "/me")
		in.get("/me").shows(t, "Home meanwhile", http.StatusOK, "Blue")
		in.get("/readyz").shows(t, "readiness meanwhile", http.StatusOK)
		leave()
		for _, ctx := range gone {
			<-ctx.Done()
		}
		close(goOn)
		sending.Wait()
		answered.Wait()
		if n := judged.Load(); n != 2*atOnce {
			t.Errorf("%d keys were judged for those who have left, want %d: one by each count that ran, as it is and as it would be", n, 2*atOnce)
		}
		first.post("/ops/rules", form).shows(t, "a count afterwards", http.StatusOK, "3 people")
	})
}

// Who finds no turn is told why, and when to try again.
func TestCounts_without_a_turn(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		patient := s.store
		s.config.SurveyWait = time.Millisecond
		s.store = storetest.OpenConfig(t, s.config)
		t.Cleanup(func() {
			s.store = patient
			s.wire(address)
		})
		s.wire(address)
		op, _ := s.operator()
		var running sync.WaitGroup
		begin := func(by staffkey.PersonID) (end func()) {
			entered, release := make(chan struct{}), make(chan struct{})
			running.Go(func() {
				err := s.store.Survey(t.Context(), by, func(*store.Tx) error {
					close(entered)
					<-release
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
			<-entered
			return func() { close(release) }
		}
		busy := func(want string) {
			t.Helper()
			for _, path := range []string{"/ops", "/ops/models", "/ops/reviews"} {
				a := op.get(path)
				a.shows(t, path, http.StatusServiceUnavailable, want)
				if a.Header.Get("Retry-After") != "5" {
					t.Errorf("%s: Retry-After %q, want 5", path, a.Header.Get("Retry-After"))
				}
			}
		}
		mine := begin(s.people["operator"].ID)
		busy("Your last count is still running.")
		other := begin("other")
		mine()
		third := begin("third")
		busy("Others are counting people at this moment.")
		other()
		third()
		running.Wait()
		op.get("/ops/models").shows(t, "the models afterwards", http.StatusOK)
	})
}
