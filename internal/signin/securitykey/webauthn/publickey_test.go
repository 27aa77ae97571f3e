package securitykey

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"strings"
	"testing"

	"staffkey/internal/signin/signintest"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-webauthn/webauthn/protocol"
)

func TestCheckClientData(t *testing.T) {
	t.Parallel()
	const rest = `"type":"webauthn.get","challenge":"AAAA"`
	const good = `{` + rest + `,"origin":"` + testOrigin + `"`
	tests := []struct{ name, data, rule string }{
		{"as a browser sends it", good + `,"crossOrigin":false}`, ""},
		{"without crossOrigin", good + `}`, ""},
		{"members of the future", good + `,"x":{"deep":[1,{"y":null}]},"other_keys_can_be_added_here":"later"}`, ""},
		{"empty", "", "client_data"},
		{"no object", `["` + testOrigin + `"]`, "client_data"},
		{"a text", `"` + testOrigin + `"`, "client_data"},
		{"null", "null", "client_data"},
		{"cut short", good, "client_data"},
		{"bytes behind the object", good + `}x`, "client_data"},
		{"a second object behind it", good + `}{}`, "client_data"},
		{"a byte order mark", "\ufeff" + good + `}`, "client_data"},
		{"invalid UTF-8", good + ",\"x\":\"\xff\"}", "client_data"},
		{"a surrogate as UTF-8", good + ",\"x\":\"\xed\xa0\x80\"}", "client_data"},
		{"too long", good + `,"x":"` + strings.Repeat("a", maxClientData) + `"}`, "client_data"},
		{"two origins", good + `,"origin":"https://evil.example"}`, "client_data"},
		{"two origins, ours last", `{"origin":"https://evil.example",` + good[1:] + `}`, "client_data"},
		{"two challenges", good + `,"challenge":"BBBB"}`, "client_data"},
		{"two origins that differ in case", good + `,"Origin":"https://evil.example"}`, "client_data"},
		{"two names that are one when unescaped", good + `,"\u006frigin":"https://evil.example"}`, "client_data"},
		{"a name twice further in", good + `,"x":{"y":{"z":1,"z":2}}}`, "client_data"},
		{"a name twice in a list", good + `,"x":[{"z":1,"z":2}]}`, "client_data"},
		{"the same name at two depths", good + `,"x":{"origin":1}}`, ""},
		{"nested as deeply as may be", good + `,"x":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`, ""},
		{"nested too deeply", good + `,"x":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `}`, "client_data"},
		{"no origin", `{` + rest + `}`, "client_data"},
		{"origin that is no text", `{` + rest + `,"origin":1}`, "client_data"},
		{"origin null", `{` + rest + `,"origin":null}`, "origin"},
		{"origin in capitals only", `{` + rest + `,"ORIGIN":"` + testOrigin + `"}`, "client_data"},
		{"cross-origin", good + `,"crossOrigin":true}`, "cross_origin"},
		{"cross-origin that is no truth value", good + `,"crossOrigin":"false"}`, "cross_origin"},
		{"in a frame", good + `,"crossOrigin":false,"topOrigin":"https://evil.example"}`, "top_origin"},
		{"in a frame of our own", good + `,"topOrigin":"` + testOrigin + `"}`, "top_origin"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := checkClientData([]byte(test.data), []string{testOrigin})
			if got := signintest.RuleOf(err); got != test.rule || (err == nil) != (test.rule == "") {
				t.Errorf("got error %v, want rule %q", err, test.rule)
			}
		})
	}
}

func TestCheckClientData_compares_origins_exactly(t *testing.T) {
	t.Parallel()
	allow := []string{testOrigin, "https://staff.example.org:8443"}
	deny := []string{
		"http://staff.example.org", "https://staff.example.org/", "https://staff.example.org.", "https://staff.example.org.evil",
		"https://staff.example.org:443", "https://staff.example.org:844", "https://staff.example.org:84433", "HTTPS://staff.example.org",
		"https://STAFF.example.org", "https://Staff.Example.Org", "https://evil.staff.example.org", "https://example.org",
		"https://staff.example.org@evil.example", "https://evil.example#https://staff.example.org", " https://staff.example.org",
		"https://staff.example.org ", "https://staff.example.org\u0000", "https://ѕtaff.example.org", "null", "", "android:apk-key-hash:AAAA",
	}
	check := func(origin string) error {
		data := `{"type":"webauthn.get","challenge":"AAAA","origin":"` + strings.ReplaceAll(origin, "\x00", `\u0000`) + `"}`
		return checkClientData([]byte(data), allow)
	}
	for _, origin := range allow {
		if err := check(origin); err != nil {
			t.Errorf("%q: got error %v, want none", origin, err)
		}
	}
	for _, origin := range deny {
		if err := check(origin); signintest.RuleOf(err) != "origin" {
			t.Errorf("%q: got error %v, want a refusal by origin", origin, err)
		}
	}
}

// §6.1.3: the four pairs of backup eligibility and state.
func TestCheckFlags(t *testing.T) {
	t.Parallel()
	tests := []struct {
		flags protocol.AuthenticatorFlags
		rule  string
	}{
		{0, ""},
		{protocol.FlagBackupEligible, ""},
		{protocol.FlagBackupEligible | protocol.FlagBackupState, ""},
		{protocol.FlagBackupState, "backup_flags"},
	}
	for _, test := range tests {
		if got := signintest.RuleOf(checkFlags(test.flags)); got != test.rule {
			t.Errorf("flags %08b: got rule %q, want %q", test.flags, got, test.rule)
		}
	}
}

// cose is a COSE_Key by its labels, encoded in the canonical form.
type cose map[int]any

func (c cose) encode(t testing.TB) []byte {
	t.Helper()
	mode, err := cbor.CTAP2EncOptions().EncMode()
	if err != nil {
		t.Fatal(err)
	}
	raw, err := mode.Marshal(map[int]any(c))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// but is the key with one label changed, or left out when the value is nil.
func (c cose) but(label int, value any) cose {
	twin := cose{}
	for l, v := range c {
		twin[l] = v
	}
	twin[label] = value
	if value == nil {
		delete(twin, label)
	}
	return twin
}

func ecKey(t testing.TB, curve elliptic.Curve, alg, crv int) cose {
	t.Helper()
	private, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := private.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	size := len(point) / 2
	return cose{1: 2, 3: alg, -1: crv, -2: point[1 : 1+size], -3: point[1+size:]}
}

func edKey(t testing.TB) cose {
	t.Helper()
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return cose{1: 1, 3: -8, -1: 6, -2: []byte(public)}
}

// rsaKey is a key with a modulus of that many bits; only its size and form are looked at.
func rsaKey(bits uint, exponent ...byte) cose {
	n := new(big.Int).Lsh(big.NewInt(1), bits-1)
	return cose{1: 3, 3: -257, -1: n.SetBit(n, 0, 1).Bytes(), -2: exponent}
}

func TestCheckPublicKey(t *testing.T) {
	t.Parallel()
	p256, p384, p521, ed := ecKey(t, elliptic.P256(), -7, 1), ecKey(t, elliptic.P384(), -35, 2), ecKey(t, elliptic.P521(), -36, 3), edKey(t)
	flip := func(b any) []byte {
		c := bytes.Clone(b.([]byte))
		c[len(c)-1] ^= 1
		return c
	}
	real, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		raw  []byte
		ok   bool
	}{
		{"ES256", p256.encode(t), true},
		{"ES384", p384.encode(t), true},
		{"ES512", p521.encode(t), true},
		{"EdDSA", ed.encode(t), true},
		{"RS256", cose{1: 3, 3: -257, -1: real.N.Bytes(), -2: []byte{1, 0, 1}}.encode(t), true},
		{"RS256 of 4096 bits", rsaKey(4096, 1, 0, 1).encode(t), true},
		{"RS256 of 2047 bits", rsaKey(2047, 1, 0, 1).encode(t), false},
		{"RS256 of 1024 bits", rsaKey(1024, 1, 0, 1).encode(t), false},
		{"RS256 of 4097 bits", rsaKey(4097, 1, 0, 1).encode(t), false},
		{"RS256 with an even modulus", rsaKey(2048, 1, 0, 1).but(-1, new(big.Int).Lsh(big.NewInt(1), 2047).Bytes()).encode(t), false},
		{"RS256 with exponent 3", rsaKey(2048, 3).encode(t), true},
		{"RS256 with exponent 1", rsaKey(2048, 1).encode(t), false},
		{"RS256 with exponent 0", rsaKey(2048, 0).encode(t), false},
		{"RS256 with an even exponent", rsaKey(2048, 1, 0, 0).encode(t), false},
		{"RS256 with a large exponent", rsaKey(2048, 1, 0, 0, 0, 0, 1).encode(t), false},
		{"RS256 without exponent", rsaKey(2048, 1).but(-2, nil).encode(t), false},
		{"RS1", rsaKey(2048, 1, 0, 1).but(3, -65535).encode(t), false},
		{"PS256", rsaKey(2048, 1, 0, 1).but(3, -37).encode(t), false},
		{"ES256K", p256.but(3, -47).but(-1, 8).encode(t), false},
		{"ES256 on P-384", p384.but(3, -7).encode(t), false},
		{"ES384 on P-256", p256.but(3, -35).encode(t), false},
		{"curve of another size with its name", p384.but(-1, 1).but(3, -7).encode(t), false},
		{"algorithm missing", p256.but(3, nil).encode(t), false},
		{"key type missing", p256.but(1, nil).encode(t), false},
		{"key type unknown", p256.but(1, 4).encode(t), false},
		{"key type of OKP", p256.but(1, 1).encode(t), false},
		{"off its curve", p256.but(-3, flip(p256[-3])).encode(t), false},
		{"off its curve, P-521", p521.but(-2, flip(p521[-2])).encode(t), false},
		{"zero", p256.but(-2, make([]byte, 32)).but(-3, make([]byte, 32)).encode(t), false},
		{"x too short", p256.but(-2, p256[-2].([]byte)[:31]).encode(t), false},
		{"x with a zero in front", p256.but(-2, slices.Concat([]byte{0}, p256[-2].([]byte))).encode(t), false},
		{"y empty", p256.but(-3, []byte{}).encode(t), false},
		{"y missing", p256.but(-3, nil).encode(t), false},
		{"y as a sign, a compressed point", p256.but(-3, true).encode(t), false},
		{"x as text", p256.but(-2, strings.Repeat("x", 32)).encode(t), false},
		{"x above the prime", p256.but(-2, bytes.Repeat([]byte{0xff}, 32)).encode(t), false},
		{"EdDSA of 31 bytes", ed.but(-2, ed[-2].([]byte)[:31]).encode(t), false},
		{"EdDSA of 33 bytes", ed.but(-2, append(bytes.Clone(ed[-2].([]byte)), 0)).encode(t), false},
		{"EdDSA on X25519", ed.but(-1, 4).encode(t), false},
		{"EdDSA with ES256", ed.but(3, -7).encode(t), false},
		{"Ed448", ed.but(3, -53).but(-1, 7).but(-2, make([]byte, 57)).encode(t), false},
		{"EdDSA off the curve", ed.but(-2, notEdwards(t)).encode(t), false},
		{"nothing", nil, false},
		{"no map", []byte{0x80}, false},
		{"bytes behind the key", append(p256.encode(t), 0), false},
		{"a label twice", twice(t, p256), false},
		{"a map of no stated length", indefinite(t, p256), false},
		{"a tag", append([]byte{0xc0}, p256.encode(t)...), false},
		{"a tag inside", tagged(t, p256), false},
		{"x in pieces", pieces(t, p256), false},
		{"nested deeply", p256.but(-70000, []any{[]any{[]any{[]any{[]any{1}}}}}).encode(t), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			err := checkPublicKey(test.raw)
			if got := signintest.RuleOf(err); (err == nil) != test.ok || !test.ok && got != "public_key" {
				t.Errorf("got error %v, want accepted %t", err, test.ok)
			}
		})
	}
}

// twice is a key that names its algorithm twice: two readers could see two algorithms.
func twice(t testing.TB, c cose) []byte {
	raw := c.encode(t)
	raw[0]++ // one more pair: 3: -257
	return append(raw, 0x03, 0x39, 0x01, 0x00)
}

// indefinite is a key as a map without a stated length (RFC 8949 §3.2.2).
func indefinite(t testing.TB, c cose) []byte {
	raw := c.encode(t)
	raw[0] = 0xbf
	return append(raw, 0xff)
}

// tagged is a key whose x is tagged as a number (RFC 8949 §3.4.3).
func tagged(t testing.TB, c cose) []byte {
	whole := append([]byte{0x58, 0x20}, c[-2].([]byte)...)
	return bytes.Replace(c.encode(t), whole, append([]byte{0xc2}, whole...), 1)
}

// pieces is a key whose x is a byte string in pieces (RFC 8949 §3.2.3).
func pieces(t testing.TB, c cose) []byte {
	raw, x := c.encode(t), c[-2].([]byte)
	whole := append([]byte{0x58, 0x20}, x...)
	parts := slices.Concat([]byte{0x5f, 0x50}, x[:16], []byte{0x50}, x[16:], []byte{0xff})
	return bytes.Replace(raw, whole, parts, 1)
}

// notEdwards returns 32 bytes that are no point of edwards25519: about every second y has no x.
func notEdwards(t testing.TB) []byte {
	t.Helper()
	for y := byte(2); y < 100; y++ {
		if b := append([]byte{y}, make([]byte, 31)...); !isEdwards25519(b) {
			return b
		}
	}
	t.Fatal("every y has an x")
	return nil
}

func TestCheckPublicKey_accepts_every_Ed25519_key(t *testing.T) {
	t.Parallel()
	for range 200 {
		if k := edKey(t); checkPublicKey(k.encode(t)) != nil {
			t.Errorf("key %x is refused", k[-2])
		}
	}
}

// Under a key of small order a made-up signature, R of small order and S zero, holds for some message: crypto/ed25519 takes
// such keys, and takes them under encodings that are not the canonical ones too.
func TestCheckPublicKey_refuses_keys_of_small_order(t *testing.T) {
	t.Parallel()
	nonCanonical := [][]byte{}
	for _, above := range []int64{0, 1} { // y = p and y = p + 1, which are 0 and 1
		y := new(big.Int).Add(prime25519, big.NewInt(above)).FillBytes(make([]byte, 32))
		slices.Reverse(y)
		signed := bytes.Clone(y)
		signed[31] |= 0x80
		nonCanonical = append(nonCanonical, y, signed)
	}
	for _, weak := range slices.Concat(smallOrder, nonCanonical) {
		if !forgeable(weak) {
			t.Errorf("no signature was made up under %x: it is not of small order", weak)
		}
		if err := checkPublicKey(cose{1: 1, 3: -8, -1: 6, -2: weak}.encode(t)); signintest.RuleOf(err) != "public_key" {
			t.Errorf("%x: got error %v, want a refusal", weak, err)
		}
	}
}

// forgeable reports whether a signature under a key can be had without its private key.
func forgeable(public []byte) bool {
	for message := range 64 { // each has one chance in at most eight, for each R
		for _, r := range smallOrder {
			if ed25519.Verify(public, []byte{byte(message)}, slices.Concat(r, make([]byte, 32))) {
				return true
			}
		}
	}
	return false
}
