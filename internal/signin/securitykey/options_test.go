package securitykey

import (
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/signintest"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// object is decoded JSON.
type object = map[string]any

func decode(t testing.TB, raw []byte) object {
	t.Helper()
	var o object
	if err := json.Unmarshal(raw, &o); err != nil {
		t.Fatal(err)
	}
	return o
}

// random takes a random member out of an object and checks how many bytes it is.
func random(t testing.TB, o object, member string, bytes int) string {
	t.Helper()
	text, _ := o[member].(string)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) != bytes {
		t.Errorf("%s is %q, want %d bytes of base64url", member, text, bytes)
	}
	delete(o, member)
	return text
}

// listed are two entries of a list.
func listed() []staffkey.SecurityKey {
	return []staffkey.SecurityKey{
		{ID: "blue", CredentialID: []byte("blue-id"), Transports: []string{"usb", "nfc"}, State: staffkey.SecurityKeyActive, UserVerified: true},
		{ID: "desk", CredentialID: []byte("desk-id"), State: staffkey.SecurityKeyActive, UserVerified: true},
	}
}

func TestBeginEnrolment_options(t *testing.T) {
	t.Parallel()
	params := func(algorithms ...float64) (list []any) {
		for _, a := range algorithms {
			list = append(list, object{"type": "public-key", "alg": a})
		}
		return list
	}
	excluded := []any{
		object{"type": "public-key", "id": "Ymx1ZS1pZA", "transports": []any{"usb", "nfc"}},
		object{"type": "public-key", "id": "ZGVzay1pZA"},
	}
	for again, exclude := range map[bool][]any{false: excluded, true: {}} {
		t.Run("again "+strconv.FormatBool(again), func(t *testing.T) {
			t.Parallel()
			// What must be is asked as such: of the two runs, one is where policy takes keys that only know a touch.
			verification := map[bool]string{false: "required", true: "preferred"}[again]
			resident := map[bool]string{false: "preferred", true: "discouraged"}[again]
			protection := map[bool]string{false: "userVerificationRequired", true: "userVerificationOptionalWithCredentialIDList"}[again]
			e := signin.Enrolling{Subject: signin.Subject{Person: amara, Keys: listed()}, Again: again, TouchOnly: again, Now: testNow}
			c, err := testMethod().BeginEnrolment(t.Context(), e)
			if err != nil {
				t.Fatal(err)
			}
			got := decode(t, c.Options)
			random(t, got, "challenge", challengeBytes)
			random(t, got["user"].(object), "id", userHandleBytes)
			want := object{
				"rp":                     object{"id": testID, "name": "Staffkey"},
				"user":                   object{"name": "amara", "displayName": "Amara Okafor (3)"},
				"pubKeyCredParams":       params(-7, -8, -35, -36, -257),
				"timeout":                180_000.0,
				"excludeCredentials":     exclude,
				"authenticatorSelection": object{"residentKey": resident, "requireResidentKey": false, "userVerification": verification},
				"hints":                  []any{"security-key"},
				"attestation":            "direct",
				"extensions": object{
					"credProps": true, "minPinLength": true,
					"credentialProtectionPolicy": protection, "enforceCredentialProtectionPolicy": false,
				},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

// Signatures that a quantum computer cannot forge are offered where policy says, and taken where they were offered.
func TestEnrolment_by_ML_DSA(t *testing.T) {
	t.Parallel()
	m := testMethod()
	o := goodKey()
	o.Algorithm = softkey.MLDSA65
	rules := staffkey.KeyRules{PostQuantum: new(true)}
	begin := func(rules staffkey.KeyRules) (staffkey.Ceremony, []byte) {
		e := signin.Enrolling{Subject: signin.Subject{Person: amara, Policy: staffkey.Policy{Keys: rules}}, Now: testNow}
		c, err := m.BeginEnrolment(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		return staffkey.Ceremony{Purpose: staffkey.PurposeEnrol, State: c.State}, c.Options
	}
	c, options := begin(rules)
	var got []float64
	for _, p := range decode(t, options)["pubKeyCredParams"].([]any) {
		got = append(got, p.(object)["alg"].(float64))
	}
	if want := []float64{-49, -50, -7, -8, -35, -36, -257, -48}; !cmp.Equal(got, want) {
		t.Errorf("offered %v, want %v", got, want)
	}
	key := softkey.New(o)
	answer, err := key.Create(testOrigin, options)
	if err != nil {
		t.Fatal(err)
	}
	k, err := finishEnrolment(t.Context(), m, c, answer)
	if err != nil {
		t.Fatal(err)
	}
	if v, err := signIn(t, m, key, k); err != nil || !v.Proof.VerifiedPerson {
		t.Errorf("sign-in: %+v, %v", v.Proof, err)
	}
	// What was not offered is not taken, whoever changes the options on their way.
	c, options = begin(staffkey.KeyRules{})
	if _, err := key.Create(testOrigin, options); err == nil {
		t.Error("a key of ML-DSA alone answers where it was not offered")
	}
	answer, err = key.Create(testOrigin, []byte(strings.Replace(string(options), `"alg":-7`, `"alg":-49`, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := finishEnrolment(t.Context(), m, c, answer); signintest.RuleOf(err) != "algorithm" {
		t.Errorf("got error %v, want a refusal by algorithm", err)
	}
}

// F24: with one user handle per person, the second registration of a key would silently replace the first on the key.
func TestBeginEnrolment_takes_a_fresh_user_handle_each_time(t *testing.T) {
	t.Parallel()
	m, key := testMethod(), softkey.New(goodKey())
	seen := map[string]bool{}
	for range 3 {
		k := register(t, m, key)
		if seen[string(k.UserHandle)] {
			t.Error("a user handle was used twice")
		}
		seen[string(k.UserHandle)] = true
	}
	if got := len(key.Credentials()); got != 3 {
		t.Errorf("the key holds %d credentials, want 3 side by side", got)
	}
}

func TestBeginVerification_options(t *testing.T) {
	t.Parallel()
	suspended := staffkey.SecurityKey{ID: "lost", CredentialID: []byte("lost"), State: staffkey.SecurityKeySuspended, UserVerified: true}
	old := staffkey.SecurityKey{ID: "old", CredentialID: []byte("old"), State: staffkey.SecurityKeyActive}
	blue := object{"type": "public-key", "id": "Ymx1ZS1pZA", "transports": []any{"usb", "nfc"}}
	desk := object{"type": "public-key", "id": "ZGVzay1pZA"}
	tests := []struct {
		name  string
		keys  []staffkey.SecurityKey
		only  staffkey.SecurityKeyID
		allow []any
		uv    string
	}{
		{"all keys in use", append(listed(), suspended), "", []any{blue, desk}, "required"},
		{"one of them", listed(), "desk", []any{desk}, "required"},
		{"none, for a passwordless sign-in", nil, "", []any{}, "required"},
		{"an old key that cannot verify the person", []staffkey.SecurityKey{listed()[1], old}, "", []any{desk, object{"type": "public-key", "id": "b2xk"}}, "preferred"},
		{"beside it, one that can", []staffkey.SecurityKey{listed()[1], old}, "desk", []any{desk}, "required"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, err := testMethod().BeginVerification(t.Context(), signin.Verifying{Subject: signin.Subject{Keys: test.keys}, Only: test.only, Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			got := decode(t, c.Options)
			random(t, got, "challenge", challengeBytes)
			want := object{"timeout": 120_000.0, "rpId": testID, "allowCredentials": test.allow, "userVerification": test.uv, "hints": []any{"security-key"}}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("options (-want +got):\n%s", diff)
			}
		})
	}
}

// B24: a key in the hand is looked for in every way in which it may be held to the device, and what is part of a device is looked for there.
func TestTransports(t *testing.T) {
	t.Parallel()
	ble := testMethod()
	ble.reaches = func(aaguid string) []string {
		return map[string][]string{testModel: {"usb", "ble"}, "phone": {"internal", "hybrid", "ble"}}[aaguid]
	}
	for _, test := range []struct {
		m          *Method
		model      string
		told, want []string
	}{
		{testMethod(), testModel, []string{"usb"}, []string{"usb", "nfc"}},
		{testMethod(), testModel, []string{"nfc"}, []string{"nfc", "usb"}},
		{testMethod(), testModel, []string{"usb", "nfc"}, []string{"usb", "nfc"}},
		{testMethod(), testModel, []string{"smart-card"}, []string{"smart-card", "usb", "nfc"}},
		{testMethod(), testModel, []string{"ble"}, []string{"ble", "usb", "nfc"}},
		{testMethod(), testModel, []string{"hybrid", "usb"}, []string{"hybrid", "usb", "nfc"}},
		{testMethod(), testModel, nil, nil},
		{testMethod(), testModel, []string{"internal"}, []string{"internal"}},
		{testMethod(), testModel, []string{"internal", "hybrid"}, []string{"internal", "hybrid"}},
		{testMethod(), testModel, []string{"hybrid"}, []string{"hybrid"}},
		{ble, testModel, []string{"usb"}, []string{"usb", "nfc", "ble"}},
		{ble, "another", []string{"usb"}, []string{"usb", "nfc"}},
		{ble, "phone", []string{"usb"}, []string{"usb", "nfc", "ble"}},
		{ble, "phone", []string{"internal"}, []string{"internal"}},
	} {
		k := staffkey.SecurityKey{AAGUID: test.model, Transports: test.told}
		if diff := cmp.Diff(test.want, test.m.transports(k)); diff != "" || len(k.Transports) != len(test.told) {
			t.Errorf("told %v, model %s (-want +got):\n%s", test.told, test.model, diff)
		}
	}
}

// A key answers for the name that it was registered under, and for no other: it is asked for that as long as the browser lets us.
func TestVerification_of_keys_registered_under_another_name(t *testing.T) {
	t.Parallel()
	old := New(Config{ID: "example.org", Name: "Staffkey", Origins: []string{"https://staff.example.org"}})
	key := softkey.New(goodKey())
	k := register(t, old, key)
	if k.RPID != "example.org" {
		t.Fatalf("registered for %q", k.RPID)
	}
	v, err := signIn(t, testMethod(), key, k) // its own host below it
	if err != nil || v.Use.RPID != "example.org" {
		t.Errorf("use %+v, error %v, want an answer for example.org", v.Use, err)
	}
	ours := register(t, testMethod(), softkey.New(goodKey()))
	ours.ID = "ours"
	far := New(Config{ID: "login.example.com", Name: "Staffkey", Origins: []string{"https://login.example.com"}})
	lookalike := New(Config{ID: "badexample.org", Name: "Staffkey", Origins: []string{"https://badexample.org"}})
	early := k
	early.RPID = ""
	lost := ours
	lost.State = staffkey.SecurityKeySuspended
	for _, test := range []struct {
		name        string
		m           *Method
		keys        []staffkey.SecurityKey
		rpID, tells string
		allowed     int
	}{
		{"all under a name above", testMethod(), []staffkey.SecurityKey{k}, "example.org", "", 1},
		{"and one on hold under ours", testMethod(), []staffkey.SecurityKey{k, lost}, "example.org", "", 1},
		{"one under ours", testMethod(), []staffkey.SecurityKey{k, ours}, testID, "", 1},
		{"one of an earlier release", testMethod(), []staffkey.SecurityKey{k, early}, testID, "", 1},
		{"all under a name that is not ours to use", far, []staffkey.SecurityKey{k}, "login.example.com", "example.org", 1},
		{"all under a name that ours only ends like", lookalike, []staffkey.SecurityKey{k}, "badexample.org", "example.org", 1},
		{"under two names", far, []staffkey.SecurityKey{k, ours}, "login.example.com", "", 2},
		{"no keys", far, nil, "login.example.com", "", 0},
	} {
		_, options := beginVerification(t, test.m, test.keys...)
		got := decode(t, options)
		if got["rpId"] != test.rpID || len(got["allowCredentials"].([]any)) != test.allowed || test.m.Elsewhere(test.keys) != test.tells {
			t.Errorf("%s: asked for %v of %v, tells %q, want %d of %s and %q", test.name, got["allowCredentials"], got["rpId"],
				test.m.Elsewhere(test.keys), test.allowed, test.rpID, test.tells)
		}
	}
}

// WebAuthn Level 3 §7.2 step 6: whose key may answer.
func TestBelongs(t *testing.T) {
	t.Parallel()
	k := staffkey.SecurityKey{ID: "blue", Person: amara.ID, State: staffkey.SecurityKeyActive, UserHandle: []byte("handle")}
	pending := k
	pending.State = staffkey.SecurityKeyPending
	tests := []struct {
		name   string
		key    staffkey.SecurityKey
		person staffkey.PersonID
		only   staffkey.SecurityKeyID
		handle string
		rule   string
	}{
		{"own key", k, amara.ID, "", "handle", ""},
		{"own key that names nobody", k, amara.ID, "", "", ""},
		{"the key that was asked for", k, amara.ID, "blue", "", ""},
		{"another key than was asked for", k, amara.ID, "desk", "", "other_key_than_asked"},
		{"key of another person", k, "ben", "", "handle", "key_of_another"},
		{"own key with another handle", k, amara.ID, "", "handl", "user_handle_differs"},
		{"passwordless", k, "", "", "handle", ""},
		{"passwordless without handle", k, "", "", "", "user_handle_missing"},
		{"passwordless with another handle", k, "", "", "Handle", "user_handle_differs"},
		{"not yet named", pending, amara.ID, "", "handle", "key_pending"},
	}
	for _, test := range tests {
		err := testMethod().belongs(test.key, test.person, state{Only: test.only}, []byte(test.handle))
		if got := signintest.RuleOf(err); got != test.rule || (err == nil) != (test.rule == "") {
			t.Errorf("%s: got error %v, want rule %q", test.name, err, test.rule)
		}
	}
}

// F4, CVE-2020-8236: what counts is that the key says it verified the person, not that it was asked to.
func TestVerification_asks_for_the_person(t *testing.T) {
	t.Parallel()
	m := testMethod()
	without := goodKey()
	without.Tamper = at(softkey.GetBeforeSigning, func(p *softkey.Parts) { p.AuthenticatorData[32] &^= 0x04 })
	key := softkey.New(without)
	verified := register(t, m, key)
	old := verified
	old.UserVerified = false
	tests := []struct {
		name         string
		key          staffkey.SecurityKey
		passwordless bool
		rule         string
	}{
		{"a key that verified the person at registration", verified, false, "user_verification"},
		{"a key that never did, as a second proof", old, false, ""},
		{"a key that never did, passwordless", old, true, "user_verification"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			list := []staffkey.SecurityKey{test.key}
			if test.passwordless {
				list = nil
			}
			c, options := beginVerification(t, m, list...)
			answer, err := key.Get(testOrigin, options)
			if err != nil {
				t.Fatal(err)
			}
			test.key.SignCount = 0 // the three answers count on one key in any order
			v, err := finishVerification(t.Context(), m, c, answer, test.key)
			if got := signintest.RuleOf(err); got != test.rule || (err == nil) != (test.rule == "") {
				t.Fatalf("got error %v, want rule %q", err, test.rule)
			}
			if v.Proof.VerifiedPerson {
				t.Error("the proof says that the person was verified, want possession only")
			}
		})
	}
}

func TestModelName(t *testing.T) {
	t.Parallel()
	previous := ""
	for line := range strings.Lines(modelTable) {
		if aaguid, _, _ := strings.Cut(line, " "); !strings.HasPrefix(line, "#") {
			if aaguid <= previous {
				t.Errorf("%q stands behind %q", aaguid, previous)
			}
			previous = aaguid
		}
	}
	for aaguid, m := range models() {
		if parsed, err := uuid.Parse(aaguid); err != nil || parsed.String() != aaguid || m.name != staffkey.CleanText(strings.TrimSpace(m.name)) || len(m.name) > 80 {
			t.Errorf("%q: %q is no AAGUID with a name", aaguid, m.name)
		}
	}
	if n := len(models()); n != 396 {
		t.Errorf("%d models", n)
	}
	for aaguid, want := range map[string]string{
		"00000000-0000-0000-0000-000000000000": "",                                      // a key that does not tell its model
		"524de2de-982f-49b4-a769-2b5e3b73ad79": "YubiKey 5 Series (Enterprise Profile)", // firmware 5.8
		"fbfc3007-154e-4ecc-8c0b-6e020557d7bd": "Apple Passwords",
		"6028b017-b1d4-4c02-b4b3-afcdafc96bb2": "Windows Hello (software)",
	} {
		if got := ModelName(aaguid); got != want {
			t.Errorf("%s is a %q, want %q", aaguid, got, want)
		}
	}
	const line = "cb69481e-8ff7-4039-93ec-0a2729a154a8 YubiKey 5\n"
	for _, wrong := range []string{line + line, "cb69481e-8ff7-4039-93ec-0a2729a154a8\n", "cb69481e-8ff7-4039-93ec-0a2729a154a8 =\n"} {
		if _, err := parseModels(wrong); err == nil {
			t.Errorf("%q was read", wrong)
		}
	}
}
