package softkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// Issuer plays the maker of keys: it has a self-signed root, an intermediate certificate under it, and issues
// attestation certificates for key models. A relying party that should accept the attestation of its keys is given
// Root as a trust anchor. It may be used from several goroutines.
type Issuer struct {
	root         *x509.Certificate
	intermediate *x509.Certificate
	signer       crypto.Signer // of the intermediate

	mu    sync.Mutex
	certs map[string]*attestationKey // by AAGUID and, for enterprise attestation, serial
}

// attestationKey is the key pair that all keys of a model share, or that one key has for itself, with the certificate
// chain without the root.
type attestationKey struct {
	signer crypto.Signer
	chain  [][]byte
}

// The certificates are valid for any plausible test, also one that sets the clock.
var (
	validFrom  = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	validUntil = time.Date(2099, 12, 31, 0, 0, 0, 0, time.UTC)
)

// The certificate extensions of WebAuthn §8.2.1 and §8.2.2.
var (
	oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4} // id-fido-gen-ce-aaguid
	oidSerial = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 2} // id-fido-gen-ce-sernum
)

const makerName = "Staffkey software keys"

var defaultIssuer = sync.OnceValues(NewIssuer)

// DefaultIssuer returns the issuer that keys without their own one share. It is generated once in the life of the
// process.
func DefaultIssuer() (*Issuer, error) { return defaultIssuer() }

// NewIssuer generates an issuer whose root nobody else trusts.
func NewIssuer() (*Issuer, error) {
	rootSigner, err := ES256.generate()
	if err != nil {
		return nil, fmt.Errorf("generate root key: %w", err)
	}
	signer, err := ES256.generate()
	if err != nil {
		return nil, fmt.Errorf("generate intermediate key: %w", err)
	}
	rootTemplate, err := authorityTemplate("Root", 1)
	if err != nil {
		return nil, err
	}
	root, err := issue(rootTemplate, rootTemplate, rootSigner.Public(), rootSigner)
	if err != nil {
		return nil, fmt.Errorf("issue root: %w", err)
	}
	intermediateTemplate, err := authorityTemplate("Intermediate", 0)
	if err != nil {
		return nil, err
	}
	intermediate, err := issue(intermediateTemplate, root, signer.Public(), rootSigner)
	if err != nil {
		return nil, fmt.Errorf("issue intermediate: %w", err)
	}
	return &Issuer{root: root, intermediate: intermediate, signer: signer, certs: make(map[string]*attestationKey)}, nil
}

// Root returns the root certificate. It is not part of the chain in an attestation statement.
func (i *Issuer) Root() *x509.Certificate { return i.root }

// attestationKey returns the attestation key of a model, or, when serial is not empty, of one key.
func (i *Issuer) attestationKey(aaguid [16]byte, serial []byte) (*attestationKey, error) {
	id := string(aaguid[:]) + string(serial)
	i.mu.Lock()
	defer i.mu.Unlock()
	if key, found := i.certs[id]; found {
		return key, nil
	}
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generate attestation key: %w", err)
	}
	template, err := attestationTemplate(aaguid, serial)
	if err != nil {
		return nil, err
	}
	leaf, err := issue(template, i.intermediate, signer.Public(), i.signer)
	if err != nil {
		return nil, fmt.Errorf("issue attestation certificate: %w", err)
	}
	key := &attestationKey{signer: signer, chain: [][]byte{leaf.Raw, i.intermediate.Raw}}
	i.certs[id] = key
	return key, nil
}

func authorityTemplate(name string, pathLength int) (*x509.Certificate, error) {
	serial, err := certificateSerial()
	if err != nil {
		return nil, err
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{Country: []string{"GB"}, Organization: []string{makerName}, CommonName: makerName + " " + name},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLen:            pathLength,
		MaxPathLenZero:        pathLength == 0,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}, nil
}

// attestationTemplate has the subject and extensions that WebAuthn §8.2.1 demands, and for enterprise attestation also
// those of §8.2.2.
func attestationTemplate(aaguid [16]byte, serial []byte) (*x509.Certificate, error) {
	number, err := certificateSerial()
	if err != nil {
		return nil, err
	}
	extensions := make([]pkix.Extension, 0, 2)
	appendOctets := func(id asn1.ObjectIdentifier, octets []byte) error {
		value, err := asn1.Marshal(octets)
		if err != nil {
			return fmt.Errorf("encode certificate extension: %w", err)
		}
		extensions = append(extensions, pkix.Extension{Id: id, Value: value})
		return nil
	}
	if err := appendOctets(oidAAGUID, aaguid[:]); err != nil {
		return nil, err
	}
	if len(serial) > 0 {
		if err := appendOctets(oidSerial, serial); err != nil {
			return nil, err
		}
	}
	return &x509.Certificate{
		SerialNumber: number,
		Subject: pkix.Name{
			Country:            []string{"GB"},
			Organization:       []string{makerName},
			OrganizationalUnit: []string{"Authenticator Attestation"},
			CommonName:         "Model " + hex.EncodeToString(aaguid[:]),
		},
		NotBefore:             validFrom,
		NotAfter:              validUntil,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtraExtensions:       extensions,
	}, nil
}

func certificateSerial() (*big.Int, error) {
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, fmt.Errorf("choose certificate serial number: %w", err)
	}
	return number.Add(number, big.NewInt(1)), nil // RFC 5280 §4.1.2.2 wants it positive
}

func issue(template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}
