package signin_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/signin"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// longestWait is the longest that anybody waits after wrong answers.
const longestWait = 15 * time.Minute

// NIST SP 800-63B-4 §3.2.2: a hundred wrong answers in a row switch a method off, and the next is not looked at, right or not.
func TestGuesses_of_a_hundred_switch_a_method_off(t *testing.T) {
	t.Parallel()
	for _, kind := range append([]staffkey.MethodKind{staffkey.MethodPassword, staffkey.MethodPass}, weaker...) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			eachEquipped(t, func(t *testing.T, w *installation) {
				h, key := w.equippedPerson(t, "amara")
				rule := "method_off"
				own := staffkey.Origin{IP: origin.IP, Browser: origin.Browser, SeenKeys: []staffkey.SecurityKeyID{key.id}} // strangers have less
				guess := func(right bool) error {                                                                          // tries the method, by an answer that is right or not
					body := h.wrong(kind)
					if right && kind != staffkey.MethodPassword {
						body = h.answer(t, kind)
					}
					_, err := h.try(t, kind, body)
					return err
				}
				again := func() error { return h.setUp(t, w.browser(t, h.person, key.key), kind) }
				switch kind {
				case staffkey.MethodPassword:
					rule = "password" // said as ever: who guesses does not learn that this one was right
					guess = func(right bool) error {
						typed := "not the password"
						if right {
							typed = goodPassword
						}
						return w.checkFrom(t, own, "amara", typed)
					}
					again = func() error {
						_, err := w.Service.UseResetLink(t.Context(), origin, w.resetLink(t, h.person), goodPassword)
						return err
					}
				case staffkey.MethodPass: // one that begins when the guessing is nearly over
					starts := w.Clock.Now().Add(policy.MaxPassAhead)
					h.pass = w.issuePass(t, h.person, signin.PassTerms{StartsAt: starts, ExpiresAt: starts.Add(8 * time.Hour), Many: true})
					guess = func(right bool) error {
						code := string(h.wrong(kind))
						if right {
							code = h.pass
						}
						_, err := w.signInByPassFrom(t, own, "amara", code)
						return err
					}
					again = func() error { h.issue(t, true); return nil }
				}
				for i := range staffkey.MaxFailures {
					if err := guess(false); err == nil || errors.Is(err, staffkey.ErrThrottled) {
						t.Fatalf("wrong answer %d: got error %v, want it looked at and refused", i+1, err)
					}
					w.Clock.Advance(longestWait)
				}
				w.told(t, h.person, "notice.method_disabled", 0)
				warned := 1 // once in the row, because whoever guesses here has the password
				if kind == staffkey.MethodPassword || kind == staffkey.MethodPass {
					warned = 0
				}
				w.told(t, h.person, "notice.method_guessed", warned)
				w.Refused(t, rule, func() error { return guess(true) })
				w.Clock.Advance(longestWait)
				for range 3 {
					var err error
					if kind == staffkey.MethodTextMessage || kind == staffkey.MethodPhoneCall { // nor is another code sent
						err = w.Service.SendCode(t.Context(), w.Attempt(h.person), origin, kind)
					} else {
						err = guess(true)
					}
					if signintest.RuleOf(err) != rule {
						t.Errorf("when it is off: got error %v, want a refusal by %s", err, rule)
					}
					w.Clock.Advance(longestWait)
				}
				w.told(t, h.person, "notice.method_disabled", 1)
				if e := w.events(t, staffkey.EventMethodDisabled); len(e) != 1 || e[0].Person != h.person.ID || e[0].Subject != string(kind) {
					t.Errorf("events %+v, want one of %s", e, kind)
				}
				if _, err := w.signIn(t, signin.Attempt{}, key.key); err != nil {
					t.Errorf("the key does not sign in: %v", err)
				}
				if err := again(); err != nil {
					t.Fatalf("set up anew: %v", err)
				}
				if err := guess(true); err != nil {
					t.Errorf("after it was set up anew: %v", err)
				}
			})
		})
	}
}

// A key is not guessed: wrong answers neither make it wait nor switch it off.
func TestGuesses_are_not_counted_for_a_key(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		for range staffkey.MaxFailures + 1 {
			a := w.Attempt(p)
			if _, err := w.Service.FinishSignIn(t.Context(), origin, a, answer(w.begin(t, a), staffkey.MethodSecurityKey, []byte("{}")), nowhere); err == nil || errors.Is(err, staffkey.ErrThrottled) {
				t.Fatalf("got error %v, want a refusal that asks nobody to wait", err)
			}
		}
		if _, err := w.signIn(t, w.Attempt(p), key); err != nil {
			t.Error(err)
		}
	})
}

// Wrong answers make the method of that person wait, and nothing and nobody else.
func TestGuesses_wait_by_method_and_person(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h, key := w.equippedPerson(t, "amara")
		other := w.wallet(t, w.Enter(t, w.person(t, "ben")), staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		for range 5 {
			w.Refused(t, "code_wrong", func() error {
				_, err := h.try(t, staffkey.MethodTOTP, h.wrong(staffkey.MethodTOTP))
				return err
			})
		}
		right := func() error {
			_, err := h.try(t, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now()))
			return err
		}
		w.Refused(t, "throttled", right)
		// Another method of theirs, the same of another person, and the key.
		if _, err := h.try(t, staffkey.MethodRecoveryCode, h.answer(t, staffkey.MethodRecoveryCode)); err != nil {
			t.Errorf("another method waits too: %v", err)
		}
		if _, err := other.try(t, staffkey.MethodTOTP, totpCode(other.secret, w.Clock.Now())); err != nil {
			t.Errorf("another person waits too: %v", err)
		}
		if _, err := w.signIn(t, w.Attempt(h.person), key.key); err != nil {
			t.Errorf("the key waits too: %v", err)
		}
		if err := w.check(t, "amara", goodPassword); err != nil {
			t.Errorf("the password waits too: %v", err)
		}
		// A step-up in a session is the same method of the same person.
		in := w.browser(t, h.person, key.key)
		b, err := w.Service.BeginStepUp(t.Context(), in.Actor, staffkey.MethodTOTP)
		if err != nil {
			t.Fatal(err)
		}
		w.Refused(t, "throttled", func() error {
			_, err := w.Service.FinishStepUp(t.Context(), in.Actor, answer(b, staffkey.MethodTOTP, totpCode(h.secret, w.Clock.Now())), in.Session)
			return err
		})
		w.Clock.Advance(30 * time.Second)
		if err := right(); err != nil {
			t.Errorf("after the wait: %v", err)
		}
	})
}

// nodes are two more nodes of an installation, which let so many names an hour be tried from one address; 0 is the default.
func (w *installation) nodes(names int, passwords ...signin.Method) (one, two *signin.Service) {
	node := func() *signin.Service {
		return signin.New(signin.Deps{
			Store: w.Store, Methods: allMethods(w.Store, passwords...), Address: "https://staffkey.example", Now: w.Clock.Now, Networks: signin.Networks{Names: names},
		})
	}
	return node(), node()
}

func TestGuesses_over_many_names_wait_by_address(t *testing.T) {
	t.Parallel()
	const n = 4
	passwords, err := password.New(password.Options{Workers: 2, Queue: 200})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, from, same, other string }{
		{"IPv4", "192.0.2.7", "192.0.2.7", "192.0.2.8"},
		{"IPv6, of which a household has 64 bits", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:3::1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
				w := newEquipped(t, s, clock, passwords)
				w.person(t, "amara")
				one, two := w.nodes(n, passwords)
				names := 0
				try := func(node *signin.Service, ip, password string) error {
					login := "amara"
					if password != goodPassword {
						names++
						login = fmt.Sprint("nobody", names)
					}
					_, err := node.CheckPassword(t.Context(), staffkey.Origin{IP: ip, Browser: "Firefox"}, signin.Attempt{}, login, password)
					return err
				}
				for i := range n {
					if err := try(one, test.from, "not the password"); signintest.RuleOf(err) != "password" {
						t.Fatalf("wrong password %d: got error %v, want it looked at", i+1, err)
					}
					if i < n-1 {
						for range 2 { // right passwords do not count
							if err := try(two, test.same, goodPassword); err != nil {
								t.Fatal(err)
							}
						}
					}
				}
				for _, node := range []*signin.Service{one, two} {
					err := try(node, test.same, "not the password")
					var r *staffkey.Refusal
					if !errors.As(err, &r) || r.Rule != "throttled" || r.Message.ID != "rate.source" {
						t.Errorf("one more: got error %v, want a refusal by throttled that says rate.source", err)
					}
				}
				if err := try(two, test.other, "not the password"); signintest.RuleOf(err) != "password" {
					t.Errorf("from another address: got error %v, want it looked at", err)
				}
				w.Clock.Advance(w.Clock.Now().Truncate(time.Hour).Add(time.Hour).Sub(w.Clock.Now()))
				if err := try(two, test.from, "not the password"); signintest.RuleOf(err) != "password" {
					t.Errorf("in the next hour: got error %v, want it looked at", err)
				}
			})
		})
	}
}

// Wrong answers are counted in the database: two nodes let through no more than one.
func TestGuesses_are_counted_by_all_nodes(t *testing.T) {
	t.Parallel()
	eachEquipped(t, func(t *testing.T, w *installation) {
		h := w.wallet(t, w.Enter(t, w.person(t, "amara")), staffkey.MethodTOTP)
		w.Clock.Advance(time.Minute)
		one, two := w.nodes(0)
		nodes := []*signin.Service{one, two}
		looked := 0
		for _, err := range signintest.Parallel(40, func(i int) error {
			a := w.Attempt(h.person)
			b, err := nodes[i%2].BeginSignIn(t.Context(), a, staffkey.MethodTOTP)
			if err != nil {
				return err
			}
			_, err = nodes[i%2].FinishSignIn(t.Context(), origin, a, answer(b, staffkey.MethodTOTP, h.wrong(staffkey.MethodTOTP)), nowhere)
			return err
		}) {
			switch signintest.RuleOf(err) {
			case "code_wrong":
				looked++
			case "throttled":
			default:
				t.Errorf("got error %v, want a refusal by code_wrong or throttled", err)
			}
		}
		if looked != 5 {
			t.Errorf("%d guesses of 40 at once were looked at, want 5", looked)
		}
	})
}
