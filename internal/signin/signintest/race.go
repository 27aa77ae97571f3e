package signintest

import (
	"context"
	"testing"

	"staffkey"
	"staffkey/internal/store"
)

func raceOneCeremony(t *testing.T, b *bench) {
	for i := range rounds(t) {
		c := b.begin(t, b.person)
		body := b.hand.Answer(c.Options)
		b.race(t, b.unthrottled(), func(ctx context.Context, _ int) error {
			_, err := b.finish(ctx, c, body)
			return err
		})
		b.rest(t, i)
	}
}

func raceOneAnswer(t *testing.T, b *bench) {
	for i := range rounds(t) {
		b.ready(b.person)
		var cs []begun
		for range runners {
			cs = append(cs, b.start(t, b.person))
		}
		body := b.hand.Answer(cs[0].Options)
		b.race(t, runners, func(ctx context.Context, runner int) error {
			_, err := b.finish(ctx, cs[runner], body)
			return err
		})
		b.rest(t, i)
	}
}

// raceManyOnOneCeremony is for methods that are throttled: an answer that has to wait uses the ceremony up too, and may be the first to
// do so. Then nobody signs in; never two.
func raceManyOnOneCeremony(t *testing.T, b *bench) {
	for i := range rounds(t) {
		c := b.begin(t, b.person)
		body := b.hand.Answer(c.Options)
		refusals, sessions := len(b.Refusals(t)), b.Sessions(t)
		won := 0
		for _, err := range Parallel(runners, func(int) error {
			_, err := b.finish(t.Context(), c, body)
			return err
		}) {
			if err == nil {
				won++
			} else if RuleOf(err) == "" {
				t.Errorf("got error %v, want a refusal", err)
			}
		}
		if won > 1 || b.Sessions(t)-sessions != won {
			t.Errorf("%d succeeded and %d sessions opened, want at most one", won, b.Sessions(t)-sessions)
		}
		if got, want := len(b.Refusals(t))-refusals, recorded(runners-won); got != want {
			t.Errorf("%d refused events, want %d", got, want)
		}
		b.rest(t, i)
	}
}

// rest ends a round of a race: nobody has to wait in the next, and whoever will have no answers left gets new ones.
func (b *bench) rest(t *testing.T, round int) {
	t.Helper()
	b.Rest()
	if n := b.subject.Answers; n > 0 && (round+1)%(n-1) == 0 {
		b.setUp(t, b.signIn(t), b.hand)
	}
}

// unthrottled is how many may try a method at once without one of them having to wait. A security key is not guessed, so it never has
// to; of anything else five wrong answers are free.
func (b *bench) unthrottled() int {
	if b.kind == staffkey.MethodSecurityKey {
		return runners
	}
	return 5
}

// recorded is how many of a person's refusals in one minute are in the log.
func recorded(refused int) int { return min(refused, store.NotesPerMinute) }

// race lets many try the same at once: one session opens, and everybody else is refused and recorded.
func (b *bench) race(t *testing.T, n int, try func(ctx context.Context, i int) error) {
	t.Helper()
	refusals, sessions := len(b.Refusals(t)), b.Sessions(t)
	Once(t, Parallel(n, func(i int) error { return try(t.Context(), i) }))
	if got, want := len(b.Refusals(t))-refusals, recorded(n-1); got != want {
		t.Errorf("%d refused events, want %d", got, want)
	}
	if got := b.Sessions(t) - sessions; got != 1 {
		t.Errorf("%d sessions opened, want 1", got)
	}
}
