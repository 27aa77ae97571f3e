package notify

import (
	"cmp"
	"context"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"staffkey"
)

const (
	// restAfter and rest: a provider that failed so often in a row is tried last for so long.
	restAfter = 3
	rest      = time.Minute
	// maxProblem is the most characters kept of what a provider says, minSecret the fewest of a value that is looked for in it.
	maxProblem = 200
	minSecret  = 4
)

// provider is a channel, and how it fares on this node.
type provider struct {
	Channel
	mu       sync.Mutex
	failures int // in a row
	restTill time.Time
}

// inOrder lists the providers of a kind, those that rest last.
func (s *Service) inOrder(kind staffkey.ChannelKind) []*provider {
	now := s.Now()
	resting := func(p *provider) int {
		p.mu.Lock()
		defer p.mu.Unlock()
		if now.Before(p.restTill) {
			return 1
		}
		return 0
	}
	order := make(map[*provider]int)
	for _, p := range s.providers[kind] {
		order[p] = resting(p)
	}
	return slices.SortedStableFunc(slices.Values(s.providers[kind]), func(a, b *provider) int { return cmp.Compare(order[a], order[b]) })
}

// answered notes that the provider works.
func (p *provider) answered() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.failures, p.restTill = 0, time.Time{}
}

// failed notes that the provider does not work.
func (p *provider) failed(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failures++; p.failures >= restAfter {
		p.restTill = now.Add(rest)
	}
}

// panicError is what a provider panicked with. What it says stays out of messages to anybody: nobody knows what is in it.
type panicError struct{ stack string }

func (*panicError) Error() string { return "panic" }

// send hands a message to the provider; a panic is a failure like another.
func (p *provider) send(ctx context.Context, m Message, patience time.Duration) (reference string, err error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	defer func() {
		if recover() != nil {
			err = &panicError{string(debug.Stack())}
		}
	}()
	return p.Send(ctx, m)
}

// secrets are what a provider may repeat in an error and what nobody who reads the log is to see: links, addresses, and what has as many
// digits as a code or a number.
var secrets = regexp.MustCompile(`(?i)[a-z]+://\S+|[^\s<>"']+@[^\s<>"']+|\+?\d(?:[ ()-]{0,2}\d){5,}`)

// clean is what an error says, on one short line without secrets.
func clean(err error, m staffkey.Outgoing) string {
	hidden := []string{m.To}
	for name, value := range m.Args {
		if len(value) >= minSecret && name != "Method" && name != "Reason" {
			hidden = append(hidden, value)
		}
		if _, secret, ok := strings.Cut(value, "="); ok && name == "Link" && secret != "" {
			hidden = append(hidden, secret)
		}
	}
	problem := err.Error()
	slices.SortFunc(hidden, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	for _, secret := range hidden {
		problem = strings.ReplaceAll(problem, secret, "…")
	}
	problem = secrets.ReplaceAllString(problem, "…")
	problem = strings.Join(strings.Fields(strings.ToValidUTF8(problem, "")), " ")
	if runes := []rune(problem); len(runes) > maxProblem {
		problem = string(runes[:maxProblem-1]) + "…"
	}
	return problem
}
