package mds

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
	"slices"
	"strings"
	"time"
)

// Both refuse what has more than one spelling.
var (
	base64URL = base64.RawURLEncoding.Strict()
	base64Std = base64.StdEncoding.Strict()
)

// token is a JWS in its compact form (RFC 7515 §7.1), taken apart but not believed.
type token struct {
	algorithm    string
	certificates []string // x5c: DER in base64
	signed       []byte   // the exact bytes that the signature is over
	payload      []byte   // base64url
	signature    []byte
}

func split(blob []byte) (token, error) {
	bad := func(format string, args ...any) (token, error) {
		return token{}, ruleForm.refuse().Because(format, args...)
	}
	header, rest, _ := bytes.Cut(blob, []byte("."))
	payload, signature, ok := bytes.Cut(rest, []byte("."))
	if !ok || len(header) == 0 || len(payload) == 0 || len(signature) == 0 {
		return bad("does not have three parts")
	}
	if len(header) > maxHeader {
		return bad("header of %d bytes", len(header))
	}
	text, err := base64URL.AppendDecode(nil, header)
	if err != nil {
		return bad("header: %v", err)
	}
	t := token{signed: blob[:len(header)+1+len(payload)], payload: payload}
	// A fourth part or anything else behind the signature is no base64url.
	if t.signature, err = base64URL.AppendDecode(nil, signature); err != nil {
		return bad("signature: %v", err)
	}
	if err := t.readHeader(text); err != nil {
		return token{}, err
	}
	return t, nil
}

// readHeader takes algorithm and certificates from the header (Service §3.1.7, RFC 7515 §4.1).
func (t *token) readHeader(text []byte) error {
	s := scanner{data: text}
	members, err := s.members(1)
	if err == nil {
		err = s.end()
	}
	if err == nil && s.repeated != "" {
		err = errors.New("names " + s.repeated + " twice")
	}
	if err != nil {
		return ruleForm.refuse().Because("header: %v", err)
	}
	// Service §3.2 step 4 would have us fetch the chain from there. Who made this BLOB is not known before the chain is, so
	// fetching would let anybody choose an address that our server connects to. The Alliance's BLOB holds its chain.
	if _, ok := members["x5u"]; ok {
		return ruleHeader.refuse().Because("x5u: certificates are not fetched from where a BLOB says")
	}
	if _, ok := members["crit"]; ok { // RFC 7515 §4.1.11: who does not know an extension refuses
		return ruleHeader.refuse().Because("crit: %.100q", members["crit"])
	}
	if err := json.Unmarshal(members["alg"], &t.algorithm); err != nil || t.algorithm == "" {
		return ruleAlgorithm.refuse().Because("header has no alg")
	}
	if err := json.Unmarshal(members["x5c"], &t.certificates); err != nil || len(t.certificates) == 0 {
		return ruleCertificates.refuse().Because("header has no x5c, a list of certificates")
	}
	if n := len(t.certificates); n > maxCertificates {
		return ruleCertificates.refuse().Because("%d certificates in x5c", n)
	}
	return nil
}

// verify checks the chain, and the signature under its first certificate (Service §3.2 steps 5 and 6).
func (t token) verify(trust Trust, now time.Time) error {
	verify, ok := algorithms[t.algorithm]
	if !ok {
		return ruleAlgorithm.refuse().Because("alg %.40q", t.algorithm)
	}
	chain := make([]*x509.Certificate, len(t.certificates))
	for i, text := range t.certificates {
		der, err := base64Std.DecodeString(text)
		if err == nil {
			chain[i], err = x509.ParseCertificate(der)
		}
		if err != nil {
			return ruleCertificates.refuse().Because("x5c %d: %v", i, err)
		}
	}
	if err := checkChain(chain, trust, now); err != nil {
		return err
	}
	return verify(chain[0].PublicKey, t.signed, t.signature)
}

// checkChain checks that the chain leads to a root, is valid at now, and that its first certificate is for signing and of the name.
func checkChain(chain []*x509.Certificate, trust Trust, now time.Time) error {
	leaf, roots, name := chain[0], trust.Roots, trust.Name
	if roots == nil {
		roots = Roots()
	}
	if name == "" {
		name = DefaultName
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	// The key usage is that of a server on the web, which the Alliance's certificate is: an authority checks a dNSName for that
	// one, and a certificate for mails or for programs does not prove the name.
	paths, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ruleExpired.refuse().Because("%v", err)
	case err != nil:
		return ruleChain.refuse().Because("%v", err)
	case !slices.ContainsFunc(paths, trust.holds):
		return ruleRevoked.refuse().Because("%s", leaf.Subject)
	case leaf.IsCA:
		return ruleChain.refuse().Because("the certificate of an authority itself")
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return ruleChain.refuse().Because("a certificate that is not for signing")
	case !slices.ContainsFunc(leaf.DNSNames, func(n string) bool { return strings.EqualFold(n, name) }):
		return ruleName.refuse("Name", name).Because("certificate of %.200q", leaf.DNSNames)
	}
	return nil
}

// algorithms are the ways of signing that we accept, by their names in RFC 7518 §3.1. One that needs no certificate's key, such as
// HS256 or none, can never be in here.
var algorithms = map[string]func(key any, signed, signature []byte) error{
	"RS256": verifyRSA(rsa.VerifyPKCS1v15),
	"PS256": verifyRSA(func(key *rsa.PublicKey, hash crypto.Hash, sum, signature []byte) error {
		return rsa.VerifyPSS(key, hash, sum, signature, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash})
	}),
	"ES256": verifyES256,
}

func verifyRSA(verify func(*rsa.PublicKey, crypto.Hash, []byte, []byte) error) func(any, []byte, []byte) error {
	return func(public any, signed, signature []byte) error {
		key, ok := public.(*rsa.PublicKey)
		if !ok || key.N.BitLen() < 2048 { // RFC 7518 §3.3
			return ruleAlgorithm.refuse().Because("the key is no RSA key of 2048 bits or more")
		}
		sum := sha256.Sum256(signed)
		if err := verify(key, crypto.SHA256, sum[:], signature); err != nil {
			return ruleSignature.refuse().Because("%v", err)
		}
		return nil
	}
}

func verifyES256(public any, signed, signature []byte) error {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() { // RFC 7518 §3.4
		return ruleAlgorithm.refuse().Because("the key is no key of P-256")
	}
	sum := sha256.Sum256(signed)
	if len(signature) != 64 || !ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return ruleSignature.refuse().Because("ES256 signature of %d bytes does not verify", len(signature))
	}
	return nil
}

// holds reports whether no certificate of a path is on a list that the next one in it has signed (RFC 5280 §5).
func (t Trust) holds(path []*x509.Certificate) bool {
	for i, c := range path[:len(path)-1] {
		for _, list := range t.Revoked {
			if !bytes.Equal(list.RawIssuer, c.RawIssuer) || list.CheckSignatureFrom(path[i+1]) != nil {
				continue
			}
			if slices.ContainsFunc(list.RevokedCertificateEntries, func(r x509.RevocationListEntry) bool { return r.SerialNumber.Cmp(c.SerialNumber) == 0 }) {
				return false
			}
		}
	}
	return true
}
