package portal_test

import (
	"cmp"
	"database/sql"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/portal"
)

// seenOnly are the columns that a look may write: when somebody was seen, and when they were first asked for what they lack.
var seenOnly = []string{"sessions.last_seen_at", "people.asked_at"}

// content is everything that the database holds, but for seenOnly: a line for each row.
func (s *stack) content(db *sql.DB) []string {
	s.t.Helper()
	query := "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
	if s.config.PostgreSQL != "" {
		query = "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
	}
	var all []string
	for _, table := range s.rows(db, query) {
		name := strings.Trim(table, "[]")
		for _, row := range s.rows(db, "SELECT * FROM "+name) {
			all = append(all, name+": "+row)
		}
	}
	slices.Sort(all)
	return all
}

// rows reads the rows of a query, each as a list of its values.
func (s *stack) rows(db *sql.DB, query string) []string {
	s.t.Helper()
	rows, err := db.QueryContext(s.t.Context(), query)
	if err != nil {
		s.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		s.t.Fatal(err)
	}
	table := query[strings.LastIndexByte(query, ' ')+1:]
	var list []string
	for rows.Next() {
		values := make([]any, len(columns))
		for i := range values {
			values[i] = new(sql.RawBytes)
		}
		if err := rows.Scan(values...); err != nil {
			s.t.Fatal(err)
		}
		var row []string
		for i, v := range values {
			if !slices.Contains(seenOnly, table+"."+columns[i]) {
				row = append(row, string(*v.(*sql.RawBytes)))
			}
		}
		list = append(list, fmt.Sprint(row))
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	return list
}

func (s *stack) raw() *sql.DB {
	s.t.Helper()
	driver, source := "sqlite", "file:"+s.config.SQLite+"?_pragma=busy_timeout(5000)"
	if s.config.PostgreSQL != "" {
		driver, source = "pgx", s.config.PostgreSQL
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := db.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return db
}

// unlike tells which lines only one of two contents has.
func unlike(before, after []string) []string {
	var diff []string
	for _, line := range after {
		if _, found := slices.BinarySearch(before, line); !found {
			diff = append(diff, "+ "+line)
		}
	}
	for _, line := range before {
		if _, found := slices.BinarySearch(after, line); !found {
			diff = append(diff, "- "+line)
		}
	}
	slices.SortFunc(diff, func(a, b string) int { return cmp.Compare(a[2:], b[2:]) })
	return diff
}

// TestGet_changes_nothing opens every page as everybody, plain and with what a link on another site may carry, and compares the whole
// database: what changes something is a post, which comes from a page of ours.
func TestGet_changes_nothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("top", everyMethod...)
		h, _ := s.withAllMethods("amara")
		weak := s.add("weak", "north")
		officer := s.add("oscar", "north")
		s.giveKey(officer, "Lanyard")
		s.grant(officer, staffkey.RoleOperator, "top")
		s.grant(officer, staffkey.RoleLocalAdministrator, "north")
		halfway := s.browser()
		halfway.givePassword(h, testPassword).leads(t, "the password", "/signin/key")
		_, la := s.administrator("lara")
		station := s.makeStation(la, "Ward 6")
		everybody := map[string]*browser{
			"a visitor": s.browser(), "somebody half signed in": halfway, "amara": s.session(h), "a password alone": s.byPassword(weak), "an operator": s.session(officer),
			"a station": station,
		}
		s.getsChangeNothing(everybody, h.keyID)
	})
}

// The same while an installation is set up.
func TestGet_changes_nothing_in_set_up(t *testing.T) {
	t.Parallel()
	s := newEmptyStack(t, "sqlite", address)
	operator := s.setUp()
	s.getsChangeNothing(map[string]*browser{"the first operator": operator}, staffkey.SecurityKeyID(operator.actorOf().Person))
}

func (s *stack) getsChangeNothing(everybody map[string]*browser, key staffkey.SecurityKeyID) {
	t := s.t
	t.Helper()
	db := s.raw()
	before := s.content(db)
	if len(before) < 10 {
		t.Fatalf("the database holds %d rows, want many", len(before))
	}
	carried := url.Values{
		"lang": {"cy"}, "skip": {"key"}, "why": {"idle"}, "t": {strings.Repeat("A", 26)}, "again": {"1"}, "own": {"yes"}, "remove": {"1"}, "theme": {"dark"}, "reason": {"lost"},
		"token": {string(key)}, "next": {"/me"}, "lost": {"1"}, "username": {"amara"}, "password": {testPassword},
	}.Encode()
	plain := url.Values{"skip": {"key"}, "why": {"idle"}}.Encode()
	for _, route := range portal.Routes() {
		if route.Method != http.MethodGet {
			continue
		}
		path := fillPath(route.Pattern, key)
		for who, b := range everybody {
			for _, query := range []string{"", "?" + plain, "?" + carried} {
				kept := map[string]string{}
				for name, value := range b.cookies {
					kept[name] = value
				}
				r := b.request(http.MethodGet, path+query, "", "")
				r.Header.Del("Sec-Fetch-Site") // as a browser without fetch metadata
				b.send(r)
				b.cookies = kept
			}
			after := s.content(db)
			if diff := unlike(before, after); len(diff) > 0 {
				t.Errorf("%s as %s changes\n%s", route.Pattern, who, strings.Join(diff, "\n"))
			}
			before = after
		}
	}
}

// Whoever sets up a service that cannot send e-mail reads so, and what to do: nothing else would tell them before people wait for a mail.
func TestSetUp_without_mail(t *testing.T) {
	t.Parallel()
	s := newEmptyStack(t, "sqlite", address)
	const none = "This service cannot send email yet."
	b := s.setUp()
	if page := b.get("/setup"); strings.Contains(page.body, none) {
		t.Error("with mail: the tasks say that there is none")
	}
	s.reaches = func(channel staffkey.ChannelKind) bool { return channel != staffkey.ChannelEmail }
	s.wire(address)
	b.get("/setup").shows(t, "the tasks", http.StatusOK, none, "smtp-host")
	b.post("/setup/key/skip", nil).leads(t, "skipping the key", "/setup")
	b.post("/setup/organisation", url.Values{"name": {"North"}, "code": {"NORTH"}}).leads(t, "the organisation", "/setup")
	b.post("/setup/methods", url.Values{"preset": {"key-only"}}).leads(t, "the methods", "/setup")
	b.post("/setup/address", nil).leads(t, "the address", "/setup")
	b.get("/setup/done").leads(t, "the end before it", "/setup")
	b.post("/setup/finish", nil).leads(t, "finish", "/setup/done")
	b.get("/setup/done").shows(t, "the end", http.StatusOK, "Next steps", none, "smtp-host")
}

// The page of a key offers to skip it as a form, and only while a set-up is under way.
func TestSetUp_key_is_skipped_by_post(t *testing.T) {
	t.Parallel()
	s := newEmptyStack(t, "sqlite", address)
	b := s.setUp()
	for _, site := range []string{"", "same-origin", "none", "cross-site"} {
		b.asking("/setup?skip=key", "Sec-Fetch-Site", site)
		if page := b.get("/setup"); !strings.Contains(page.body, `href="/me/tokens/register"`) || strings.Contains(page.body, "Skipped") {
			t.Errorf("a link from %q skips the key", site)
		}
	}
	b.get("/me/tokens/register").shows(t, "the page of the key", http.StatusOK, `<form id="skip-form" method="post" action="/setup/key/skip">`, `form="skip-form"`)
	b.post("/setup/key/skip", nil).leads(t, "skipping it", "/setup")
	b.get("/setup").shows(t, "the tasks", http.StatusOK, "Skipped")
}
