package portal_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/portal"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write golden files")

// TestAccessMatrix walks every route as every kind of visitor and compares the answers with a table that people read.
func TestAccessMatrix(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	actors := []string{"visitor", "person", "la", "other_la", "helpdesk", "auditor", "operator"}
	for _, name := range actors[1:] {
		organisation := "north"
		if name == "other_la" {
			organisation = "south"
		}
		h := s.add(name, organisation)
		s.giveKey(h, "Lanyard")
	}
	s.grant(s.people["la"], staffkey.RoleLocalAdministrator, "north")
	s.grant(s.people["other_la"], staffkey.RoleLocalAdministrator, "south")
	s.grant(s.people["helpdesk"], staffkey.RoleHelpdesk, "top")
	s.grant(s.people["auditor"], staffkey.RoleAuditor, "top")
	s.grant(s.people["operator"], staffkey.RoleOperator, "top")
	s.allow("top", everyMethod...)
	victim := s.people["person"].keyID

	var b strings.Builder
	fmt.Fprintf(&b, "%-7s %-36s", "", "")
	for _, a := range actors {
		fmt.Fprintf(&b, " %-10s", a)
	}
	b.WriteString("\n")
	for _, route := range portal.Routes() {
		path := fillPath(route.Pattern, victim)
		fmt.Fprintf(&b, "%-7s %-36s", route.Method, route.Pattern)
		for _, a := range actors {
			who := s.browser()
			if a != "visitor" {
				who = s.session(s.people[a])
			}
			res := who.get
			if route.Method == http.MethodPost {
				res = func(path string) answer { return who.post(path, nil) }
			}
			fmt.Fprintf(&b, " %-10s", outcomeOf(res(path)))
			who.putRight(route, victim)
		}
		b.WriteString("\n")
	}
	got := strings.ReplaceAll(b.String(), " \n", "\n")
	const golden = "testdata/access.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("who may do what has changed; run with -update and read the difference (-want +got):\n%s", diff)
	}
}

// putRight takes back what a walk over all routes does to whoever walks: it freezes them, and puts their key on hold.
func (b *browser) putRight(route portal.Route, key staffkey.SecurityKeyID) {
	switch route.Method + " " + route.Pattern {
	case "POST /me/activity/not-me":
		b.post("/not-me/undo", nil)
	case "POST /me/tokens/{id}/replace":
		// A key that was reset does not come back for anybody, so this is not done by the pages.
		_ = b.s.store.Change(b.s.t.Context(), staffkey.Event(staffkey.EventKeyResumed, staffkey.ConsoleActor()), func(tx *store.Tx) error {
			for _, h := range b.s.people {
				if h.keyID == key {
					return tx.ResumeKey(store.InUse{Owner: staffkey.Person{ID: h.ID}}, key)
				}
			}
			return nil
		})
	}
}

// outcomeOf says in a word what a route answered: the status, and whether it was only a way to sign in.
func outcomeOf(a answer) string {
	if a.StatusCode == http.StatusSeeOther && strings.HasPrefix(a.location(), "/signin") {
		return "signin"
	}
	return fmt.Sprint(a.StatusCode)
}

// TestNobodyTouchesAnothersKey goes around the matrix: each operation on a key, by everybody else.
func TestNobodyTouchesAnothersKey(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	victim := s.add("victim", "north")
	s.giveKey(victim, "Lanyard")
	s.giveKey(victim, "Spare")
	for name, role := range map[string]staffkey.Role{"stranger": "", "la": staffkey.RoleLocalAdministrator, "operator": staffkey.RoleOperator} {
		h := s.add(name, "north")
		s.giveKey(h, "Own")
		s.giveKey(h, "Own too")
		if role == staffkey.RoleOperator {
			s.grant(h, role, "top")
		} else if role != "" {
			s.grant(h, role, "north")
		}
		who := s.session(h)
		for _, op := range []string{"edit", "remove", "restore", "name", "try", "lost", "found", "replace"} {
			a := who.post("/me/tokens/"+string(victim.keyID)+"/"+op, map[string][]string{"nickname": {"Mine now"}, "remove": {"1"}, "reason": {"stolen"}})
			if op == "try" { // a form there means that no script ran; nothing is changed by it
				continue
			}
			if a.StatusCode != http.StatusNotFound {
				t.Errorf("%s of another's key by %s: %d, want 404", op, name, a.StatusCode)
			}
		}
	}
	list, err := s.directory.ListKeys(t.Context(), staffkey.Actor{Person: victim.ID}, victim.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(list.Keys) != 2 || list.Keys[0].Nickname != "Lanyard" || list.Keys[0].State != staffkey.SecurityKeyActive {
		t.Errorf("the victim's keys are %v", list.Keys)
	}
}

// TestCrossSitePosts sends every POST as another site would make a browser send it.
func TestCrossSitePosts(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for _, route := range portal.Routes() {
		if route.Method != http.MethodPost {
			continue
		}
		path := strings.ReplaceAll(route.Pattern, "{id}", string(h.keyID))
		for name, headers := range map[string]map[string]string{
			"fetch metadata":             {"Sec-Fetch-Site": "cross-site"},
			"same site, other origin":    {"Sec-Fetch-Site": "same-site"},
			"origin of an older browser": {"Sec-Fetch-Site": "", "Origin": "https://evil.example"},
			"no origin":                  {"Sec-Fetch-Site": "", "Origin": "null"},
			"page of another site":       {"Sec-Fetch-Site": "", "Referer": "https://evil.example/me/tokens"},
			"page of the name, no TLS":   {"Sec-Fetch-Site": "", "Referer": "http://signin.example/me/tokens"},
			"page of another port":       {"Sec-Fetch-Site": "", "Referer": "https://signin.example:8443/"},
			"page of a name like ours":   {"Sec-Fetch-Site": "", "Referer": "https://signin.example.evil.example/"},
			"page with our name in it":   {"Sec-Fetch-Site": "", "Referer": "https://signin.example@evil.example/"},
			"page without an address":    {"Sec-Fetch-Site": "", "Referer": "about:blank"},
			"referer that is no address": {"Sec-Fetch-Site": "", "Referer": "https://signin.example\x7f/"},
		} {
			who := s.session(h)
			r := who.request("POST", path, "application/x-www-form-urlencoded", "nickname=Evil&remove=1")
			for k, v := range headers {
				if v == "" {
					r.Header.Del(k)
				} else {
					r.Header.Set(k, v)
				}
			}
			if a := who.send(r); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s %s: %d, want 403", route.Pattern, name, a.StatusCode)
			}
		}
	}
	list, err := s.directory.ListKeys(t.Context(), staffkey.Actor{Person: h.ID}, h.ID)
	if err != nil || len(list.Keys) != 1 || list.Keys[0].Nickname != "Lanyard" {
		t.Errorf("after all that the keys are %v, %v", list.Keys, err)
	}
}

// TestPosts_of_old_browsers are taken when what they say of where they come from is us, and when they say nothing at all.
func TestPosts_of_old_browsers(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	for name, headers := range map[string]map[string]string{
		"origin":           {"Origin": address},
		"origin and page":  {"Origin": address, "Referer": address + "/me"},
		"page":             {"Referer": address + "/me/tokens?x=1"},
		"page, name alone": {"Referer": address},
		"nothing":          {},
	} {
		r := s.session(h).request("POST", "/theme", "application/x-www-form-urlencoded", "theme=dark&return=/me")
		r.Header.Del("Sec-Fetch-Site")
		for k, v := range headers {
			r.Header.Set(k, v)
		}
		s.browser().send(r).leads(t, name, "/me")
	}
}
