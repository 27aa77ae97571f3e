package portal_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin/telephone"
)

// What went wrong in other products with codes and counts, one test each: testdata/peer-failures.json.

// codeKinds are the methods that are typed, by their name in paths.
var codeKinds = []string{"app-code", "text", "phone", "recovery-code"}

// guess types a code as the second proof, in a browser of its own that has got as far as this one.
func (b *browser) guess(kind, code string) answer {
	b.s.t.Helper()
	return b.twin(b.s).typeCode("/signin/"+kind, code)
}

// twin is another browser with the same cookies, at a node.
func (b *browser) twin(at *stack) *browser { return &browser{s: at, cookies: maps.Clone(b.cookies)} }

// ask makes the server send a code of a method, where it sends any, to somebody at the second proof.
func (b *browser) ask(kind string) {
	b.s.t.Helper()
	if kind == "text" || kind == "phone" {
		if a := b.post("/signin/"+kind+"/send", nil); a.StatusCode != http.StatusSeeOther {
			b.s.t.Fatalf("send a code by %s: %d", kind, a.StatusCode)
		}
	}
}

func TestPeer_AuthQuake(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h, phone := s.withAllMethods("amara")
		right := phone.nextCode()
		nodes, b := []*stack{s, s.otherNode()}, s.byPassword(h)
		for i := range 5 { // each in a browser, and every other on another node
			b.twin(nodes[i%2]).guess("app-code", wrong(right)).shows(t, "a wrong code", http.StatusUnauthorized)
		}
		told := slices.DeleteFunc(s.messages(h), func(m staffkey.Outgoing) bool { return m.Template != "notice.method_guessed" })
		if len(told) != 1 || told[0].To != h.Email || told[0].Args["Link"] == "" {
			t.Errorf("after five wrong codes the owner is told %+v, want one notice with a link that stops it", told)
		}
		for _, node := range nodes {
			b.twin(node).guess("app-code", right).shows(t, "the right code after five wrong ones", http.StatusTooManyRequests, "Wait 1 minute")
		}
		s.session(h).get("/me/activity").shows(t, "the activity", http.StatusOK, "A sign-in with your name was refused")
	})
}

func TestPeer_CVE_2024_32868(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, phone := s.withAllMethods("amara")
	_, la := s.administrator("lara")
	keyed := s.session(h)
	codes := keyed.giveCodes()
	for _, kind := range codeKinds {
		s.clock.Advance(time.Minute)
		b := s.byPassword(h)
		b.ask(kind)
		right := map[string]string{"app-code": phone.nextCode(), "recovery-code": codes[0], "text": s.code(h), "phone": s.code(h)}[kind]
		for range 5 {
			b.guess(kind, wrong(right)).shows(t, "a wrong code by "+kind, http.StatusUnauthorized)
		}
		b.typeCode("/signin/"+kind, right).shows(t, "the right code by "+kind+" after five wrong ones", http.StatusTooManyRequests)
		if b.isSignedIn() {
			t.Errorf("%s: signed in", kind)
		}
	}
	pass := s.issuePass(la, h, true)
	for range 5 {
		s.browser().usePass(h.Username, "0000-0000-00").shows(t, "a wrong pass", http.StatusUnauthorized)
	}
	s.browser().usePass(h.Username, pass).shows(t, "the right pass after five wrong ones", http.StatusTooManyRequests)
	for range 5 {
		s.browser().givePassword(h, "not my password").shows(t, "a wrong password", http.StatusUnauthorized)
	}
	s.browser().givePassword(h, testPassword).shows(t, "the right password after five wrong ones", http.StatusTooManyRequests)
	if !s.session(h).isSignedIn() {
		t.Error("the key is locked out by guesses at other methods")
	}
}

func TestPeer_CVE_2025_6014(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, phone := s.withAllMethods("amara")
	code, b := phone.nextCode(), s.byPassword(h)
	b.guess("app-code", code).leads(t, "a code", "/me")
	for _, typed := range []string{code, code[:3] + " " + code[3:], " " + code + "\t"} {
		b.guess("app-code", typed).shows(t, "the same code", http.StatusUnauthorized, "That code was used already.")
	}
	b.guess("app-code", "0"+code).shows(t, "with a nought before it", http.StatusUnauthorized)
}

func TestPeer_CVE_2025_6015(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h, phone := s.withAllMethods("amara")
		code := wrong(phone.nextCode())
		b := s.byPassword(h)
		answers := atOnce(24, func() answer { return b.guess("app-code", code) })
		if n := count(answers, http.StatusUnauthorized); n > 5 {
			t.Errorf("of 24 guesses at once %d were looked at, want 5 at most", n)
		}
		if n := count(answers, http.StatusTooManyRequests); n < 19 {
			t.Errorf("of 24 guesses at once %d were held off, want 19 or more", n)
		}
	})
}

// atOnce does something so many times at the same moment.
func atOnce(n int, do func() answer) []answer {
	answers, start := make([]answer, n), make(chan struct{})
	var done sync.WaitGroup
	for i := range n {
		done.Go(func() {
			<-start
			answers[i] = do()
		})
	}
	close(start)
	done.Wait()
	return answers
}

func count(answers []answer, status int) int {
	n := 0
	for _, a := range answers {
		if a.StatusCode == status {
			n++
		}
	}
	return n
}

func TestPeer_HackerOne_3692149(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.allow("north", everyMethod...)
		h, phone := s.withAllMethods("amara")
		_, la := s.administrator("lara")
		codes := s.session(h).giveCodes()
		for _, kind := range codeKinds {
			s.clock.Advance(time.Hour)
			first := s.byPassword(h)
			first.ask(kind)
			right := map[string]string{"app-code": phone.code(), "recovery-code": codes[1], "text": s.code(h), "phone": s.code(h)}[kind]
			answers := atOnce(16, func() answer { return first.guess(kind, right) })
			if n := count(answers, http.StatusSeeOther); n != 1 {
				t.Errorf("one code by %s signs in %d times, want once", kind, n)
			}
		}
		s.clock.Advance(time.Hour)
		pass := s.issuePass(la, h, false)
		answers := atOnce(16, func() answer { return s.browser().usePass(h.Username, pass) })
		if n := count(answers, http.StatusSeeOther); n != 1 {
			t.Errorf("one pass signs in %d times, want once", n)
		}
	})
}

func TestPeer_CVE_2025_6004(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	for i, name := range []string{"amara", "AMARA", " amara ", "ａｍａｒａ", "Amara"} {
		s.browser().post("/signin", url.Values{"username": {name}, "password": {"not my password"}}).shows(t, "a wrong password "+string(rune('1'+i)), http.StatusUnauthorized)
	}
	s.browser().givePassword(h, testPassword).shows(t, "the sixth try", http.StatusTooManyRequests)
	s.browser().post("/signin", url.Values{"username": {"AMARA"}, "password": {testPassword}}).shows(t, "in other letters", http.StatusTooManyRequests)
}

func TestPeer_CVE_2026_47203(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara.ng", "north")
	s.giveKey(h, "Lanyard")
	for _, name := range []string{"amara.ng", "AMARA.NG", "Amara.Ng", "ａｍａｒａ.ng", " amara.ng", "amara.ng@mail.example", "AMARA.NG@MAIL.EXAMPLE"} {
		b := s.browser()
		b.post("/signin", url.Values{"username": {name}, "password": {testPassword}}).leads(t, "as "+name, "/signin/key")
		b.get("/signin/key").shows(t, "as "+name, http.StatusOK, "Lanyard", "amara.ng")
	}
}

func TestPeer_CVE_2025_6013(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	forbid := staffkey.DowngradeForbid
	s.allow("north", everyMethod...)
	h, phone := s.withAllMethods("amara")
	s.decide("north", staffkey.PolicySettings{Methods: &everyMethod, Downgrade: &forbid})
	for _, name := range []string{"amara", "AMARA", "amara@mail.example"} {
		s.clock.Advance(time.Hour)
		b := s.browser()
		b.post("/signin", url.Values{"username": {name}, "password": {testPassword}}).leads(t, "as "+name, "/signin/key")
		b.typeCode("/signin/app-code", phone.code()).shows(t, "the app as "+name, http.StatusUnauthorized, "Your organisation asks for your key")
		if b.isSignedIn() {
			t.Errorf("as %s the rule does not hold", name)
		}
	}
	if !s.session(h).isSignedIn() {
		t.Error("the key does not sign in")
	}
}

func TestPeer_CVE_2025_24806(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	give := func(name, password string) answer {
		return s.browser().post("/signin", url.Values{"username": {name}, "password": {password}})
	}
	names := []string{"amara", "amara@mail.example"}
	for range 5 {
		for _, name := range names {
			give(name, "not my password").shows(t, "a wrong password", http.StatusUnauthorized)
		}
	}
	e, err := s.signin.FindEnrolment(t.Context(), staffkey.Actor{Person: h.ID}, staffkey.MethodPassword)
	if err != nil || e == nil || e.Failures != 10 {
		t.Errorf("the account counts %+v, %v; want 10 wrong answers by both names together", e, err)
	}
	for _, name := range names {
		give(name, testPassword).shows(t, "the sixth try, as "+name, http.StatusTooManyRequests)
	}
	// When both names are free again, the account lets one try through, by whichever of them.
	s.clock.Advance(30 * time.Second)
	give("amara", "not my password").shows(t, "one more", http.StatusUnauthorized)
	give("amara@mail.example", testPassword).shows(t, "the right one by the other name", http.StatusUnauthorized)
}

func TestPeer_CVE_2024_7318(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h, phone := s.withAllMethods("amara") // the clock stands at the beginning of a time step
	code := phone.nextCode()
	s.clock.Advance(time.Minute)
	s.byPassword(h).guess("app-code", code).shows(t, "a code two time steps later", http.StatusUnauthorized, "clock is 1 minute slow")
	code = phone.nextCode()
	s.clock.Advance(time.Minute - time.Microsecond)
	s.byPassword(h).guess("app-code", code).leads(t, "a code in the last instant of the next time step", "/me")

	s.clock.Advance(time.Minute)
	b := s.byPassword(h)
	b.ask("text")
	s.clock.Advance(telephone.CodeLife)
	in := s.byPassword(h)
	in.typeCode("/signin/text", s.code(h)).shows(t, "a text message after its life", http.StatusUnauthorized, "That code is too old.")
}

func TestPeer_CVE_2026_27946(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	h := s.add("amara", "north")
	b := s.byPassword(h)
	b.post("/me/mfa/text", url.Values{"number": {"07700 900123"}, "verified": {"true"}, "confirmed": {"1"}}).leads(t, "a number", "/me/mfa/text/code")
	b.get("/me/mfa").shows(t, "the list before its code", http.StatusOK, "Set up")
	if body := b.get("/me/mfa").body; strings.Contains(body, "ending 23") {
		t.Error("a number that nobody proved is set up")
	}
	b.giveCodes()
	s.clock.Advance(time.Minute)
	before := len(s.messages(h))
	in := s.byPassword(h)
	in.get("/signin/key").leads(t, "the ways in", "/signin/recovery-code")
	in.post("/signin/text/send", nil).shows(t, "a code to a number that nobody proved", http.StatusUnauthorized, "You have not set up this way to sign in")
	in.typeCode("/signin/text", s.code(h)).shows(t, "the code of the set-up", http.StatusUnauthorized)
	if n := len(s.messages(h)); n != before {
		t.Errorf("%d messages were sent, want none", n-before)
	}
}

func TestPeer_Okta_2024_10_30(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.addPerson(staffkey.Person{Username: strings.Repeat("amara.", 42) + "ng1", Name: "Amara", Organisation: "north"})
	if len(h.Username) != staffkey.MaxUsername {
		t.Fatalf("a name of %d letters, want %d", len(h.Username), staffkey.MaxUsername)
	}
	long := strings.Repeat("river lamp quiet canyon moss ", 4)
	s.witness.secret("password", long)
	if err := s.signin.SetPassword(t.Context(), staffkey.ConsoleActor(), h.ID, long); err != nil {
		t.Fatal(err)
	}
	for name, password := range map[string]string{"nothing": "", "another": "x", "its first 72 bytes": long[:72], "the same 72 bytes and others": long[:72] + "and others"} {
		if a := s.browser().givePassword(h, password); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusUnprocessableEntity {
			t.Errorf("with %s: %d to %q", name, a.StatusCode, a.location())
		}
	}
	s.browser().givePassword(h, long).leads(t, "with all of it", "/me")
}
