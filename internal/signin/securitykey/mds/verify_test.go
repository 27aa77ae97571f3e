package mds

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin/securitykey/mds/mdstest"

	"github.com/google/go-cmp/cmp"
)

var (
	now  = time.Date(2026, 11, 23, 7, 12, 0, 0, time.UTC)
	next = time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
)

const (
	aaguidA = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
	aaguidB = "ee882879-721c-4913-9775-3dfcce97072a"
	u2fKey  = "1434d2f277fe479c35ddf6aa4d08a07cbce99dd7"
)

func trusting(i *mdstest.Issuer) Trust { return Trust{Roots: i.Roots()} }

// refusedBy fails the test unless err is the refusal by a rule.
func refusedBy(t *testing.T, err error, want rule) {
	t.Helper()
	var got *staffkey.Refusal
	if !errors.As(err, &got) {
		t.Fatalf("got error %v, want a refusal by %s", err, want)
	}
	if got.Rule != string(want) || got.Message.ID != strings.Replace(string(want), "_", ".", 1) || got.Reason == "" {
		t.Errorf("got rule %s, message %s, reason %q, want rule %s with its message and a reason", got.Rule, got.Message.ID, got.Reason, want)
	}
}

func TestVerify(t *testing.T) {
	t.Parallel()
	i := mdstest.New(t, now)
	blob := i.BLOB(t, 7, next, mdstest.Model{AAGUID: aaguidA, Description: "A key"})
	for name, b := range map[string][]byte{"as it is": blob, "saved by an editor": append(bytes.Clone(blob), "\r\n"...)} {
		p, err := Verify(b, trusting(i), now, 6)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if p.No != 7 || !p.NextUpdate.Equal(next) || p.LegalHeader != "For tests only." || p.Known || p.Len() != 1 || len(p.Skipped) != 0 {
			t.Errorf("%s: got %+v", name, p)
		}
	}
	t.Run("the same number again is told", func(t *testing.T) {
		t.Parallel()
		p, err := Verify(blob, trusting(i), now, 7)
		if err != nil || !p.Known {
			t.Errorf("got known %v, error %v, want the same BLOB told as such", p != nil && p.Known, err)
		}
	})
	t.Run("a next update that is long due is accepted and shown", func(t *testing.T) {
		t.Parallel()
		due := now.AddDate(0, -11, 0)
		p, err := Verify(i.BLOB(t, 7, due), trusting(i), now, 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := due.Truncate(24 * time.Hour); !p.NextUpdate.Equal(want) {
			t.Errorf("got next update %v, want %v", p.NextUpdate, want)
		}
	})
	t.Run("the name is the caller's to choose", func(t *testing.T) {
		t.Parallel()
		other := i.WithCertificate(t, func(c *x509.Certificate) { c.DNSNames = []string{"mirror.example", "mds.example"} })
		trust := trusting(i)
		trust.Name = "MDS.example"
		if _, err := Verify(other.BLOB(t, 1, next), trust, now, 0); err != nil {
			t.Error(err)
		}
	})
}

func TestVerify_RSA(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, algorithm string
		key             *rsa.PrivateKey
		options         crypto.SignerOpts
		want            rule
	}{
		{"PKCS 1", "RS256", key, crypto.SHA256, ""},
		{"PSS", "PS256", key, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, ""},
		{"PSS called PKCS 1", "RS256", key, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}, ruleSignature},
		{"PKCS 1 called PSS", "PS256", key, crypto.SHA256, ruleSignature},
		{"a key of another kind", "ES256", key, crypto.SHA256, ruleAlgorithm},
		{"a weak key", "RS256", small, crypto.SHA256, ruleAlgorithm},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			i := mdstest.New(t, now).WithLeaf(t, test.algorithm, test.key, func(signed []byte) ([]byte, error) {
				sum := sha256.Sum256(signed)
				return test.key.Sign(rand.Reader, sum[:], test.options)
			}, func(*x509.Certificate) {})
			_, err := Verify(i.BLOB(t, 1, next), trusting(i), now, 0)
			if test.want == "" && err != nil {
				t.Error(err)
			}
			if test.want != "" {
				refusedBy(t, err, test.want)
			}
		})
	}
}

func TestVerify_refuses_certificates(t *testing.T) {
	t.Parallel()
	i := mdstest.New(t, now)
	with := i.WithCertificate
	for name, test := range map[string]struct {
		issuer *mdstest.Issuer
		want   rule
	}{
		"of another root":       {mdstest.New(t, now), ruleChain},
		"that has expired":      {with(t, func(c *x509.Certificate) { c.NotAfter = now.Add(-time.Second) }), ruleExpired},
		"that is not valid yet": {with(t, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Second) }), ruleExpired},
		"of another name":       {with(t, func(c *x509.Certificate) { c.DNSNames = []string{"mds.fidoalliance.org.example"} }), ruleName},
		"of no name":            {with(t, func(c *x509.Certificate) { c.DNSNames = nil }), ruleName},
		"of all names below":    {with(t, func(c *x509.Certificate) { c.DNSNames = []string{"*.fidoalliance.org"} }), ruleName},
		"not for signing":       {with(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), ruleChain},
		"for mails":             {with(t, func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageEmailProtection} }), ruleChain},
		"of an authority": {with(t, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid = true, true
			c.KeyUsage |= x509.KeyUsageCertSign
		}), ruleChain},
		"with an unknown critical one": {with(t, func(c *x509.Certificate) { c.ExtraExtensions = append(c.ExtraExtensions, unknownCritical) }), ruleChain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(test.issuer.BLOB(t, 1, next), trusting(i), now, 0)
			refusedBy(t, err, test.want)
		})
	}
	t.Run("of a test, when nobody said to trust it", func(t *testing.T) {
		t.Parallel()
		_, err := Verify(i.BLOB(t, 1, next), Trust{}, now, 0)
		refusedBy(t, err, ruleChain)
	})
}

func TestVerify_refuses_headers(t *testing.T) {
	t.Parallel()
	i := mdstest.New(t, now)
	payload := []byte(`{"no":1,"nextUpdate":"2026-12-01","entries":[]}`)
	der, _ := pem.Decode(i.RootPEM())
	root := base64.StdEncoding.EncodeToString(der.Bytes)
	for name, test := range map[string]struct {
		header map[string]any
		want   rule
	}{
		"alg none":               {map[string]any{"alg": "none"}, ruleAlgorithm},
		"alg HS256":              {map[string]any{"alg": "HS256"}, ruleAlgorithm},
		"alg in other letters":   {map[string]any{"alg": "es256"}, ruleAlgorithm},
		"alg of another kind":    {map[string]any{"alg": "RS256"}, ruleAlgorithm},
		"no alg":                 {map[string]any{"alg": nil}, ruleAlgorithm},
		"alg is a number":        {map[string]any{"alg": 7}, ruleAlgorithm},
		"x5u":                    {map[string]any{"x5u": "https://mds.fidoalliance.org/chain"}, ruleHeader},
		"crit":                   {map[string]any{"crit": []string{"b64"}, "b64": false}, ruleHeader},
		"no x5c":                 {map[string]any{"x5c": nil}, ruleCertificates},
		"x5c without any":        {map[string]any{"x5c": []string{}}, ruleCertificates},
		"x5c of nine":            {map[string]any{"x5c": []string{root, root, root, root, root, root, root, root, root}}, ruleCertificates},
		"x5c is a string":        {map[string]any{"x5c": root}, ruleCertificates},
		"x5c is no base64":       {map[string]any{"x5c": []string{"!"}}, ruleCertificates},
		"x5c is no certificate":  {map[string]any{"x5c": []string{"AAAA"}}, ruleCertificates},
		"x5c is the root itself": {map[string]any{"x5c": []string{root}}, ruleChain},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(i.Sign(t, test.header, payload), trusting(i), now, 0)
			refusedBy(t, err, test.want)
		})
	}
	for name, header := range map[string]string{
		"a member twice":           `{"alg":"none","alg":"ES256","x5c":["AAAA"]}`,
		"a member twice, in other": `{"alg":"none","\u0041LG":"ES256","x5c":["AAAA"]}`,
		"no object":                `["ES256"]`,
		"something behind":         `{"alg":"ES256"}{}`,
		"no JSON":                  `{"alg":`,
		"nested too deeply":        strings.Repeat(`{"a":`, 40) + "1" + strings.Repeat("}", 40),
		"huge":                     `{"a":"` + strings.Repeat("a", maxHeader) + `"}`,
	} {
		t.Run("header with "+name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(i.SignHeader(t, []byte(header), payload), trusting(i), now, 0)
			refusedBy(t, err, ruleForm)
		})
	}
	t.Run("HS256 under the public key", func(t *testing.T) {
		t.Parallel()
		b64 := base64.RawURLEncoding.EncodeToString
		signed := b64([]byte(`{"alg":"HS256","x5c":["`+root+`"]}`)) + "." + b64(payload)
		mac := hmac.New(sha256.New, der.Bytes)
		mac.Write([]byte(signed))
		_, err := Verify([]byte(signed+"."+b64(mac.Sum(nil))), trusting(i), now, 0)
		refusedBy(t, err, ruleAlgorithm)
	})
}

func TestVerify_refuses_what_was_changed(t *testing.T) {
	t.Parallel()
	i := mdstest.New(t, now)
	blob := i.BLOB(t, 7, next, mdstest.Model{AAGUID: aaguidA, Reports: []mdstest.Report{{Status: "REVOKED"}}})
	part := strings.Split(string(blob), ".")
	join := func(parts ...string) []byte { return []byte(strings.Join(parts, ".")) }
	tampered := func(part, from, to string) string {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !strings.Contains(string(text), from) {
			t.Fatalf("%s has no %q (error %v)", text, from, err)
		}
		return base64.RawURLEncoding.EncodeToString([]byte(strings.Replace(string(text), from, to, 1)))
	}
	signature, err := base64.RawURLEncoding.DecodeString(part[2])
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(join(part[0], part[1]))
	der, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		blob []byte
		want rule
	}{
		"payload":                      {join(part[0], tampered(part[1], "REVOKED", "RETIRED"), part[2]), ruleSignature},
		"header":                       {join(tampered(part[0], "JWT", "JWX"), part[1], part[2]), ruleSignature},
		"signature":                    {join(part[0], part[1], base64.RawURLEncoding.EncodeToString(append([]byte{signature[0] ^ 1}, signature[1:]...))), ruleSignature},
		"signature of zeros":           {join(part[0], part[1], base64.RawURLEncoding.EncodeToString(make([]byte, 64))), ruleSignature},
		"signature in another form":    {join(part[0], part[1], base64.RawURLEncoding.EncodeToString(der)), ruleSignature},
		"signature taken away":         {join(part[0], part[1], ""), ruleForm},
		"two parts":                    {join(part[0], part[1]), ruleForm},
		"a fourth part":                {join(part[0], part[1], part[2], part[2]), ruleForm},
		"trailing data":                {append(bytes.Clone(blob), " {}"...), ruleForm},
		"padding":                      {append(bytes.Clone(blob), "=="...), ruleForm},
		"another spelling of the last": {append(bytes.Clone(blob[:len(blob)-1]), sibling(blob[len(blob)-1])), ruleForm},
		"line break inside":            {join(part[0], part[1][:9]+"\n"+part[1][9:], part[2]), ruleForm},
		"truncated":                    {blob[:len(blob)/2], ruleForm},
		"truncated signature":          {blob[:len(blob)-2], ruleSignature},
		"empty":                        {nil, ruleForm},
		"garbage":                      {bytes.Repeat([]byte{0xff, '.'}, 99), ruleForm},
		"a page instead":               {[]byte("<!doctype html><title>503</title>"), ruleForm},
		"huge":                         {bytes.Repeat([]byte("A"), MaxSize+1), ruleSize},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(test.blob, trusting(i), now, 0)
			refusedBy(t, err, test.want)
		})
	}
}

// sibling returns the letter of base64url that differs in the lowest bit, which is spare in the last letter of 64 bytes.
func sibling(letter byte) byte {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return letters[strings.IndexByte(letters, letter)^1]
}

func TestVerify_refuses_an_older_one(t *testing.T) {
	t.Parallel()
	i := mdstest.New(t, now)
	_, err := Verify(i.BLOB(t, 7, next), trusting(i), now, 8)
	refusedBy(t, err, ruleRollback)
	var refusal *staffkey.Refusal
	errors.As(err, &refusal)
	if diff := cmp.Diff(map[string]any{"No": 7, "Previous": 8}, refusal.Message.Args); diff != "" {
		t.Errorf("values of the message (-want +got):\n%s", diff)
	}
}

func TestVerify_refuses_content(t *testing.T) {
	t.Parallel()
	i := mdstest.New(t, now)
	for name, payload := range map[string]string{
		"no JSON":                `{"no":1,"nextUpdate":"2026-12-01","entries":[}`,
		"ends in the middle":     `{"no":1,"nextUpdate":"2026-12-01","entries":[{"aaguid":"` + aaguidA,
		"something behind":       `{"no":1,"nextUpdate":"2026-12-01","entries":[]}{}`,
		"a list":                 `[]`,
		"no entries":             `{"no":1,"nextUpdate":"2026-12-01"}`,
		"entries is an object":   `{"no":1,"nextUpdate":"2026-12-01","entries":{}}`,
		"no number":              `{"nextUpdate":"2026-12-01","entries":[]}`,
		"number zero":            `{"no":0,"nextUpdate":"2026-12-01","entries":[]}`,
		"number negative":        `{"no":-1,"nextUpdate":"2026-12-01","entries":[]}`,
		"number is text":         `{"no":"1","nextUpdate":"2026-12-01","entries":[]}`,
		"number has a fraction":  `{"no":1.5,"nextUpdate":"2026-12-01","entries":[]}`,
		"number too large":       `{"no":99999999999999999999,"nextUpdate":"2026-12-01","entries":[]}`,
		"two numbers":            `{"no":1,"nextUpdate":"2026-12-01","entries":[],"no":9}`,
		"two numbers, hidden":    `{"no":1,"nextUpdate":"2026-12-01","entries":[],"\u006e\u006F":9}`,
		"two lists":              `{"no":1,"nextUpdate":"2026-12-01","entries":[],"entries":[]}`,
		"no next update":         `{"no":1,"entries":[]}`,
		"next update is no date": `{"no":1,"nextUpdate":"1 December","entries":[]}`,
		"next update is a time":  `{"no":1,"nextUpdate":"2026-12-01T00:00:00Z","entries":[]}`,
		"next update is a list":  `{"no":1,"nextUpdate":[],"entries":[]}`,
		"legal header a number":  `{"no":1,"nextUpdate":"2026-12-01","legalHeader":7,"entries":[]}`,
		"nested too deeply":      `{"no":1,"nextUpdate":"2026-12-01","entries":[` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `]}`,
		"too many members":       `{"no":1,"nextUpdate":"2026-12-01","entries":[{` + manyMembers(maxMembers+1) + `}]}`,
		"too many entries":       `{"no":1,"nextUpdate":"2026-12-01","entries":[` + strings.Repeat("{},", MaxEntries) + `{}]}`,
		"no UTF-8":               "{\"no\":1,\"nextUpdate\":\"2026-12-01\",\"legalHeader\":\"\xff\",\"entries\":[]}",
		"empty":                  ` `,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Verify(i.Sign(t, nil, []byte(payload)), trusting(i), now, 0)
			refusedBy(t, err, rulePayload)
		})
	}
	t.Run("unless members are unknown", func(t *testing.T) {
		t.Parallel()
		payload := ` { "no" : 1, "nextUpdate" : "2026-12-01", "entries" : [ ], "new" : {"a": [1e3, -0.5, true, false, null, "\u00e9\n"]} } `
		if _, err := Verify(i.Sign(t, nil, []byte(payload)), trusting(i), now, 0); err != nil {
			t.Error(err)
		}
	})
}

// unknownCritical is an extension that must be understood (RFC 5280 §4.2), by nobody.
var unknownCritical = pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Critical: true, Value: []byte{5, 0}}

func manyMembers(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`"m%d":1`, i))
	}
	return strings.Join(list, ",")
}

// What the authority publishes of its roots.
func TestRoots_are_those_of_GlobalSign(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"roots/globalsign-root-r46.pem": "4fa3126d8d3a11d1c4855a4f807cbad6cf919d3a5a88b03bea2c6372d93c40c9",
		"roots/globalsign-root-r3.pem":  "cbb522d7b7f127ad6a0113865bdf1cd4102e7d0759af635a7cf4720dc963c53b",
	}
	pool, got := x509.NewCertPool(), map[string]string{}
	for name := range want {
		text, err := rootFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		block, rest := pem.Decode(text)
		if block == nil || len(bytes.TrimSpace(rest)) != 0 {
			t.Fatalf("%s is not one certificate", name)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		pool.AddCert(c)
		sum := sha256.Sum256(c.Raw)
		got[name] = hex.EncodeToString(sum[:])
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
	if !Roots().Equal(pool) {
		t.Error("the pool does not hold these two, and them alone")
	}
}

// Service §3.2 steps 4 and 5: what an authority has revoked is not believed, and only its own list says so.
func TestVerify_revoked(t *testing.T) {
	t.Parallel()
	root := mdstest.New(t, now)
	issuer, authority := root.Under(t)
	blob := issuer.BLOB(t, 1, now)
	stranger, _ := mdstest.New(t, now).Under(t)
	for name, test := range map[string]struct {
		lists []*x509.RevocationList
		want  rule
	}{
		"no list":                       {nil, ""},
		"empty lists":                   {[]*x509.RevocationList{root.Revoke(t), issuer.Revoke(t)}, ""},
		"the authority":                 {[]*x509.RevocationList{root.Revoke(t, authority)}, ruleRevoked},
		"the leaf":                      {[]*x509.RevocationList{root.Revoke(t), issuer.Revoke(t, issuer.Certificate())}, ruleRevoked},
		"the leaf, by who did not sign": {[]*x509.RevocationList{root.Revoke(t, issuer.Certificate())}, ""},
		"by a stranger of that name":    {[]*x509.RevocationList{stranger.Revoke(t, issuer.Certificate())}, ""},
	} {
		_, err := Verify(blob, Trust{Roots: root.Roots(), Revoked: test.lists}, now, 0)
		var refusal *staffkey.Refusal
		got := rule("")
		if errors.As(err, &refusal) {
			got = rule(refusal.Rule)
		}
		if got != test.want || (err == nil) != (test.want == "") {
			t.Errorf("%s: got error %v, want rule %q", name, err, test.want)
		}
	}
}
