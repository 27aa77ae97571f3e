package program

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"staffkey/internal/pgtest"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { Main(m) }

// nicknames are those of a person's list, in its order.
func nicknames(t *testing.T, c *Client) []string {
	t.Helper()
	tokens, err := c.Tokens(t.Context())
	if err != nil {
		t.Fatalf("Tokens: %v", err)
	}
	var names []string
	for _, token := range tokens {
		names = append(names, token.Nickname)
	}
	return names
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// walk does everything that a person can do with tokens, and checks what the pages then say.
func walk(t *testing.T, p *Program) {
	t.Helper()
	ctx := t.Context()
	who, ok := p.Person("")
	if !ok {
		t.Fatal("the demo made no accounts")
	}
	c, key := NewClient(p.URL), NewKey()
	t.Cleanup(c.Close)

	page, err := c.SignInPassword(ctx, who.Username, who.Password)
	must(t, "SignInPassword", err)
	if page.URL.Path != "/me" {
		t.Fatalf("after the password: want /me, got %s", page.URL.Path)
	}
	id, err := c.RegisterKey(ctx, key, "Lanyard")
	must(t, "RegisterKey", err)
	must(t, "Try", c.Try(ctx, id, key))
	again, err := c.RegisterKey(ctx, key, "Lanyard again")
	must(t, "RegisterKey of the same key", err)
	must(t, "Rename", c.Rename(ctx, id, "Desk"))
	must(t, "Remove", c.Remove(ctx, again))
	if diff := cmp.Diff([]string{"Desk"}, nicknames(t, c)); diff != "" {
		t.Errorf("tokens after the removal (-want +got):\n%s", diff)
	}
	must(t, "Restore", c.Restore(ctx, again))
	if diff := cmp.Diff([]string{"Desk", "Lanyard again"}, nicknames(t, c)); diff != "" {
		t.Errorf("tokens after the undo (-want +got):\n%s", diff)
	}
	if _, err := c.MakeRecoveryCodes(ctx); err != nil {
		t.Fatalf("MakeRecoveryCodes: %v", err)
	}
	codes, err := c.MakeRecoveryCodes(ctx)
	must(t, "MakeRecoveryCodes again", err)
	if len(codes) != 10 {
		t.Errorf("recovery codes: want 10, got %d", len(codes))
	}
	sentences, err := c.Activity(ctx)
	must(t, "Activity", err)
	if !slices.ContainsFunc(sentences, func(s string) bool { return strings.Contains(s, "Desk") }) {
		t.Errorf("activity: want a sentence about Desk, got %q", sentences)
	}
	must(t, "SignOut", c.SignOut(ctx))
	isSignedIn(t, c, false)

	must(t, "SignInByNickname", c.SignInByNickname(ctx, who.Username, who.Password, key, "Desk"))
	other := NewClient(p.URL)
	t.Cleanup(other.Close)
	must(t, "SignInPasswordless", other.SignInPasswordless(ctx, key))
	isSignedIn(t, other, true)
	must(t, "SignOut", other.SignOut(ctx))
	must(t, "SignInByCode", other.SignInByCode(ctx, who.Username, who.Password, codes[0]))
	isSignedIn(t, c, true)
}

func isSignedIn(t *testing.T, c *Client, want bool) {
	t.Helper()
	got, err := c.IsSignedIn(t.Context())
	must(t, "IsSignedIn", err)
	if got != want {
		t.Errorf("signed in: want %t, got %t", want, got)
	}
}

func TestClient_walks_the_pages(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	walk(t, p)
	must(t, "Stop", p.Stop())
	if got := p.Stderr(); got != "" {
		t.Errorf("standard error: want nothing, got %s", got)
	}
}

func TestClient_walks_the_pages_on_PostgreSQL(t *testing.T) {
	t.Parallel()
	server, stop, err := pgtest.Start(pgtest.Fast)
	if errors.Is(err, pgtest.ErrNotInstalled) {
		t.Skip(err)
	}
	must(t, "start PostgreSQL", err)
	t.Cleanup(stop)
	database, drop, err := NewDatabase(context.Background(), server)
	must(t, "NewDatabase", err)
	t.Cleanup(func() {
		if err := drop(); err != nil {
			t.Error(err)
		}
	})
	p := Start(t, Options{Postgres: database})
	walk(t, p)
}

func TestProgram_keeps_what_was_there_when_killed(t *testing.T) {
	t.Parallel()
	options := Options{Data: t.TempDir()}
	p := Start(t, options)
	who, _ := p.Person("")
	c, key := NewClient(p.URL), NewKey()
	t.Cleanup(c.Close)
	_, err := c.SignInPassword(t.Context(), who.Username, who.Password)
	must(t, "SignInPassword", err)
	_, err = c.RegisterKey(t.Context(), key, "Lanyard")
	must(t, "RegisterKey", err)
	p.Kill()

	p = Start(t, options)
	c.URL = p.URL
	isSignedIn(t, c, true)
	if diff := cmp.Diff([]string{"Lanyard"}, nicknames(t, c)); diff != "" {
		t.Errorf("tokens (-want +got):\n%s", diff)
	}
	out, err := p.Command("", "audit", "export", "--format", "jsonl")
	must(t, "audit export", err)
	if !strings.Contains(string(out), `"key_named"`) {
		t.Errorf("audit log: want a key_named event, got\n%s", out)
	}
}

func TestRun_reports_why_it_did_not_start(t *testing.T) {
	t.Parallel()
	_, err := Run(Build(t), Options{Data: t.TempDir(), Postgres: "postgres://localhost:1/none"})
	if err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Errorf("error: want what the program said, got %v", err)
	}
}
