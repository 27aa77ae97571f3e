package nodes

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/pgtest"
	"staffkey/test/program"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { program.Main(m) }

const defaultRounds = 3

func rounds(t *testing.T) int {
	t.Helper()
	text := os.Getenv("STAFFKEY_RACE_ROUNDS")
	if text == "" {
		return defaultRounds
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("STAFFKEY_RACE_ROUNDS: %q is no number of rounds", text)
	}
	return n
}

// pair is two nodes on one database.
type pair struct {
	nodes    [2]*program.Program
	database *pgx.Conn
	http     *http.Client
	// seen is the number of the latest message at each node's gateway that was read.
	seen [2]int
}

func newPair(t *testing.T) *pair {
	t.Helper()
	server, stop, err := pgtest.Start(pgtest.Fast)
	if errors.Is(err, pgtest.ErrNotInstalled) && os.Getenv("TEST_ENGINES") != "all" {
		t.Skip(err)
	}
	must(t, "start PostgreSQL", err)
	t.Cleanup(stop)
	database, drop, err := program.NewDatabase(context.Background(), server)
	must(t, "NewDatabase", err)
	t.Cleanup(func() { must(t, "drop the database", drop()) })
	p := &pair{http: &http.Client{
		Transport:     &http.Transport{MaxIdleConnsPerHost: tries},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Timeout:       answerWithin,
	}}
	t.Cleanup(p.http.CloseIdleConnections)
	options := program.Options{Data: t.TempDir(), Postgres: database} // the folder holds the sealing key that both need
	for i := range p.nodes {
		p.nodes[i] = program.Start(t, options)
	}
	p.database, err = pgx.Connect(t.Context(), database)
	must(t, "connect to the database", err)
	t.Cleanup(func() { must(t, "leave the database", p.database.Close(context.Background())) })
	return p
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// forgetTries lets people guess again: what is to be seen is what counts once, and not the limits of guessing.
func (p *pair) forgetTries(t *testing.T) {
	t.Helper()
	_, err := p.database.Exec(t.Context(), "DELETE FROM throttles")
	must(t, "forget tries", err)
}

// recorded counts the events of a kind that happened to a person.
func (p *pair) recorded(t *testing.T, s *someone, kind staffkey.EventKind) (n int) {
	t.Helper()
	err := p.database.QueryRow(t.Context(), "SELECT count(*) FROM audit_events WHERE person_id = $1 AND kind = $2 AND outcome = $3",
		s.id, string(kind), string(staffkey.OutcomeDone)).Scan(&n)
	must(t, "count events", err)
	return n
}

// someone is a person with a password and a key.
type someone struct {
	id, username, password, email string
	key                           *softkey.Key
}

func (p *pair) newSomeone(t *testing.T, name string) *someone {
	t.Helper()
	s := &someone{username: "race." + name, password: "seven tall ships at anchor", email: "race." + name + "@northmoor.example"}
	out, err := p.nodes[0].Command("", "person", "add", s.username, "--name", "Race "+name, "--organisation", "NMH", "--email", s.email)
	must(t, "person add", err)
	words := strings.Fields(string(out))
	link, err := url.Parse(words[len(words)-1])
	must(t, "read the link", err)
	c := program.NewClient(p.nodes[0].URL)
	t.Cleanup(c.Close)
	must(t, "ChoosePassword", c.ChoosePassword(t.Context(), link.RequestURI(), s.password))
	// A key that does not count its uses: its counter would refuse a second answer by itself.
	s.key = softkey.New(softkey.Options{UserVerification: true, Resident: true})
	_, err = c.RegisterKey(t.Context(), s.key, "Lanyard")
	must(t, "RegisterKey", err)
	must(t, "find the person", p.database.QueryRow(t.Context(), "SELECT id FROM people WHERE username = $1", s.username).Scan(&s.id))
	return s
}

// signedIn returns a browser at the first node in which the person has just proved by key who they are.
func (p *pair) signedIn(t *testing.T, s *someone) *program.Client {
	t.Helper()
	c := program.NewClient(p.nodes[0].URL)
	t.Cleanup(c.Close)
	must(t, "SignInPasswordless", c.SignInPasswordless(t.Context(), s.key))
	return c
}

// visitor returns another browser at the second node, in which the person has given the password.
func (p *pair) visitor(t *testing.T, s *someone) *program.Client {
	t.Helper()
	c := p.stranger(t)
	_, err := c.SignInPassword(t.Context(), s.username, s.password)
	must(t, "SignInPassword", err)
	return c
}

// stranger returns a browser at the second node.
func (p *pair) stranger(t *testing.T) *program.Client {
	t.Helper()
	c := program.NewClient(p.nodes[1].URL)
	t.Cleanup(c.Close)
	return c
}

// submit sends a form of the page at path and wants it to lead to another.
func submit(t *testing.T, c *program.Client, path, form string, values map[string]string) *program.Page {
	t.Helper()
	page, err := c.Get(t.Context(), path)
	must(t, "open "+path, err)
	f, ok := page.Form(form)
	if !ok {
		t.Fatalf("open %s: no %s on %s, %q", path, form, page.URL.Path, page.Heading())
	}
	page, err = c.Submit(t.Context(), page, f, values)
	must(t, "send "+form, err)
	if page.Status != http.StatusOK {
		t.Fatalf("send %s: status %d, %q", form, page.Status, page.Text())
	}
	return page
}

// messageWithin is how long a message may take from the change that it tells of.
const messageWithin = 30 * time.Second

// message waits for a message to a recipient that matches want, whichever node sends it, and returns what want found in it.
func (p *pair) message(t *testing.T, to string, want *regexp.Regexp) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), messageWithin)
	defer cancel()
	type find struct {
		node, number int
		text         string
		err          error
	}
	found := make(chan find, len(p.nodes))
	for i := range p.nodes {
		go func() {
			f := find{node: i, number: p.seen[i]}
			for f.text == "" && f.err == nil {
				var list []program.Message
				if list, f.err = messages(ctx, p.nodes[i].Gateway, to, f.number); len(list) == 0 {
					continue
				}
				f.number = list[0].Number
				for _, m := range list {
					if match := want.FindStringSubmatch(m.Text); match != nil && f.text == "" {
						f.text = match[1]
					}
				}
			}
			found <- f
		}()
	}
	first := <-found
	cancel()
	for _, f := range []find{first, <-found} {
		p.seen[f.node] = max(p.seen[f.node], f.number)
		if f.text != "" {
			first = f
		}
	}
	must(t, fmt.Sprintf("a message to %s with %s", to, want), first.err)
	return first.text
}

// messages asks a node's gateway for messages after a number, newest first, and waits for one.
func messages(ctx context.Context, gateway, to string, after int) (list []program.Message, err error) {
	query := url.Values{"to": {to}, "after": {strconv.Itoa(after)}, "wait": {messageWithin.String()}}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, gateway+"/messages?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read, or its error is reported
	err = json.NewDecoder(res.Body).Decode(&list)
	return list, err
}
