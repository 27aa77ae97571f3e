package webauthn

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"os"
	"slices"
	"testing"

	"staffkey/internal/ctap/softkey"
)

// mldsaVector is what PyPI dilithium-py 1.5.1 has made: a key, and signatures over a message with the empty context and with another.
type mldsaVector struct {
	Algorithm     Algorithm `json:"alg"`
	PublicKey     string
	Message       string
	Signature     string
	UnderAContext string
}

func mldsaVectors(t testing.TB) []mldsaVector {
	t.Helper()
	raw, err := os.ReadFile("testdata/mldsa.json")
	if err != nil {
		t.Fatal(err)
	}
	var list []mldsaVector
	if err := json.Unmarshal(raw, &list); err != nil || len(list) != 3 {
		t.Fatalf("%d vectors, error %v", len(list), err)
	}
	return list
}

func bytesOfText(t testing.TB, text string) []byte {
	t.Helper()
	raw, err := base64URL.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Keys and signatures of ML-DSA, as another implementation makes them; and nothing that is only nearly such.
func TestMLDSA(t *testing.T) {
	t.Parallel()
	vectors := mldsaVectors(t)
	for i, v := range vectors {
		public, message, signature := bytesOfText(t, v.PublicKey), bytesOfText(t, v.Message), bytesOfText(t, v.Signature)
		key := cose{1: 7, 3: int(v.Algorithm), -1: public}
		k, err := parseNewPublicKey(key.encode(t))
		if err != nil || k.algorithm != v.Algorithm {
			t.Fatalf("algorithm %d: %v", v.Algorithm, err)
		}
		if !k.verifies(message, signature) {
			t.Errorf("algorithm %d: a good signature does not verify", v.Algorithm)
		}
		changed, cut := bytes.Clone(signature), signature[:len(signature)-1]
		changed[100] ^= 1
		for what, wrong := range map[string]bool{
			"another message": k.verifies(append(message, 0), signature), "a changed signature": k.verifies(message, changed),
			"a signature cut short": k.verifies(message, cut), "one with a byte behind it": k.verifies(message, append(bytes.Clone(signature), 0)),
			"none": k.verifies(message, nil), "one under a context": k.verifies(message, bytesOfText(t, v.UnderAContext)),
			"another algorithm":  verifySignature(vectors[(i+1)%3].Algorithm, k.key, message, signature),
			"a key that is none": verifySignature(v.Algorithm, public, message, signature),
		} {
			if wrong {
				t.Errorf("algorithm %d: %s verifies", v.Algorithm, what)
			}
		}
		for what, test := range map[string]struct {
			key  cose
			code Code
		}{
			"cut short":            {key.but(-1, public[1:]), CodePublicKey},
			"too long":             {key.but(-1, append(bytes.Clone(public), 0)), CodePublicKey},
			"empty":                {key.but(-1, []byte{}), CodePublicKey},
			"no key":               {key.but(-1, nil), CodePublicKey},
			"a list of numbers":    {key.but(-1, numbers(public)), CodePublicKey},
			"a curve":              {key.but(-2, []byte{1}), CodePublicKey},
			"a key id":             {key.but(2, []byte("id")), CodePublicKey},
			"of another strength":  {key.but(3, int(vectors[(i+1)%3].Algorithm)), CodePublicKey},
			"with a seed":          {key.but(-3, []byte{1}), CodePublicKey},
			"key type EC2":         {key.but(1, 2), CodeKeyType},
			"no key type":          {key.but(1, nil), CodeKeyType},
			"of no algorithm's":    {key.but(3, -51), CodeAlgorithm},
			"of an elliptic curve": {key.but(3, -7), CodeKeyType},
			// As CanoKey makes it: SM2 under the number of ML-DSA-44.
			"SM2": {cose{1: 2, 3: int(v.Algorithm), -1: 9, -2: make([]byte, 32), -3: make([]byte, 32)}, CodeKeyType},
		} {
			_, err := parseNewPublicKey(test.key.encode(t))
			if codeOf(err) != test.code {
				t.Errorf("algorithm %d, %s: got error %v, want code %q", v.Algorithm, what, err, test.code)
			}
		}
	}
}

// A certificate of attestation for a key of ML-DSA (RFC 9881), which crypto/x509 leaves to us.
func TestMLDSA_in_certificates(t *testing.T) {
	t.Parallel()
	for _, v := range mldsaVectors(t) {
		public := bytesOfText(t, v.PublicKey)
		certificate := func(id asn1.ObjectIdentifier, parameters, key []byte, unused int) *x509.Certificate {
			info, err := asn1.Marshal(struct {
				Algorithm pkix.AlgorithmIdentifier
				Key       asn1.BitString
			}{pkix.AlgorithmIdentifier{Algorithm: id, Parameters: asn1.RawValue{FullBytes: parameters}}, asn1.BitString{Bytes: key, BitLength: 8*len(key) - unused}})
			if err != nil {
				t.Fatal(err)
			}
			return &x509.Certificate{RawSubjectPublicKeyInfo: info}
		}
		id := mldsaOIDs[v.Algorithm]
		if !verifySignature(v.Algorithm, certifiedKey(certificate(id, nil, public, 0)), bytesOfText(t, v.Message), bytesOfText(t, v.Signature)) {
			t.Errorf("algorithm %d: a good signature does not verify", v.Algorithm)
		}
		even := bytes.Clone(public)
		even[len(even)-1] &^= 1
		for what, c := range map[string]*x509.Certificate{
			"of another algorithm": certificate(asn1.ObjectIdentifier{1, 2, 3}, nil, public, 0), "with parameters": certificate(id, []byte{5, 0}, public, 0),
			"cut short": certificate(id, nil, public[1:], 0), "with unused bits": certificate(id, nil, even, 1), "with nothing": {},
		} {
			if k := certifiedKey(c); k != nil {
				t.Errorf("algorithm %d, certificate %s: got a key", v.Algorithm, what)
			}
		}
	}
}

// A whole ceremony by each strength, with every attestation that a key makes; and none where it was not offered.
func TestMLDSA_ceremonies(t *testing.T) {
	t.Parallel()
	for _, algorithm := range []softkey.Algorithm{softkey.MLDSA44, softkey.MLDSA65, softkey.MLDSA87} {
		for _, attestation := range []softkey.Attestation{softkey.AttestationNone, softkey.AttestationPacked, softkey.AttestationPackedSelf} {
			o := goodKey()
			o.Algorithm, o.Attestation = algorithm, attestation
			key := softkey.New(o)
			answer, err := key.Create(testOrigin, bytes.Replace(creation(t), []byte(`"pubKeyCredParams":[`), []byte(`"pubKeyCredParams":[{"type":"public-key","alg":-48},{"type":"public-key","alg":-49},{"type":"public-key","alg":-50},`), 1))
			if err != nil {
				t.Fatal(err)
			}
			parsed, err := ParseRegistration(answer)
			if err != nil {
				t.Fatal(err)
			}
			_, err = testParty.VerifyRegistration(parsed, asked)
			check(t, err, CodeAlgorithm)
			party := testParty
			party.Algorithms = append(slices.Clone(party.Algorithms), MLDSA44, MLDSA65, MLDSA87)
			r, err := party.VerifyRegistration(parsed, asked)
			if err != nil || r.Algorithm != Algorithm(algorithm) {
				t.Fatalf("algorithm %d, %s: %v", algorithm, attestation, err)
			}
			v := verified{Registration: r}
			if _, err := authenticate(get(t, key, v), v.kept()); err != nil {
				t.Errorf("algorithm %d, %s: %v", algorithm, attestation, err)
			}
		}
	}
}
