package crash

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/test/program"

	"github.com/google/go-cmp/cmp"
)

// result is something that an answer acknowledged, as the audit log has to tell it.
type result struct {
	kind staffkey.EventKind
	// subject is the id of the token or the method; name the nickname that it got, where it got one.
	subject, name string
}

// staff is one person at work, with what the server has acknowledged to them.
type staff struct {
	account program.Person
	key     *softkey.Key // registered once and never removed
	browser *program.Client
	// tokens are the nicknames by id, as acknowledged; codes the recovery codes of the latest set.
	tokens map[string]string
	codes  []string
	// number gets codes by text message; empty for those whose role forbids them. sent is how many there were up to this round.
	number string
	sent   int
	// done are the results of this round, sessions the browsers that were signed in during it.
	done     []result
	sessions []*program.Client
	// open is what was asked for and not acknowledged when the program was killed: it may have happened.
	open *result
	next int // counts what this person has done, for nicknames and the choice of what to do
}

const keptNickname = "Kept"

func newStaff(ctx context.Context, p *program.Program, account program.Person, number string) (*staff, error) {
	s := &staff{account: account, key: program.NewKey(), browser: program.NewClient(p.URL), tokens: map[string]string{}, number: number}
	if _, err := s.browser.SignInPassword(ctx, account.Username, account.Password); err != nil {
		return nil, err
	}
	id, err := s.browser.RegisterKey(ctx, s.key, keptNickname)
	if err != nil {
		return nil, err
	}
	s.tokens[id] = keptNickname
	if s.number == "" {
		return s, nil
	}
	return s, s.enrolNumber(ctx, p)
}

func (s *staff) moved(address string) {
	for _, c := range append(s.sessions, s.browser) {
		c.URL = address
	}
}

// mostTokens is how many tokens a person gathers beside the kept one before one is removed: as many as the policy allows.
const mostTokens = staffkey.DefaultMaxKeys - 1

// work changes one thing after the other until the program is killed. An error is one that came before.
func (s *staff) work(ctx context.Context, killed *atomic.Bool) error {
	ctx, cancel := within(ctx)
	defer cancel()
	for {
		err := s.step(ctx)
		s.next++ // also when it failed: what it asked for may have happened, under the nickname that it had
		var wrong *program.Unexpected
		switch {
		case err == nil:
		case killed.Load() && !errors.As(err, &wrong):
			return nil
		default:
			return err
		}
	}
}

func (s *staff) step(ctx context.Context) error {
	removable := slices.DeleteFunc(slices.Sorted(maps.Keys(s.tokens)), func(id string) bool { return s.tokens[id] == keptNickname })
	switch turn := s.next % 7; {
	case turn == 0:
		return s.signIn(ctx)
	case turn == 3 && len(removable) > 0:
		return s.rename(ctx, removable[random(len(removable))])
	case turn == 5:
		return s.makeCodes(ctx)
	case turn == 6 && s.number != "":
		return s.haveCodeSent(ctx)
	case len(removable) == mostTokens:
		return s.remove(ctx, removable[random(len(removable))])
	}
	return s.register(ctx)
}

// acknowledged notes what an answer has just said.
func (s *staff) acknowledged() {
	s.done = append(s.done, *s.open)
	s.open = nil
}

// signIn signs in with the key from a browser of its own, which is the person's browser from then on.
func (s *staff) signIn(ctx context.Context) error {
	c := program.NewClient(s.browser.URL)
	s.open = &result{kind: staffkey.EventSignedIn}
	if err := c.ProvePasswordless(ctx, s.key); err != nil {
		return err
	}
	s.acknowledged()
	s.sessions = append(s.sessions, c)
	s.browser = c
	return nil
}

func (s *staff) register(ctx context.Context) error {
	s.open = &result{kind: staffkey.EventKeyRegistered}
	id, err := s.browser.TouchNewKey(ctx, program.NewKey())
	if err != nil {
		return err
	}
	s.open.subject = id
	s.acknowledged()
	nickname := fmt.Sprintf("Key %d", s.next)
	return s.submit(result{staffkey.EventKeyNamed, id, nickname}, "/try", func() error { return s.browser.NameKey(ctx, id, nickname) })
}

func (s *staff) rename(ctx context.Context, id string) error {
	nickname := fmt.Sprintf("Name %d", s.next)
	return s.submit(result{staffkey.EventKeyRenamed, id, nickname}, "/me/tokens", func() error { return s.browser.Rename(ctx, id, nickname) })
}

func (s *staff) remove(ctx context.Context, id string) error {
	return s.submit(result{staffkey.EventKeyRemoved, id, s.tokens[id]}, "/me/tokens", func() error { return s.browser.Remove(ctx, id) })
}

// submit runs a walk whose form acknowledges r by leading to a page that ends in then. The walk may fail behind that, when the program is
// killed before the next page.
func (s *staff) submit(r result, then string, walk func() error) error {
	s.open = &r
	s.browser.OnRedirect = func(method, _, location string) {
		if method == "POST" && strings.HasSuffix(location, then) && s.open != nil {
			apply(s.tokens, r)
			s.acknowledged()
		}
	}
	defer func() { s.browser.OnRedirect = nil }()
	return walk()
}

// apply makes on a list of tokens what a result has made.
func apply(tokens map[string]string, r result) {
	switch r.kind {
	case staffkey.EventKeyNamed, staffkey.EventKeyRenamed:
		tokens[r.subject] = r.name
	case staffkey.EventKeyRemoved:
		delete(tokens, r.subject)
	}
}

func (s *staff) makeCodes(ctx context.Context) error {
	s.open = &result{kind: staffkey.EventMethodChanged, subject: string(staffkey.MethodRecoveryCode)}
	s.codes = nil // without an answer, nobody knows which set holds
	codes, err := s.browser.MakeRecoveryCodes(ctx)
	if err != nil {
		return err
	}
	s.codes = codes
	s.acknowledged()
	return nil
}

// compare looks for what was acknowledged by the pages: all sessions open, the list of tokens, and a recovery code.
func (s *staff) compare(ctx context.Context, withCode bool) (problems []string) {
	ctx, cancel := within(ctx)
	defer cancel()
	for i, c := range append(slices.Clone(s.sessions), s.browser) {
		signedIn, err := c.IsSignedIn(ctx)
		if err != nil || !signedIn {
			problems = append(problems, fmt.Sprintf("session %d of %d is lost (%v)", i+1, len(s.sessions)+1, err))
		}
		if c != s.browser {
			c.Close()
		}
	}
	list, err := s.browser.Tokens(ctx)
	if err != nil {
		return append(problems, err.Error())
	}
	got := make(map[string]string, len(list))
	for _, token := range list {
		got[token.ID] = token.Nickname
	}
	diff := cmp.Diff(s.tokens, got)
	if diff != "" && s.open != nil {
		perhaps := maps.Clone(s.tokens)
		apply(perhaps, *s.open)
		if cmp.Equal(perhaps, got) {
			diff = ""
		}
	}
	if diff != "" {
		problems = append(problems, "tokens (-want +got):\n"+diff)
	}
	s.tokens = got
	if withCode && len(s.codes) > 0 {
		c := program.NewClient(s.browser.URL)
		defer c.Close()
		if err := c.SignInByCode(ctx, s.account.Username, s.account.Password, s.codes[0]); err != nil {
			problems = append(problems, "the recovery codes that were shown do not work: "+err.Error())
		}
		s.codes = s.codes[1:]
	}
	return problems
}

// settle ends the round of a person.
func (s *staff) settle() { s.done, s.sessions, s.open = nil, nil, nil }
