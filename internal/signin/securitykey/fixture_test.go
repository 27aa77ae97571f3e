package securitykey

import (
	"context"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
)

const (
	testID     = "staff.example.org"
	testOrigin = "https://staff.example.org"
)

var (
	testNow    = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)
	testAAGUID = [16]byte{0xee, 0x88, 0x28, 0x79, 0x72, 0x1c, 0x49, 0x13, 0x97, 0x75, 0x3d, 0xfc, 0xce, 0x97, 0x07, 0x2a}
	amara      = staffkey.Person{ID: "amara", Username: "amara", Name: "Amara Okafor", State: staffkey.PersonActive}
)

func testMethod() *Method {
	return New(Config{ID: testID, Name: "Staffkey", Origins: []string{testOrigin}})
}

// goodKey are the options of a key as people have it: PIN, discoverable credentials, a counter, USB and NFC.
func goodKey() softkey.Options {
	return softkey.Options{
		AAGUID: testAAGUID, UserVerification: true, Resident: true, Attestation: softkey.AttestationPacked,
		Counter: softkey.Counter{Start: 1, Step: 1}, Transports: []string{"usb", "nfc"},
	}
}

// at makes a Tamper that changes one stage.
func at(stage softkey.Stage, change func(*softkey.Parts)) softkey.Tamper {
	return func(s softkey.Stage, p *softkey.Parts) {
		if s == stage {
			change(p)
		}
	}
}

// beginEnrolment starts a registration and returns the ceremony with its options.
func beginEnrolment(t testing.TB, m *Method, keys ...staffkey.SecurityKey) (staffkey.Ceremony, []byte) {
	t.Helper()
	c, err := m.BeginEnrolment(t.Context(), signin.Enrolling{Subject: signin.Subject{Person: amara, Keys: keys}, Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	return staffkey.Ceremony{Purpose: staffkey.PurposeEnrol, State: c.State}, c.Options
}

func finishEnrolment(ctx context.Context, m *Method, c staffkey.Ceremony, answer []byte) (staffkey.SecurityKey, error) {
	e, err := m.FinishEnrolment(ctx, signin.Enrolling{Subject: signin.Subject{Person: amara}, Now: testNow}, c, answer)
	if err != nil {
		return staffkey.SecurityKey{}, err
	}
	k := *e.Key
	k.ID, k.Person, k.State = "blue", amara.ID, staffkey.SecurityKeyActive
	return k, nil
}

// register registers a key, which must work.
func register(t testing.TB, m *Method, key *softkey.Key) staffkey.SecurityKey {
	t.Helper()
	c, options := beginEnrolment(t, m)
	answer, err := key.Create(testOrigin, options)
	if err != nil {
		t.Fatal(err)
	}
	k, err := finishEnrolment(t.Context(), m, c, answer)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// beginVerification starts a proof by the keys of amara, or a passwordless one when there are none.
func beginVerification(t testing.TB, m *Method, keys ...staffkey.SecurityKey) (staffkey.Ceremony, []byte) {
	t.Helper()
	s := signin.Subject{Keys: keys}
	if len(keys) > 0 {
		s.Person = amara
	}
	c, err := m.BeginVerification(t.Context(), signin.Verifying{Subject: s, Purpose: staffkey.PurposeSignIn, Now: testNow})
	if err != nil {
		t.Fatal(err)
	}
	return staffkey.Ceremony{Purpose: staffkey.PurposeSignIn, Person: s.Person.ID, State: c.State}, c.Options
}

// finishVerification answers for the person of the ceremony, among the keys that are registered.
func finishVerification(ctx context.Context, m *Method, c staffkey.Ceremony, answer []byte, registered ...staffkey.SecurityKey) (signin.Verified, error) {
	s := signin.Subject{}
	if c.Person != "" {
		s.Person = amara
	}
	return m.FinishVerification(ctx, signin.Verifying{Subject: s, Purpose: c.Purpose, Now: testNow, FindKey: func(id []byte) (staffkey.SecurityKey, error) {
		for _, k := range registered {
			if string(k.CredentialID) == string(id) {
				return k, nil
			}
		}
		return staffkey.SecurityKey{}, staffkey.ErrNotFound
	}}, c, answer)
}

// signIn asks for a proof by one registered key and answers with a key in the hand.
func signIn(t testing.TB, m *Method, key *softkey.Key, registered staffkey.SecurityKey) (signin.Verified, error) {
	t.Helper()
	c, options := beginVerification(t, m, registered)
	answer, err := key.Get(testOrigin, options)
	if err != nil {
		t.Fatal(err)
	}
	return finishVerification(t.Context(), m, c, answer, registered)
}
