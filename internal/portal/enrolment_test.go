package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"staffkey"
)

// askForApp makes an organisation ask for an authenticator app, and lets it be put off for some days.
func (s *stack) askForApp(organisation string, days int) {
	s.t.Helper()
	methods := []staffkey.MethodKind{staffkey.MethodTOTP, staffkey.MethodRecoveryCode}
	core := []staffkey.MethodKind{staffkey.MethodTOTP}
	s.decide(organisation, staffkey.PolicySettings{Methods: &methods, CoreMethods: &core, GraceDays: &days})
}

// The rule names what there is to choose from as a sentence does, in both languages.
func TestRule_lists_what_to_choose_from(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	for organisation, test := range map[string]struct {
		core      []staffkey.MethodKind
		en, welsh string
	}{
		"north": {[]staffkey.MethodKind{staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage},
			"one of these: two security keys, an authenticator app or codes by text message.", "un o’r rhain: dwy allwedd ddiogelwch, ap dilysu neu godau drwy neges destun."},
		"south": {[]staffkey.MethodKind{staffkey.MethodTextMessage}, "one of these: codes by text message.", "un o’r rhain: codau drwy neges destun."},
	} {
		methods := everyMethod
		s.decide(organisation, staffkey.PolicySettings{Methods: &methods, CoreMethods: &test.core})
		b := s.byPassword(s.add("p"+organisation, organisation))
		b.get("/me/mfa").shows(t, "the rule in "+organisation, http.StatusOK, test.en)
		b.chooses("cy")
		b.get("/me/mfa").shows(t, "the rule in "+organisation+" in Welsh", http.StatusOK, test.welsh)
	}
}

// The classic rule: a token by-passes prompts only once a core method is set up (F45), asked for at sign-in (F46).
func TestClassicRule_forces_the_start_when_grace_is_over(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.askForApp("north", 2)
		h := s.add("amara", "north")
		s.giveKey(h, "Lanyard")
		b := s.session(h)
		b.get("/me").shows(t, "home on the first day", http.StatusOK, `href="/me/mfa/start"`, "Your organisation asks for more than you have")
		b.get("/me/mfa").shows(t, "the methods", http.StatusOK, "Something is missing", `href="/me/mfa/start"`)
		start := b.get("/me/mfa/start")
		start.shows(t, "the start", http.StatusOK, "You can put it off for 2 more days.", `id="later-form"`, `href="/me/mfa/app-code"`)
		b.post("/me/mfa/later", nil).leads(t, "later", "/me")
		b.get("/me").shows(t, "home after that", http.StatusOK, "We ask you again.")

		s.clock.Advance(48*time.Hour - time.Second)
		s.session(h).get("/me").shows(t, "home in the last second", http.StatusOK)
		s.clock.Advance(time.Second)
		b = s.session(h)
		for _, path := range []string{"/me", "/me/profile", "/me/self-service", "/me/activity"} {
			b.get(path).leads(t, path+" when grace is over", "/me/mfa/start")
		}
		start = b.get("/me/mfa/start")
		start.shows(t, "the start then", http.StatusOK, "You need it to go on.")
		if strings.Contains(start.body, `id="later-form"`) {
			t.Error("the start can still be put off")
		}
		b.post("/me/mfa/later", nil)
		b.get("/me").leads(t, "home after a later that is none", "/me/mfa/start")
		b.get("/me/tokens").shows(t, "what the person has", http.StatusOK, "Lanyard")
		b.post("/signout", nil).leads(t, "the way out", "/signed-out")
		b = s.session(h)

		if _, err := s.directory.GrantException(t.Context(), staffkey.ConsoleActor(), h.ID, "waits for a phone", 24*time.Hour); err != nil {
			t.Fatal(err)
		}
		b.get("/me").shows(t, "home with an exception", http.StatusOK)
		b.get("/me/mfa").shows(t, "the methods with an exception", http.StatusOK, "You have until 26 November 2026")
		s.clock.Advance(24 * time.Hour)
		b = s.session(h)
		b.get("/me").leads(t, "home when the exception has ended", "/me/mfa/start")
		b.giveApp()
		b.get("/me").shows(t, "home with an app", http.StatusOK, "Your authenticator app is set up.")
		b.get("/me/mfa").shows(t, "the methods with an app", http.StatusOK, "You have set up what North asks for.")
	})
}

// The modern rule: one key and recovery codes are enough, and no phone is asked for (F45).
func TestModernRule_asks_for_no_phone(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	b := s.session(h)
	b.get("/me/mfa").shows(t, "with one key", http.StatusOK, "Something is missing", "Your organisation asks for a backup of your key")
	if body := b.get("/me/mfa/start").body; strings.Contains(body, "/me/mfa/text") || strings.Contains(body, "/me/mfa/phone") || strings.Contains(body, "/me/mfa/app-code") {
		t.Error("the start offers what policy does not allow")
	}
	b.giveCodes()
	b.get("/me/mfa").shows(t, "with codes beside it", http.StatusOK, "You have set up what North asks for.")
	s.clock.Advance(30 * 24 * time.Hour)
	s.session(h).get("/me").shows(t, "home a month later", http.StatusOK)
}

func TestNextMethod_is_asked_for_until_it_is_enough(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.askForApp("north", 0)
	b := s.byPassword(s.add("amara", "north"))
	b.get("/me").leads(t, "home without grace", "/me/mfa/start")
	b.giveCodes() // is no core method
	b.get("/me").leads(t, "home with codes alone", "/me/mfa/start")
}
