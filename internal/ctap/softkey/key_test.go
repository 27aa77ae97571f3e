package softkey_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"staffkey/internal/ctap/softkey"
)

var (
	discoverable = object{"authenticatorSelection": object{"residentKey": "required"}}
	verified     = object{"authenticatorSelection": object{"userVerification": "required"}}
)

// with adds a member to a copy of overrides.
func with(overrides object, name string, value any) object {
	merged := object{name: value}
	for n, v := range overrides {
		merged[n] = v
	}
	return merged
}

func TestCreateRefusals(t *testing.T) {
	t.Parallel()
	only := func(algorithm int) object {
		return object{"pubKeyCredParams": []object{{"type": "public-key", "alg": algorithm}}}
	}
	tests := []struct {
		name      string
		key       softkey.Options
		overrides object
		want      *softkey.DOMException
	}{
		{"user verification on a key without", softkey.Options{}, verified, softkey.ErrNotAllowed},
		{"discoverable on a key without", softkey.Options{}, discoverable, softkey.ErrNotAllowed},
		{"discoverable in the form of Level 1", softkey.Options{}, object{"authenticatorSelection": object{"requireResidentKey": true}}, softkey.ErrNotAllowed},
		{"platform on a USB key", softkey.Options{Transports: []string{"usb"}}, object{"authenticatorSelection": object{"authenticatorAttachment": "platform"}}, softkey.ErrNotAllowed},
		{"roaming on a platform key", softkey.Options{Transports: []string{"internal"}}, object{"authenticatorSelection": object{"authenticatorAttachment": "cross-platform"}}, softkey.ErrNotAllowed},
		{"another algorithm", softkey.Options{}, only(-257), softkey.ErrNotSupported},
		{"EdDSA without a list", softkey.Options{Algorithm: softkey.EdDSA}, object{"pubKeyCredParams": []object{}}, softkey.ErrNotSupported},
		{"the algorithm under another type", softkey.Options{}, object{"pubKeyCredParams": []object{{"type": "password", "alg": -7}}}, softkey.ErrNotSupported},
		{"unknown algorithm of the key", softkey.Options{Algorithm: -1}, only(-1), softkey.ErrNotSupported},
		{"unknown attestation of the key", softkey.Options{Attestation: "tpm"}, nil, softkey.ErrNotSupported},
		{"no challenge", softkey.Options{}, object{"challenge": nil}, softkey.ErrInvalidOptions},
		{"padded challenge", softkey.Options{}, object{"challenge": "AA=="}, softkey.ErrInvalidOptions},
		{"empty user.id", softkey.Options{}, object{"user": object{"id": ""}}, softkey.ErrInvalidOptions},
		{"user.id of 65 bytes", softkey.Options{}, object{"user": object{"id": encode(make([]byte, 65))}}, softkey.ErrInvalidOptions},
		{"another relying party", softkey.Options{}, object{"rp": object{"id": "example.com"}}, softkey.ErrSecurity},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key := softkey.New(test.key)
			_, err := key.Create(testOrigin, newRelyingParty().creation(t, "ann", test.overrides))
			if !errors.Is(err, test.want) {
				t.Errorf("error = %v, want %v", err, test.want)
			}
			if got := len(key.Credentials()); got != 0 {
				t.Errorf("key holds %d credentials after the refusal, want none", got)
			}
		})
	}
}

func TestGetRefusals(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{})
	rp := newRelyingParty()
	created := rp.register(t, key, "ann", nil)
	mine := object{"allowCredentials": list(created.RawID)}
	tests := []struct {
		name      string
		overrides object
		want      *softkey.DOMException
	}{
		{"credential of another key", object{"allowCredentials": list([]byte("other"))}, softkey.ErrNoCredential},
		{"no discoverable credential", nil, softkey.ErrNoCredential},
		{"another type", object{"allowCredentials": []object{{"type": "password", "id": encode(created.RawID)}}}, softkey.ErrNoCredential},
		{"credential of another relying party", with(mine, "rpId", "example.org"), softkey.ErrNoCredential},
		{"user verification on a key without", with(mine, "userVerification", "required"), softkey.ErrNotAllowed},
		{"no challenge", with(mine, "challenge", nil), softkey.ErrInvalidOptions},
		{"allowCredentials that is no list", object{"allowCredentials": 1}, softkey.ErrInvalidOptions},
		{"relying party elsewhere", with(mine, "rpId", "example.com"), softkey.ErrSecurity},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := key.Get(testOrigin, rp.request(t, test.overrides)); !errors.Is(err, test.want) {
				t.Errorf("error = %v, want %v", err, test.want)
			}
		})
	}
}

func TestExceptionNameReachesTheCaller(t *testing.T) {
	t.Parallel()
	_, err := softkey.New(softkey.Options{}).Get(testOrigin, newRelyingParty().request(t, nil))
	var exception *softkey.DOMException
	if !errors.As(err, &exception) || exception.Name != "NotAllowedError" {
		t.Errorf("error = %v, want a NotAllowedError", err)
	}
}

func TestRelyingPartyIDMustFitOrigin(t *testing.T) {
	t.Parallel()
	tests := []struct {
		origin, rpID string
		allowed      bool
	}{
		{"https://staff.example.org", "staff.example.org", true},
		{"https://staff.example.org", "example.org", true},
		{"https://staff.example.org", "", true},
		{"https://staff.example.org:8443", "example.org", true},
		{"http://localhost:8080", "localhost", true},
		{"http://staff.localhost", "staff.localhost", true},
		{"https://staff.example.org", "org", false},
		{"https://staff.example.org", ".example.org", false},
		{"https://staffexample.org", "example.org", false},
		{"https://example.org", "staff.example.org", false},
		{"http://staff.example.org", "staff.example.org", false},
		{"http://127.0.0.1:8080", "127.0.0.1", false},
		{"https://[::1]", "::1", false},
		{"https://Staff.example.org", "example.org", false},
		{"https://staff.example.org/", "example.org", false},
		{"https://ann@staff.example.org", "example.org", false},
		{"https://staff.example.org:", "example.org", false},
		{"https://staff.example\".org", "example\".org", false},
		{"https://", "", false},
		{"://", "", false},
	}
	for _, test := range tests {
		t.Run(test.origin+" for "+test.rpID, func(t *testing.T) {
			t.Parallel()
			options := newRelyingParty().creation(t, "ann", object{"rp": object{"id": test.rpID, "name": "Staff"}})
			_, err := softkey.New(softkey.Options{}).Create(test.origin, options)
			if test.allowed && err != nil {
				t.Errorf("error = %v, want none", err)
			}
			if !test.allowed && !errors.Is(err, softkey.ErrSecurity) {
				t.Errorf("error = %v, want %v", err, softkey.ErrSecurity)
			}
		})
	}
}

func TestExcludeCredentials(t *testing.T) {
	t.Parallel()
	key, other := softkey.New(softkey.Options{}), softkey.New(softkey.Options{})
	rp := newRelyingParty()
	created := rp.register(t, key, "ann", nil)
	excluding := object{"excludeCredentials": list([]byte("unknown"), created.RawID)}
	if _, err := key.Create(testOrigin, rp.creation(t, "ann", excluding)); !errors.Is(err, softkey.ErrExcluded) {
		t.Errorf("same key: error = %v, want %v", err, softkey.ErrExcluded)
	}
	rp.register(t, other, "ann", excluding)
	if !key.Forget(created.RawID) {
		t.Error("Forget = false, want true")
	}
	if key.Forget(created.RawID) {
		t.Error("second Forget = true, want false")
	}
	rp.register(t, key, "ann", excluding)
}

func TestSameKeyWithTwoUserIDs(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{Resident: true})
	rp := newRelyingParty()
	first := rp.register(t, key, "one", discoverable)
	second := rp.register(t, key, "two", discoverable)
	for _, test := range []struct {
		want string
		id   []byte
	}{{"one", first.RawID}, {"two", second.RawID}} {
		created := first
		if test.want == "two" {
			created = second
		}
		signedIn := rp.signIn(t, key, created)
		if got := string(signedIn.Response.UserHandle); got != test.want {
			t.Errorf("user handle = %q, want %q", got, test.want)
		}
	}
	body, err := key.Get(testOrigin, rp.request(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	newest, err := rp.signedIn(body, second.Response.AttestationObject.AuthData.AttData.CredentialPublicKey, false)
	if err != nil {
		t.Fatal(explain(err))
	}
	if !bytes.Equal(newest.RawID, second.RawID) {
		t.Errorf("without a list credential %x answers, want the newest, %x", newest.RawID, second.RawID)
	}

	replacement := rp.register(t, key, "two", discoverable)
	var got [][]byte
	for _, c := range key.Credentials() {
		got = append(got, c.ID)
	}
	if diff := cmp.Diff([][]byte{first.RawID, replacement.RawID}, got); diff != "" {
		t.Errorf("credentials after registering user two again (-want +got):\n%s", diff)
	}
}

func TestCredentialsThatAreNotDiscoverable(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{Resident: true})
	rp := newRelyingParty()
	created := rp.register(t, key, "ann", nil)
	rp.register(t, key, "ann", nil)
	if got, want := len(key.Credentials()), 2; got != want {
		t.Errorf("key holds %d credentials for one user.id, want %d", got, want)
	}
	if got := rp.signIn(t, key, created).Response.UserHandle; len(got) != 0 {
		t.Errorf("user handle = %q, want none", got)
	}
}

func TestCredentialProtection(t *testing.T) {
	t.Parallel()
	tests := []struct {
		policy           string
		byID, discovered bool // usable without user verification
	}{
		{"userVerificationOptional", true, true},
		{"userVerificationOptionalWithCredentialIDList", true, false},
		{"userVerificationRequired", false, false},
	}
	for _, test := range tests {
		t.Run(test.policy, func(t *testing.T) {
			t.Parallel()
			key := softkey.New(softkey.Options{Resident: true, UserVerification: true})
			rp := newRelyingParty()
			created := rp.register(t, key, "ann", with(discoverable, "extensions", object{"credentialProtectionPolicy": test.policy}))
			key.SetUserVerification(false)
			_, err := key.Get(testOrigin, rp.request(t, object{"allowCredentials": list(created.RawID)}))
			if got := err == nil; got != test.byID {
				t.Errorf("usable by id = %t (%v), want %t", got, err, test.byID)
			}
			_, err = key.Get(testOrigin, rp.request(t, nil))
			if got := err == nil; got != test.discovered {
				t.Errorf("usable when discovered = %t (%v), want %t", got, err, test.discovered)
			}
			key.SetUserVerification(true)
			if _, err = key.Get(testOrigin, rp.request(t, nil)); err != nil {
				t.Errorf("with user verification: %v", err)
			}
		})
	}
}

func TestUserVerification(t *testing.T) {
	t.Parallel()
	tests := []struct {
		able        bool
		requirement any
		want        bool
	}{
		{true, "required", true}, {true, "preferred", true}, {true, nil, true}, {true, "discouraged", false},
		{false, "preferred", false}, {false, nil, false}, {false, "discouraged", false},
	}
	for _, test := range tests {
		key := softkey.New(softkey.Options{})
		key.SetUserVerification(test.able)
		rp := newRelyingParty()
		selection := object{"residentKey": "discouraged"}
		if test.requirement != nil {
			selection["userVerification"] = test.requirement
		}
		created := rp.register(t, key, "ann", object{"authenticatorSelection": selection})
		if got := created.Response.AttestationObject.AuthData.Flags.HasUserVerified(); got != test.want {
			t.Errorf("able %t, %v: registration verified = %t, want %t", test.able, test.requirement, got, test.want)
		}
		body, err := key.Get(testOrigin, rp.request(t, object{
			"allowCredentials": list(created.RawID), "userVerification": test.requirement,
		}))
		if err != nil {
			t.Fatal(err)
		}
		_, err = rp.signedIn(body, created.Response.AttestationObject.AuthData.AttData.CredentialPublicKey, true)
		if got := err == nil; got != test.want {
			t.Errorf("able %t, %v: sign-in verified = %t, want %t", test.able, test.requirement, got, test.want)
		}
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		counter softkey.Counter
		want    []uint32 // creation of a and b, sign-in a, b, a, then a after SetCounter(100)
	}{
		{"zero", softkey.Counter{}, []uint32{0, 0, 0, 0, 0, 100}},
		{"for each credential", softkey.Counter{Start: 1, Step: 2}, []uint32{1, 1, 3, 3, 5, 102}},
		{"global", softkey.Counter{Start: 7, Step: 1, Global: true}, []uint32{7, 7, 8, 9, 10, 101}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			key := softkey.New(softkey.Options{Counter: test.counter})
			rp := newRelyingParty()
			a, b := rp.register(t, key, "a", nil), rp.register(t, key, "b", nil)
			got := []uint32{a.Response.AttestationObject.AuthData.Counter, b.Response.AttestationObject.AuthData.Counter}
			got = append(got, rp.signIn(t, key, a).Response.AuthenticatorData.Counter)
			got = append(got, rp.signIn(t, key, b).Response.AuthenticatorData.Counter)
			got = append(got, rp.signIn(t, key, a).Response.AuthenticatorData.Counter)
			key.SetCounter(100)
			got = append(got, rp.signIn(t, key, a).Response.AuthenticatorData.Counter)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("counters (-want +got):\n%s", diff)
			}
		})
	}
}

func TestClone(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{Counter: softkey.Counter{Step: 1}})
	rp := newRelyingParty()
	created := rp.register(t, key, "ann", nil)
	rp.signIn(t, key, created)
	twin := key.Clone()
	if diff := cmp.Diff(key.Credentials(), twin.Credentials()); diff != "" {
		t.Errorf("credentials of the clone (-original +clone):\n%s", diff)
	}
	rp.signIn(t, key, created)
	rp.signIn(t, key, created)
	if got, want := rp.signIn(t, twin, created).Response.AuthenticatorData.Counter, uint32(2); got != want {
		t.Errorf("counter of the clone = %d, want %d", got, want)
	}
	twin.Forget(created.RawID)
	if got, want := len(key.Credentials()), 1; got != want {
		t.Errorf("original holds %d credentials after the clone forgot, want %d", got, want)
	}
}

func TestCredentialsAreCopies(t *testing.T) {
	t.Parallel()
	key := softkey.New(softkey.Options{Resident: true})
	created := newRelyingParty().register(t, key, "ann", discoverable)
	clear(key.Credentials()[0].ID)
	want := []softkey.Credential{{
		ID: created.RawID, RPID: testRPID, UserID: []byte("ann"), UserName: "ann@example.org", UserDisplayName: "Ann",
		Discoverable: true, Protection: softkey.ProtectionOptional,
	}}
	if diff := cmp.Diff(want, key.Credentials()); diff != "" {
		t.Errorf("credentials (-want +got):\n%s", diff)
	}
}

func TestOneKeyInManyGoroutines(t *testing.T) {
	t.Parallel()
	const workers, rounds = 8, 10
	key := softkey.New(softkey.Options{Resident: true, Counter: softkey.Counter{Step: 1, Global: true}, Attestation: softkey.AttestationPacked})
	rp := newRelyingParty()
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			user := strings.Repeat("x", worker+1)
			body, err := key.Create(testOrigin, rp.creation(t, user, with(discoverable, "attestation", "direct")))
			if err != nil {
				t.Errorf("Create: %v", err)
				return
			}
			created, err := rp.registered(body, false)
			if err != nil {
				t.Errorf("verify registration: %s", explain(err))
				return
			}
			public := created.Response.AttestationObject.AuthData.AttData.CredentialPublicKey
			for range rounds {
				body, err := key.Get(testOrigin, rp.request(t, object{"allowCredentials": list(created.RawID)}))
				if err != nil {
					t.Errorf("Get: %v", err)
					return
				}
				if _, err := rp.signedIn(body, public, false); err != nil {
					t.Errorf("verify sign-in: %s", explain(err))
				}
				key.Credentials()
				key.Clone()
			}
		})
	}
	group.Wait()
	last := newRelyingParty()
	created := last.register(t, key, "last", nil)
	if got, want := created.Response.AttestationObject.AuthData.Counter, uint32(workers*rounds); got != want {
		t.Errorf("global counter = %d, want %d", got, want)
	}
}
