package securitykey

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/elliptic"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"

	"staffkey"

	"github.com/fxamacker/cbor/v2"
	"github.com/go-webauthn/webauthn/protocol"
)

// What the standard refuses and the library lets through.

// maxClientData bounds clientDataJSON; browsers send a few hundred bytes.
const maxClientData = 16 << 10

// checkClientData refuses client data that is no UTF-8, is not one JSON object, names a member twice (two readers could
// see two origins), or whose origin is not exactly one of ours: "https://rp.example/" and "HTTPS://rp.example" are not
// what a browser sends (WebAuthn Level 3 §5.8.1, §7.1 steps 5 to 11, §7.2 steps 10 to 15).
func checkClientData(raw []byte, origins []string) error {
	bad := func(format string, args ...any) error {
		return staffkey.Refused("client_data", "wa.data").Because(format, args...)
	}
	if len(raw) > maxClientData {
		return bad("%d bytes", len(raw))
	}
	if !utf8.Valid(raw) {
		return bad("is no UTF-8")
	}
	members, err := uniqueMembers(raw)
	if err != nil {
		return bad("%v", err)
	}
	var origin string
	if err := json.Unmarshal(members["origin"], &origin); err != nil {
		return bad("no origin")
	}
	if !slices.Contains(origins, origin) {
		return staffkey.Refused("origin", "wa.domain").Because("origin %.200q", origin)
	}
	if cross, ok := members["crossOrigin"]; ok && string(cross) != "false" {
		return staffkey.Refused("cross_origin", "wa.perm")
	}
	if _, ok := members["topOrigin"]; ok {
		return staffkey.Refused("top_origin", "wa.perm")
	}
	return nil
}

// uniqueMembers reads one JSON object, refusing a member that stands twice at any depth, and anything behind it.
func uniqueMembers(raw []byte) (map[string]json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if err := noRepeats(dec, 0); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something behind the object")
	}
	members := make(map[string]json.RawMessage)
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, errors.New("is no object")
	}
	return members, nil
}

const maxDepth = 16

func noRepeats(dec *json.Decoder, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply")
	}
	t, err := dec.Token()
	if err != nil {
		return errors.New("is no JSON")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := make(map[string]bool)
	for dec.More() {
		if open == '{' {
			t, err := dec.Token()
			if err != nil {
				return errors.New("is no JSON")
			}
			name, _ := t.(string)
			// Readers that take names without regard to case, as encoding/json does, must see the same member as others.
			if seen[strings.ToLower(name)] {
				return fmt.Errorf("names %.40q twice", name)
			}
			seen[strings.ToLower(name)] = true
		}
		if err := noRepeats(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("is no JSON")
	}
	return nil
}

// checkFlags refuses a backup state without eligibility (§6.1.3: BE=0 and BS=1 is not allowed).
func checkFlags(f protocol.AuthenticatorFlags) error {
	if f.HasBackupState() && !f.HasBackupEligible() {
		return staffkey.Refused("backup_flags", "wa.data").Because("backed up, but not eligible")
	}
	return nil
}

// coseKey has the members of a COSE_Key (RFC 9052 §7.1, RFC 9053 §7) that a credential key may have.
type coseKey struct {
	Kty int64           `cbor:"1,keyasint"`
	Alg int64           `cbor:"3,keyasint"`
	Crv cbor.RawMessage `cbor:"-1,keyasint,omitempty"`
	X   cbor.RawMessage `cbor:"-2,keyasint,omitempty"`
	Y   cbor.RawMessage `cbor:"-3,keyasint,omitempty"`
}

var strictCBOR = func() cbor.DecMode {
	mode, err := cbor.DecOptions{
		DupMapKey: cbor.DupMapKeyEnforcedAPF, IndefLength: cbor.IndefLengthForbidden, TagsMd: cbor.TagsForbidden, MaxNestedLevels: 4,
	}.DecMode()
	if err != nil {
		panic(err) // the options above are constants
	}
	return mode
}()

// checkPublicKey refuses a public key that is not a point of its curve, is the wrong length, or is weak, at registration:
// later it could only ever fail, or worse (§7.1 step 20, §5.8.5, RFC 9053 §7.1 and §7.2).
func checkPublicKey(raw []byte) error {
	bad := func(format string, args ...any) error {
		return staffkey.Refused("public_key", "wa.data").Because(format, args...)
	}
	var k coseKey
	if err := strictCBOR.Unmarshal(raw, &k); err != nil {
		return bad("is no canonical COSE key: %v", err)
	}
	switch k.Kty {
	case 1: // OKP
		if k.Alg != -8 {
			return bad("algorithm %d with key type OKP", k.Alg)
		}
		return checkEd25519(k, bad)
	case 2: // EC2
		return checkEC2(k, bad)
	case 3: // RSA: n is at -1, e at -2
		if k.Alg != -257 {
			return bad("algorithm %d with key type RSA", k.Alg)
		}
		return checkRSA(k, bad)
	}
	return bad("key type %d", k.Kty)
}

type refuse func(format string, args ...any) error

func checkEd25519(k coseKey, bad refuse) error {
	var crv int64
	var x []byte
	if strictCBOR.Unmarshal(k.Crv, &crv) != nil || strictCBOR.Unmarshal(k.X, &x) != nil || crv != 6 || len(x) != ed25519.PublicKeySize {
		return bad("is no Ed25519 key")
	}
	// The points of small order: under such a key, some signatures hold for any message.
	for _, weak := range smallOrder {
		if bytes.Equal(x, weak) {
			return bad("is a point of small order")
		}
	}
	if !isEdwards25519(x) {
		return bad("is no point of edwards25519")
	}
	return nil
}

// The prime of edwards25519 and the d of its equation (RFC 8032 §5.1).
var (
	prime25519 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d25519, _  = new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
)

// isEdwards25519 decodes a point as RFC 8032 §5.1.3 does and reports whether there is one. An encoding that is not the
// canonical one is none: under it, the points of small order have names that are not in the list.
func isEdwards25519(encoded []byte) bool {
	b := bytes.Clone(encoded)
	sign := b[31] >> 7
	b[31] &= 0x7f
	slices.Reverse(b)
	y := new(big.Int).SetBytes(b)
	if y.Cmp(prime25519) >= 0 {
		return false
	}
	// x² = (y²-1) / (dy²+1), where the divisor is never zero.
	square := new(big.Int).Mul(y, y)
	under := new(big.Int).Mul(d25519, square)
	under.Add(under, big.NewInt(1)).ModInverse(under, prime25519)
	over := square.Sub(square, big.NewInt(1))
	x := new(big.Int).ModSqrt(over.Mul(over, under).Mod(over, prime25519), prime25519)
	return x != nil && (x.Sign() != 0 || sign == 0)
}

// smallOrder lists the canonical encodings of the eight points of small order of edwards25519 (RFC 7748 §6.1 is about
// their Montgomery twins; the encodings follow from RFC 8032 §5.1.2).
var smallOrder = func() [][]byte {
	encode := func(y *big.Int, sign byte) []byte {
		b := y.FillBytes(make([]byte, 32))
		slices.Reverse(b)
		b[31] |= sign << 7
		return b
	}
	minus := func(y *big.Int) *big.Int { return new(big.Int).Sub(prime25519, y) }
	one, zero := big.NewInt(1), big.NewInt(0)
	// y of the points of order 8.
	eight, _ := new(big.Int).SetString("2707385501144840649318225287225658788936804267575313519463743609750303402022", 10)
	var list [][]byte
	for _, sign := range []byte{0, 1} {
		for _, y := range []*big.Int{zero, one, minus(one), eight, minus(eight)} {
			list = append(list, encode(y, sign))
		}
	}
	return list
}()

func checkEC2(k coseKey, bad refuse) error {
	var crv int64
	var x, y []byte
	if strictCBOR.Unmarshal(k.Crv, &crv) != nil || strictCBOR.Unmarshal(k.X, &x) != nil || strictCBOR.Unmarshal(k.Y, &y) != nil {
		return bad("is no uncompressed EC2 key") // §5.8.5: compressed points are not allowed
	}
	curves := map[int64]struct { // by algorithm, each with its one curve (§5.8.5)
		crv   int64
		curve elliptic.Curve
		ecdh  ecdh.Curve
	}{
		-7:  {1, elliptic.P256(), ecdh.P256()},
		-35: {2, elliptic.P384(), ecdh.P384()},
		-36: {3, elliptic.P521(), ecdh.P521()},
	}
	c, ok := curves[k.Alg]
	if !ok || c.crv != crv {
		return bad("algorithm %d with curve %d", k.Alg, crv)
	}
	size := (c.curve.Params().BitSize + 7) / 8
	if len(x) != size || len(y) != size {
		return bad("coordinates of %d and %d bytes", len(x), len(y))
	}
	if _, err := c.ecdh.NewPublicKey(slices.Concat([]byte{4}, x, y)); err != nil {
		return bad("is not on its curve")
	}
	return nil
}

func checkRSA(k coseKey, bad refuse) error {
	var n, e []byte
	if strictCBOR.Unmarshal(k.Crv, &n) != nil || strictCBOR.Unmarshal(k.X, &e) != nil {
		return bad("is no RSA key")
	}
	modulus, exponent := new(big.Int).SetBytes(n), new(big.Int).SetBytes(e)
	if bits := modulus.BitLen(); bits < 2048 || bits > 4096 || modulus.Bit(0) == 0 {
		return bad("modulus of %d bits", bits)
	}
	if !exponent.IsInt64() || exponent.Int64() < 3 || exponent.Bit(0) == 0 || exponent.BitLen() > 32 {
		return bad("exponent is not odd and small")
	}
	return nil
}
