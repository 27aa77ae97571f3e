package webauthn

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

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/fxamacker/cbor/v2"
)

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

func TestNewPublicKey(t *testing.T) {
	t.Parallel()
	p256, p384, p521, ed := ecKey(t, elliptic.P256(), -7, 1), ecKey(t, elliptic.P384(), -35, 2), ecKey(t, elliptic.P521(), -36, 3), edKey(t)
	flip := func(b any) []byte {
		c := bytes.Clone(b.([]byte))
		c[len(c)-1] ^= 1
		return c
	}
	ed448Key := ed448TestKey(t)
	real, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		raw  []byte
		code Code
	}{
		{"ES256", p256.encode(t), ""},
		{"ES384", p384.encode(t), ""},
		{"ES512", p521.encode(t), ""},
		{"EdDSA", ed.encode(t), ""},
		{"RS256", cose{1: 3, 3: -257, -1: real.N.Bytes(), -2: []byte{1, 0, 1}}.encode(t), ""},
		{"RS256 of 4096 bits", rsaKey(4096, 1, 0, 1).encode(t), ""},
		{"RS256 of 2047 bits", rsaKey(2047, 1, 0, 1).encode(t), CodePublicKey},
		{"RS256 of 1024 bits", rsaKey(1024, 1, 0, 1).encode(t), CodePublicKey},
		{"RS256 of 4097 bits", rsaKey(4097, 1, 0, 1).encode(t), CodePublicKey},
		{"RS256 with an even modulus", rsaKey(2048, 1, 0, 1).but(-1, new(big.Int).Lsh(big.NewInt(1), 2047).Bytes()).encode(t), CodePublicKey},
		{"RS256 with exponent 3", rsaKey(2048, 3).encode(t), ""},
		{"RS256 with exponent 1", rsaKey(2048, 1).encode(t), CodePublicKey},
		{"RS256 with exponent 0", rsaKey(2048, 0).encode(t), CodePublicKey},
		{"RS256 with an even exponent", rsaKey(2048, 1, 0, 0).encode(t), CodePublicKey},
		{"RS256 with a large exponent", rsaKey(2048, 1, 0, 0, 0, 0, 1).encode(t), CodePublicKey},
		{"RS256 without exponent", rsaKey(2048, 1).but(-2, nil).encode(t), CodePublicKey},
		{"RS1", rsaKey(2048, 1, 0, 1).but(3, -65535).encode(t), CodeAlgorithm},
		{"PS256", rsaKey(2048, 1, 0, 1).but(3, -37).encode(t), CodeAlgorithm},
		{"ES256K", p256.but(3, -47).but(-1, 8).encode(t), CodeAlgorithm},
		{"ES256 on P-384", p384.but(3, -7).encode(t), CodePublicKey},
		{"ES384 on P-256", p256.but(3, -35).encode(t), CodePublicKey},
		{"curve of another size with its name", p384.but(-1, 1).but(3, -7).encode(t), CodePublicKey},
		{"algorithm missing", p256.but(3, nil).encode(t), CodeAlgorithm},
		{"key type missing", p256.but(1, nil).encode(t), CodeKeyType},
		{"key type unknown", p256.but(1, 4).encode(t), CodeKeyType},
		{"key type of OKP", p256.but(1, 1).encode(t), CodeKeyType},
		{"off its curve", p256.but(-3, flip(p256[-3])).encode(t), CodePublicKey},
		{"off its curve, P-521", p521.but(-2, flip(p521[-2])).encode(t), CodePublicKey},
		{"zero", p256.but(-2, make([]byte, 32)).but(-3, make([]byte, 32)).encode(t), CodePublicKey},
		{"x too short", p256.but(-2, p256[-2].([]byte)[:31]).encode(t), CodePublicKey},
		{"x with a zero in front", p256.but(-2, slices.Concat([]byte{0}, p256[-2].([]byte))).encode(t), CodePublicKey},
		{"y empty", p256.but(-3, []byte{}).encode(t), CodePublicKey},
		{"y missing", p256.but(-3, nil).encode(t), CodePublicKey},
		{"y as a sign, a compressed point", p256.but(-3, true).encode(t), CodePublicKey},
		{"x as text", p256.but(-2, strings.Repeat("x", 32)).encode(t), CodePublicKey},
		{"x above the prime", p256.but(-2, bytes.Repeat([]byte{0xff}, 32)).encode(t), CodePublicKey},
		{"EdDSA of 31 bytes", ed.but(-2, ed[-2].([]byte)[:31]).encode(t), CodePublicKey},
		{"EdDSA of 33 bytes", ed.but(-2, append(bytes.Clone(ed[-2].([]byte)), 0)).encode(t), CodePublicKey},
		{"EdDSA on X25519", ed.but(-1, 4).encode(t), CodePublicKey},
		{"EdDSA with ES256", ed.but(3, -7).encode(t), CodeKeyType},
		{"Ed448", ed448Key.encode(t), ""},
		{"Ed448 of 56 bytes", ed448Key.but(-2, ed448Key[-2].([]byte)[:56]).encode(t), CodePublicKey},
		{"Ed448 of small order: y is 0", ed448Key.but(-2, make([]byte, 57)).encode(t), CodePublicKey},
		{"Ed448 of small order: the neutral point", ed448Key.but(-2, append([]byte{1}, make([]byte, 56)...)).encode(t), CodePublicKey},
		{"Ed448 off the curve", ed448Key.but(-2, notEdwards448(t)).encode(t), CodePublicKey},
		{"Ed448 with bits beyond the prime", ed448Key.but(-2, bytes.Repeat([]byte{0xff}, 57)).encode(t), CodePublicKey},
		{"an optional member: key id", p256.but(2, []byte("id")).encode(t), CodePublicKey},
		{"an optional member: key operations", p256.but(4, []int{2}).encode(t), CodePublicKey},
		{"a member of another type", ed.but(-3, []byte{1}).encode(t), CodePublicKey},
		{"RSA modulus with a zero in front", rsaKey(2048, 1, 0, 1).but(-1, append([]byte{0}, rsaKey(2048, 1, 0, 1)[-1].([]byte)...)).encode(t), CodePublicKey},
		{"members in another order", reordered(t, p256), CodePublicKey},
		{"a number written longer than it must be", longer(t, p256), CodePublicKey},
		{"a curve written longer than it must be", bytes.Replace(p256.encode(t), []byte{0x20, 0x01}, []byte{0x20, 0x18, 0x01}, 1), CodePublicKey},
		{"x with a length of two bytes", headed(t, p256, 0x59, 0, 0x20), CodePublicKey},
		{"x with a length of four bytes", headed(t, p256, 0x5a, 0, 0, 0, 0x20), CodePublicKey},
		{"x with a length of eight bytes", headed(t, p256, 0x5b, 0, 0, 0, 0, 0, 0, 0, 0x20), CodePublicKey},
		{"x as a list of numbers", p256.but(-2, numbers(p256[-2])).encode(t), CodePublicKey},
		{"y as a list of numbers", p256.but(-3, numbers(p256[-3])).encode(t), CodePublicKey},
		{"EdDSA as a list of numbers", ed.but(-2, numbers(ed[-2])).encode(t), CodePublicKey},
		{"RSA modulus as a list of numbers", rsaKey(2048, 1, 0, 1).but(-1, numbers(rsaKey(2048)[-1])).encode(t), CodePublicKey},
		{"RSA exponent as a list of numbers", rsaKey(2048, 1, 0, 1).but(-2, []int{1, 0, 1}).encode(t), CodePublicKey},
		{"RSA exponent with a zero in front", rsaKey(2048, 0, 1, 0, 1).encode(t), CodePublicKey},
		{"EdDSA off the curve", ed.but(-2, notEdwards(t)).encode(t), CodePublicKey},
		{"nothing", nil, CodePublicKey},
		{"no map", []byte{0x80}, CodePublicKey},
		{"bytes behind the key", append(p256.encode(t), 0), CodePublicKey},
		{"a label twice", twice(t, p256), CodePublicKey},
		{"a map of no stated length", indefinite(t, p256), CodePublicKey},
		{"a tag", append([]byte{0xc0}, p256.encode(t)...), CodePublicKey},
		{"a tag inside", tagged(t, p256), CodePublicKey},
		{"x in pieces", pieces(t, p256), CodePublicKey},
		{"nested deeply", p256.but(-70000, []any{[]any{[]any{[]any{[]any{1}}}}}).encode(t), CodePublicKey},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := parseNewPublicKey(test.raw)
			check(t, err, test.code)
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

// headed is a key whose x has another head.
func headed(t testing.TB, c cose, head ...byte) []byte {
	x := c[-2].([]byte)
	return bytes.Replace(c.encode(t), slices.Concat([]byte{0x58, 0x20}, x), slices.Concat(head, x), 1)
}

// numbers are bytes as a list of numbers.
func numbers(b any) (list []int) {
	for _, n := range b.([]byte) {
		list = append(list, int(n))
	}
	return list
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

func isRefused(_ publicKey, err error) bool { return err != nil }

func TestNewPublicKey_accepts_every_Ed25519_key(t *testing.T) {
	t.Parallel()
	for range 200 {
		if k := edKey(t); isRefused(parseNewPublicKey(k.encode(t))) {
			t.Errorf("key %x is refused", k[-2])
		}
	}
}

// Under a key of small order a made-up signature, R of small order and S zero, holds for some message: crypto/ed25519 takes
// such keys, and takes them under encodings that are not the canonical ones too.
func TestNewPublicKey_refuses_keys_of_small_order(t *testing.T) {
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
		if _, err := parseNewPublicKey(cose{1: 1, 3: -8, -1: 6, -2: weak}.encode(t)); codeOf(err) != CodePublicKey {
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

func ed448TestKey(t testing.TB) cose {
	t.Helper()
	public, _, err := ed448.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return cose{1: 1, 3: -53, -1: 7, -2: []byte(public)}
}

// notEdwards448 returns 57 bytes that are no point of edwards448.
func notEdwards448(t testing.TB) []byte {
	t.Helper()
	for y := byte(2); y < 100; y++ {
		if b := append([]byte{y}, make([]byte, 56)...); !isEdwards448(b) {
			return b
		}
	}
	t.Fatal("every y has an x")
	return nil
}

// reordered is a key whose algorithm comes before its type.
func reordered(t testing.TB, c cose) []byte {
	raw := c.encode(t)
	return append([]byte{raw[0], raw[3], raw[4], raw[1], raw[2]}, raw[5:]...)
}

// longer is a key whose type takes two bytes.
func longer(t testing.TB, c cose) []byte {
	raw := c.encode(t)
	return append([]byte{raw[0], raw[1], 0x18, raw[2]}, raw[3:]...)
}
