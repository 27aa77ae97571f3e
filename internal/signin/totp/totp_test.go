package totp

import (
	"encoding/json"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

func TestExercise(t *testing.T) {
	t.Parallel()
	signintest.Exercise(t, signintest.Subject{
		New:   func(testing.TB, *store.Store) signin.Method { return New("Staffkey") },
		Hand:  func(t testing.TB, _ *store.Store, clock *storetest.Clock) signintest.Hand { return newApp(t, clock) },
		Level: 2,
		Wrong: "code_wrong", Replayed: "code_used", Another: "code_wrong", Respent: "code_used",
	})
}

// newApp is an authenticator app, which has read the QR code and tells the code of its moment.
func newApp(t testing.TB, clock *storetest.Clock) signintest.Hand {
	var secret []byte
	return signintest.Hand{
		Enrol: func(options json.RawMessage) []byte {
			secret = readOffer(t, options)
			return codeNow(secret, clock.Now())
		},
		// A code that was not used yet is there with the next time step.
		Before: func(signintest.Proof) { clock.Advance(period) },
		Answer: func(json.RawMessage) []byte { return codeNow(secret, clock.Now()) },
		Wrong:  func(json.RawMessage) []byte { return codeNow(wrongSecret(secret, clock.Now()), clock.Now()) },
	}
}

// wrongSecret is a secret whose code is none of the true one's within the search.
func wrongSecret(secret []byte, now time.Time) []byte {
	for {
		other := append([]byte{secret[0] + 1}, secret[1:]...)
		_, err := (state{Secret: secret, Last: -1}).match(string(codeNow(other, now)), now)
		if signintest.RuleOf(err) == "code_wrong" {
			return other
		}
		secret = other
	}
}

func codeNow(secret []byte, now time.Time) []byte {
	return []byte(codeAt(secret, now.Unix()/30, digits))
}

// readOffer reads the secret as an app does: from the URI.
func readOffer(t testing.TB, options json.RawMessage) []byte {
	t.Helper()
	var o offer
	if err := json.Unmarshal(options, &o); err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(o.URI)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := encoding.DecodeString(u.Query().Get("secret"))
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

var now = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)

func begin(t testing.TB, m *Method, before []byte) ([]byte, offer) {
	t.Helper()
	return beginAs(t, m, before, "amara")
}

func beginAs(t testing.TB, m *Method, before []byte, username string) ([]byte, offer) {
	t.Helper()
	subject := signin.Subject{Person: staffkey.Person{ID: "amara", Username: username}}
	c, err := m.BeginEnrolment(t.Context(), signin.Enrolling{Subject: subject, Before: before, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	var o offer
	if err := json.Unmarshal(c.Options, &o); err != nil {
		t.Fatal(err)
	}
	return c.State, o
}

func enrol(t testing.TB, m *Method, secret []byte, code string, at time.Time) (signin.Enrolled, error) {
	t.Helper()
	return m.FinishEnrolment(t.Context(), signin.Enrolling{Subject: subject(nil), Now: at}, staffkey.Ceremony{State: secret}, []byte(code))
}

func subject(state []byte) signin.Subject {
	s := signin.Subject{Person: staffkey.Person{ID: "amara", Username: "amara"}}
	if state != nil {
		s.Enrolment = &staffkey.Enrolment{Method: staffkey.MethodTOTP, State: state}
	}
	return s
}

func verify(t testing.TB, state []byte, code string, at time.Time) (signin.Verified, error) {
	return New("Staffkey").FinishVerification(t.Context(), signin.Verifying{Subject: subject(state), Now: at}, staffkey.Ceremony{}, []byte(code))
}

// stored is the state of the vector secret after some time step.
func stored(t testing.TB, last int64) []byte {
	t.Helper()
	raw, err := json.Marshal(state{Secret: vectorSecret, Last: last})
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestFinishVerification_by_how_far_the_clock_is_off(t *testing.T) {
	t.Parallel()
	tests := []struct {
		steps   int64 // how many the app is ahead
		rule    string
		minutes int
	}{
		{-11, "code_wrong", 0}, {-10, "clock_slow", 5}, {-9, "clock_slow", 5}, {-7, "clock_slow", 4}, {-3, "clock_slow", 2}, {-2, "clock_slow", 1},
		{-1, "", 0}, {0, "", 0}, {1, "", 0},
		{2, "clock_fast", 1}, {3, "clock_fast", 2}, {9, "clock_fast", 5}, {10, "clock_fast", 5}, {11, "code_wrong", 0},
	}
	current := now.Unix() / 30
	for _, test := range tests {
		for _, within := range []time.Duration{0, period - time.Nanosecond} {
			v, err := verify(t, stored(t, -1), codeAt(vectorSecret, current+test.steps, digits), now.Add(within))
			if got := signintest.RuleOf(err); got != test.rule || err != nil && got == "" {
				t.Errorf("%d steps ahead: got error %v, want rule %q", test.steps, err, test.rule)
				continue
			}
			if r := (*staffkey.Refusal)(nil); errors.As(err, &r) && test.minutes != 0 && r.Message.Args["Count"] != test.minutes {
				t.Errorf("%d steps ahead: message says %v minutes, want %d", test.steps, r.Message.Args["Count"], test.minutes)
			}
			if err == nil && string(v.State) != string(stored(t, current+test.steps)) {
				t.Errorf("%d steps ahead: state %s, want the step of the code", test.steps, v.State)
			}
		}
	}
}

func TestFinishVerification_names_which_way_the_clock_is_off(t *testing.T) {
	t.Parallel()
	for steps, want := range map[int64]string{-4: "totp.slow", 4: "totp.fast"} {
		_, err := verify(t, stored(t, -1), codeAt(vectorSecret, now.Unix()/30+steps, digits), now)
		var r *staffkey.Refusal
		if !errors.As(err, &r) || r.Message.ID != want {
			t.Errorf("%d steps ahead: got error %v, want message %s", steps, err, want)
		}
	}
}

func TestFinishVerification_takes_each_time_step_once(t *testing.T) {
	t.Parallel()
	current := now.Unix() / 30
	raw := stored(t, -1)
	// In the order of a person who is in a hurry: the code of now, again, the one before, the one after, and all once more.
	for i, test := range []struct {
		step int64
		rule string
	}{
		{current, ""}, {current, "code_used"}, {current - 1, "code_used"}, {current + 1, ""},
		{current + 1, "code_used"}, {current, "code_used"}, {current - 1, "code_used"}, {current - 5, "code_used"},
	} {
		v, err := verify(t, raw, codeAt(vectorSecret, test.step, digits), now)
		if got := signintest.RuleOf(err); got != test.rule || err != nil && got == "" {
			t.Fatalf("answer %d: got error %v, want rule %q", i, err, test.rule)
		}
		if err == nil {
			raw = v.State
		}
	}
}

// Two steps may have the same code by chance. Accepted once, it must not be good for the other one.
func TestFinishVerification_of_a_code_of_two_steps(t *testing.T) {
	t.Parallel()
	const step = 910737 // the first of this secret with the same code as its next
	at, code := time.Unix(step*30, 0), codeAt(vectorSecret, step, digits)
	if next := codeAt(vectorSecret, step+1, digits); next != code {
		t.Fatalf("codes %s and %s, want two that are equal", code, next)
	}
	v, err := verify(t, stored(t, -1), code, at)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, v.State, code, at); signintest.RuleOf(err) != "code_used" {
		t.Errorf("got error %v, want a refusal by code_used", err)
	}
}

func TestFinishVerification_refuses_what_is_no_code(t *testing.T) {
	t.Parallel()
	code := string(codeNow(vectorSecret, now))
	for _, typed := range []string{"", "-", "000000", code[:5], code + "0", "+" + code, code + "x", "0x" + code[2:], code + "\x00", "\xff" + code, strings.Repeat(code, 1<<18), strings.Repeat(" ", 256) + code} {
		if _, err := verify(t, stored(t, -1), typed, now); signintest.RuleOf(err) != "code_wrong" {
			t.Errorf("%.80q: got error %v, want a refusal by code_wrong", typed, err)
		}
	}
}

func TestFinishVerification_without_an_app_is_a_wrong_code(t *testing.T) {
	t.Parallel()
	nobody := make([]byte, secretBytes) // what is searched for somebody without an app must not be a secret that works
	for _, code := range []string{string(codeNow(nobody, now)), string(codeNow(vectorSecret, now)), codeAt(nobody, now.Unix()/30-5, digits)} {
		if _, err := verify(t, nil, code, now); signintest.RuleOf(err) != "code_wrong" {
			t.Errorf("got error %v, want a refusal by code_wrong", err)
		}
	}
}

func TestFinishVerification_proves_possession_and_nothing_else(t *testing.T) {
	t.Parallel()
	v, err := verify(t, stored(t, -1), string(codeNow(vectorSecret, now)), now)
	if err != nil {
		t.Fatal(err)
	}
	want := signin.Verified{
		Person: "amara", State: stored(t, now.Unix()/30),
		Proof: staffkey.Proof{Method: staffkey.MethodTOTP, Possession: true, At: now},
	}
	if diff := cmp.Diff(want, v); diff != "" {
		t.Errorf("verified (-want +got):\n%s", diff)
	}
}

func TestFinishEnrolment_needs_a_code_and_uses_it_up(t *testing.T) {
	t.Parallel()
	m := New("Staffkey")
	secret, _ := begin(t, m, nil)
	if _, err := enrol(t, m, secret, string(codeNow(wrongSecret(secret, now), now)), now); signintest.RuleOf(err) != "code_wrong" {
		t.Errorf("got error %v, want a refusal by code_wrong", err)
	}
	if _, err := enrol(t, m, secret, codeAt(secret, now.Unix()/30-6, digits), now); signintest.RuleOf(err) != "clock_slow" {
		t.Errorf("got error %v, want a refusal by clock_slow", err)
	}
	code := string(codeNow(secret, now))
	e, err := enrol(t, m, secret, code, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verify(t, e.State, code, now); signintest.RuleOf(err) != "code_used" {
		t.Errorf("got error %v, want a refusal by code_used", err)
	}
	if _, err := verify(t, e.State, string(codeNow(secret, now.Add(period))), now.Add(period)); err != nil {
		t.Errorf("the next code: %v", err)
	}
	if len(e.Show) != 0 {
		t.Errorf("%d texts to show, want none: the secret was shown", len(e.Show))
	}
}

func TestBeginEnrolment_again_shows_the_same_secret(t *testing.T) {
	t.Parallel()
	m := New("Staffkey")
	secret, first := begin(t, m, nil)
	again, second := begin(t, m, secret)
	if string(again) != string(secret) {
		t.Errorf("secret %x, want %x as before", again, secret)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("offer (-first +second):\n%s", diff)
	}
	other, _ := begin(t, m, []byte("of another method"))
	if len(other) != secretBytes {
		t.Errorf("a secret of %d bytes, want %d", len(other), secretBytes)
	}
}

func TestOffer_names_issuer_and_person(t *testing.T) {
	t.Parallel()
	tests := []struct{ issuer, username, label, parameter string }{
		{"Staffkey", "amara", "Staffkey:amara", "Staffkey"},
		{"Ysbyty Gwynedd & Môn", "siân+1@nhs.example", "Ysbyty%20Gwynedd%20%26%20M%C3%B4n:si%C3%A2n%2B1%40nhs.example", "Ysbyty%20Gwynedd%20%26%20M%C3%B4n"},
		{"Trust: keys", `nhs\amara:?#/%`, "Trust%20keys:nhs%5Camara%3F%23%2F%25", "Trust%20keys"},
	}
	for _, test := range tests {
		secret, got := beginAs(t, New(test.issuer), nil, test.username)
		text := encoding.EncodeToString(secret)
		want := "otpauth://totp/" + test.label + "?secret=" + text + "&issuer=" + test.parameter + "&algorithm=SHA1&digits=6&period=30"
		if got.URI != want {
			t.Errorf("URI %s, want %s", got.URI, want)
		}
		if got, want := strings.ReplaceAll(got.Key, " ", ""), text; got != want {
			t.Errorf("key %q, want %q", got, want)
		}
		for _, group := range strings.Split(got.Key, " ") {
			if len(group) != 4 {
				t.Errorf("key %q, want groups of four", got.Key)
			}
		}
		u, err := url.Parse(got.URI)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := u.Path, "/"+strings.ReplaceAll(test.issuer, ":", "")+":"+strings.ReplaceAll(test.username, ":", ""); got != want {
			t.Errorf("an app reads the label %q, want %q", got, want)
		}
	}
}

// Any name that the directory takes fits the QR code; only what is too long is cut. What apps split at is not in it.
func TestOffer_fits_with_any_name(t *testing.T) {
	t.Parallel()
	email := strings.Repeat("a", 64) + "@" + strings.Repeat("b", 180) + ".example"
	for _, issuer := range []string{"Staffkey", strings.Repeat("漢", 120), ":::"} {
		for username, whole := range map[string]bool{
			"amara": true, email: true, "ward:7": true, strings.Repeat("漢", 255): false, strings.Repeat("ŵ", 255): false, strings.Repeat("🔑", 255): false,
			strings.Repeat("a:", 127): true, strings.Repeat("%", 255): false,
		} {
			_, got := beginAs(t, New(issuer), nil, username)
			if len(got.QR) == 0 || len(got.QR) > 137 { // version 30 (ISO/IEC 18004 §7.1)
				t.Errorf("%.20s, %.20s: a QR code of %d modules", issuer, username, len(got.QR))
			}
			u, err := url.Parse(got.URI)
			if err != nil {
				t.Fatal(err)
			}
			said, account, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), ":")
			if strings.Contains(account, ":") || !utf8.ValidString(account) || said != u.Query().Get("issuer") {
				t.Errorf("label %q of issuer %q", u.Path, u.Query().Get("issuer"))
			}
			without := strings.ReplaceAll(username, ":", "")
			if cut, isCut := strings.CutSuffix(account, "…"); isCut == whole || whole && account != without || !whole && !strings.HasPrefix(without, cut) {
				t.Errorf("%.20s: an app shows %q", username, account)
			}
		}
	}
	// A text that does not fit is told without the text: it holds the secret.
	if _, err := modules(strings.Repeat("SECRET", 1000)); err == nil || strings.Contains(err.Error(), "SECRET") {
		t.Errorf("a text that is too long: %v", err)
	}
}

func TestState_that_is_damaged_is_a_fault_and_no_refusal(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "{", "[]", "{}", `{"secret":"","last":1}`, `{"secret":"AAAA","last":1}`} {
		_, err := verify(t, []byte(raw), "000000", now)
		if err == nil || errors.Is(err, staffkey.ErrRefused) {
			t.Errorf("%q: got error %v, want a fault", raw, err)
		}
		if got := New("Staffkey").Remaining([]byte(raw)); got != 0 {
			t.Errorf("%q: %d uses left, want 0", raw, got)
		}
	}
	if got := New("Staffkey").Remaining(stored(t, 1)); got != -1 {
		t.Errorf("%d uses left, want -1", got)
	}
	if _, err := enrol(t, New("Staffkey"), nil, "000000", now); err == nil || errors.Is(err, staffkey.ErrRefused) {
		t.Errorf("a ceremony without a secret: got error %v, want a fault", err)
	}
}

func TestNormalise(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"012345": "012345", "012 345": "012345", " 012345\r\n": "012345", "012\u00a0345": "012345", "012\u202f345": "012345", "012-345": "012345",
		"012\u2011345": "012345", "0 1 2 3 4 5": "012345", "٠١٢٣٤٥": "012345", "۰۱۲۳۴۵": "012345", "０１２３４５": "012345", "०१२३४५": "012345", "𝟎𝟏𝟐𝟑𝟒𝟗": "012349", "𝟢𝟣𝟤𝟥𝟦𝟫": "012349",
		"٠١٢345": "012345", "01234": "", "0123456": "", "": "", "０１２３４": "", "01234½": "", "01234Ⅴ": "", "一二三四五六": "", "012+345": "", "012\u2212345": "012345", "012\u00ad345": "012345",
	} {
		if got := normalise(typed); got != want {
			t.Errorf("%q: got %q, want %q", typed, got, want)
		}
	}
}

func FuzzNormalise(f *testing.F) {
	for _, typed := range []string{"", "012345", "٠١٢ ٣٤٥", "\u00a0\u2011", "\xf0\x9f", "𝟎𝟏𝟐𝟑𝟒𝟓", strings.Repeat("1", 70)} {
		f.Add(typed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		code := normalise(typed)
		if code == "" {
			return
		}
		if len(code) != digits || strings.Trim(code, "0123456789") != "" {
			t.Errorf("%q became %q, want six digits", typed, code)
		}
		if again := normalise(code); again != code {
			t.Errorf("%q became %q, and then %q", typed, code, again)
		}
	})
}

// What a guess that hits a code of a later step is told must not make it good: of all steps that are looked at, a guess has three codes
// that help it, those that are good at once.
func TestFinishVerification_burns_a_code_that_is_ahead(t *testing.T) {
	t.Parallel()
	current := now.Unix() / 30
	useful := 0
	for d := int64(-far); d <= far; d++ {
		raw, code := stored(t, -1), codeAt(vectorSecret, current+d, digits)
		v, err := verify(t, raw, code, now)
		if err == nil {
			useful++
			continue
		}
		if v.State == nil { // nothing is kept: then it must be no code that is good later
			v.State = raw
		}
		// The same code in each moment in which it might be good.
		for later := now.Add(period); !later.After(now.Add((far + 2) * period)); later = later.Add(period) {
			if _, err := verify(t, v.State, code, later); err == nil {
				useful++
				t.Errorf("the code of %d steps ahead, which was told to be so, is good %v later", d, later.Sub(now))
			}
		}
	}
	if useful != 3 {
		t.Errorf("%d codes help a guess, want 3", useful)
	}
}

// The advice stays useful: whoever puts the clock right goes on at once, and another code that is ahead is told again.
func TestFinishVerification_after_the_clock_was_put_right(t *testing.T) {
	t.Parallel()
	current := now.Unix() / 30
	raw := stored(t, -1)
	for _, d := range []int64{4, 5, far} {
		v, err := verify(t, raw, codeAt(vectorSecret, current+d, digits), now)
		if signintest.RuleOf(err) != "clock_fast" || v.State == nil {
			t.Fatalf("%d steps ahead: got error %v and a state %t, want clock_fast and a state", d, err, v.State != nil)
		}
		raw = v.State
		if _, err := verify(t, raw, codeAt(vectorSecret, current+d, digits), now); signintest.RuleOf(err) != "code_used" {
			t.Errorf("%d steps ahead, once more: got error %v, want code_used", d, err)
		}
	}
	v, err := verify(t, raw, codeAt(vectorSecret, current, digits), now)
	if err != nil {
		t.Fatalf("the code of now: %v", err)
	}
	later := now.Add(3 * period)
	if v, err = verify(t, v.State, codeAt(vectorSecret, current+3, digits), later); err != nil {
		t.Fatalf("the code of another moment: %v", err)
	}
	// What has passed is not kept.
	v, err = verify(t, v.State, codeAt(vectorSecret, current+100, digits), now.Add(100*period))
	if err != nil || string(v.State) != string(stored(t, current+100)) {
		t.Errorf("state %s (error %v), want nothing of codes long past", v.State, err)
	}
}
