package webauthn

import (
	"bytes"
	"math/big"
	"slices"
)

// The primes of the two Edwards curves and the d of their equations (RFC 8032 §5.1 and §5.2).
var (
	prime25519 = new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	d25519, _  = new(big.Int).SetString("37095705934669439343138083508754565189542113879843219016388785533085940283555", 10)
	prime448   = new(big.Int).Sub(new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 448), new(big.Int).Lsh(big.NewInt(1), 224)), big.NewInt(1))
	d448       = new(big.Int).Sub(prime448, big.NewInt(39081))
)

// isEdwards25519 decodes a point as RFC 8032 §5.1.3 does and reports whether there is one. An encoding that is not the
// canonical one is none: under it, the points of small order have names that are not in the list.
func isEdwards25519(encoded []byte) bool {
	y, sign := littleEndian(encoded)
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

// isEdwards448 does the same by RFC 8032 §5.2.3, and refuses the four points of small order: (0, ±1) and (±1, 0).
func isEdwards448(encoded []byte) bool {
	if encoded[56]&0x7f != 0 {
		return false
	}
	y, sign := littleEndian(encoded)
	if y.Cmp(prime448) >= 0 {
		return false
	}
	// x² = (y²-1) / (dy²-1), where the divisor is never zero.
	square := new(big.Int).Mul(y, y)
	under := new(big.Int).Mul(d448, square)
	under.Sub(under, big.NewInt(1)).Mod(under, prime448).ModInverse(under, prime448)
	over := square.Sub(square, big.NewInt(1))
	x := new(big.Int).ModSqrt(over.Mul(over, under).Mod(over, prime448), prime448)
	if x == nil || x.Sign() == 0 && sign == 1 {
		return false
	}
	return x.Sign() != 0 && y.Sign() != 0
}

// littleEndian returns the number that an encoding holds, and the sign in its highest bit.
func littleEndian(encoded []byte) (*big.Int, byte) {
	b := bytes.Clone(encoded)
	sign := b[len(b)-1] >> 7
	b[len(b)-1] &= 0x7f
	slices.Reverse(b)
	return new(big.Int).SetBytes(b), sign
}

// isSmallOrder reports one of the points of edwards25519 under which some signatures hold for any message.
func isSmallOrder(encoded []byte) bool {
	for _, weak := range smallOrder {
		if bytes.Equal(encoded, weak) {
			return true
		}
	}
	return false
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
