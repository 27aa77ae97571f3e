package main

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	certificateNow = time.Date(2026, 11, 29, 7, 0, 0, 0, time.UTC)
	serials        atomic.Int64
)

// testCertificate is a certificate of the tests, and its key.
type testCertificate struct {
	*x509.Certificate
	key crypto.Signer
}

// issue makes a certificate for names, signed by another one, or by itself when by is nil; change has the last word.
func issue(t *testing.T, by *testCertificate, change func(*x509.Certificate), names ...string) *testCertificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: strings.Join(names, " ")}, DNSNames: names,
		NotBefore: certificateNow.AddDate(0, -1, 0), NotAfter: certificateNow.AddDate(0, 1, 0), BasicConstraintsValid: true,
	}
	if change != nil {
		change(template)
	}
	parent, signer := template, crypto.Signer(key)
	if by != nil {
		parent, signer = by.Certificate, by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &testCertificate{c, key}
}

func authority(c *x509.Certificate) { c.IsCA, c.KeyUsage = true, x509.KeyUsageCertSign }

func (c *testCertificate) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

func (c *testCertificate) keyDER(t *testing.T) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(c.key)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

func (c *testCertificate) keyPEM(t *testing.T) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: c.keyDER(t)})
}

// pairIn writes the two files into a folder.
func pairIn(t *testing.T, dir string, cert, key []byte) (certFile, keyFile string) {
	t.Helper()
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for name, text := range map[string][]byte{certFile: cert, keyFile: key} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

func utf16le(text []byte) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(string(text))) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

// What people give in place of a pair is named, with what to type; doctor and serve say the same, and serve says it before all else.
func TestCertificate_files(t *testing.T) {
	t.Parallel()
	root := issue(t, nil, authority, "root")
	middle := issue(t, root, authority, "middle")
	own := issue(t, middle, nil, "signin.example")
	other := issue(t, middle, nil, "other.example")
	at := func(from, to time.Time) func(*x509.Certificate) {
		return func(c *x509.Certificate) { c.NotBefore, c.NotAfter = from, to }
	}
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("sealed")})
	legacy := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Headers: map[string]string{"Proc-Type": "4,ENCRYPTED", "DEK-Info": "AES-128-CBC,00"}, Bytes: []byte("sealed")})
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	ended := issue(t, middle, at(certificateNow.AddDate(0, -3, 0), certificateNow.AddDate(0, 0, -1)), "signin.example")
	early := issue(t, middle, at(certificateNow.AddDate(0, 0, 1), certificateNow.AddDate(0, 3, 0)), "signin.example")
	soon := issue(t, middle, at(certificateNow.AddDate(0, -3, 0), certificateNow.AddDate(0, 0, 6)), "signin.example")
	nameless := issue(t, middle, func(c *x509.Certificate) { c.DNSNames = nil }, "signin.example")
	oldMiddle := issue(t, root, func(c *x509.Certificate) { authority(c); c.NotAfter = certificateNow.AddDate(0, 0, -1) }, "middle")
	underOld := issue(t, oldMiddle, nil, "signin.example")
	for name, test := range map[string]struct {
		cert, key []byte
		want      string // of the cause; "" is good
		usable    bool   // serve begins with it
	}{
		"good":                         {join(own.pem(), middle.pem()), own.keyPEM(t), "", true},
		"with the root":                {join(own.pem(), middle.pem(), root.pem()), own.keyPEM(t), "", true},
		"both in one file":             {join(own.pem(), middle.pem(), own.keyPEM(t)), join(own.pem(), middle.pem(), own.keyPEM(t)), "", true},
		"with a byte order mark":       {join([]byte("\xef\xbb\xbf"), own.pem(), middle.pem()), join([]byte("\xef\xbb\xbf"), own.keyPEM(t)), "", true},
		"words before, as openssl has": {join([]byte("subject=CN = signin.example\n"), own.pem(), middle.pem()), own.keyPEM(t), "", true},
		"Windows line ends":            {bytes.ReplaceAll(join(own.pem(), middle.pem()), []byte("\n"), []byte("\r\n")), bytes.ReplaceAll(own.keyPEM(t), []byte("\n"), []byte("\r\n")), "", true},
		"for another host":             {join(other.pem(), middle.pem()), other.keyPEM(t), "is not for signin.example: it is for other.example", true},
		"with a name in the subject":   {join(nameless.pem(), middle.pem()), nameless.keyPEM(t), "subjectAltName", true},
		"ended":                        {join(ended.pem(), middle.pem()), ended.keyPEM(t), "has ended on 28 November 2026", true},
		"not yet":                      {join(early.pem(), middle.pem()), early.keyPEM(t), "not good before 30 November 2026", true},
		"ends soon":                    {join(soon.pem(), middle.pem()), soon.keyPEM(t), "ends on 5 December 2026", true},
		"its issuer ended":             {join(underOld.pem(), oldMiddle.pem()), underOld.keyPEM(t), "certificate 2 in", true},
		"out of order":                 {join(own.pem(), root.pem(), middle.pem()), own.keyPEM(t), "certificate 2 in", true},
		"another chain":                {join(own.pem(), issue(t, nil, authority, "x").pem()), own.keyPEM(t), "has not signed", true},
		"the issuer first":             {join(middle.pem(), own.pem()), own.keyPEM(t), "that of the key is number 2", false},
		"the key of another":           {join(own.pem(), middle.pem()), other.keyPEM(t), "is not that of the certificate", false},
		"an encrypted key":             {own.pem(), encrypted, "is encrypted", false},
		"an encrypted key, as before":  {own.pem(), legacy, "is encrypted", false},
		"exchanged":                    {own.keyPEM(t), own.pem(), "holds a key and no certificate", false},
		"the certificate twice":        {own.pem(), own.pem(), "holds no private key", false},
		"DER":                          {own.Raw, own.keyPEM(t), "is a certificate in DER", false},
		"a key in DER":                 {own.pem(), own.keyDER(t), "is a key in DER", false},
		"PKCS #12":                     {[]byte("\x30\x82\x04\x00\x02\x01\x03\x30"), own.keyPEM(t), "PKCS #12", false},
		"UTF-16":                       {utf16le(own.pem()), own.keyPEM(t), "UTF-16", false},
		"empty":                        {nil, own.keyPEM(t), "is empty", false},
		"white space":                  {own.pem(), []byte(" \n"), "is empty", false},
		"something else":               {[]byte("Dear Amara"), own.keyPEM(t), "is no PEM", false},
		"cut":                          {own.pem()[:len(own.pem())-40], own.keyPEM(t), "is no PEM", false},
		"a broken certificate":         {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), own.keyPEM(t), "certificate 1 in", false},
		"a request":                    {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: []byte("x")}), own.keyPEM(t), "holds no certificate", false},
		"a key of nonsense":            {own.pem(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")}), "cannot be read as a private key", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var cfg serverConfig
			cfg.TLSCert, cfg.TLSKey = pairIn(t, t.TempDir(), test.cert, test.key)
			err := cfg.certificate("signin.example", certificateNow)
			var p *problem
			if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &p) || !strings.Contains(p.cause, test.want) || p.fix == "") {
				t.Errorf("got %v, want %q", err, test.want)
			}
			if _, err := openCertificate(cfg.TLSCert, cfg.TLSKey, "signin.example", func() time.Time { return certificateNow }, slog.New(slog.DiscardHandler)); (err == nil) != test.usable {
				t.Errorf("serve: %v, want it to begin: %t", err, test.usable)
			}
		})
	}
}

// A renewed pair is used within a minute, and at once when it is asked for; one that is not fit is not, and is told once.
func TestCertificate_renewed(t *testing.T) {
	t.Parallel()
	now := certificateNow
	var log bytes.Buffer
	first, second := issue(t, nil, nil, "signin.example"), issue(t, nil, nil, "signin.example")
	dir := t.TempDir()
	certFile, keyFile := pairIn(t, dir, first.pem(), first.keyPEM(t))
	live, err := openCertificate(certFile, keyFile, "signin.example", func() time.Time { return now }, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewRegistry()
	live.observe(registry)
	shows := func(want *testCertificate) {
		t.Helper()
		pair, err := live.get(nil)
		if err != nil || !pair.Leaf.Equal(want.Certificate) {
			t.Errorf("shown: %v, %v, want number %v; log: %s", pair.Leaf.SerialNumber, err, want.SerialNumber, &log)
		}
	}
	said := func(text string, times int) {
		t.Helper()
		if n := strings.Count(log.String(), text); n != times {
			t.Errorf("%q was said %d times, want %d: %s", text, n, times, &log)
		}
	}
	write := func(cert, key []byte) { t.Helper(); pairIn(t, dir, cert, key) }
	minute := func() { now = now.Add(61 * time.Second) }

	write(second.pem(), first.keyPEM(t)) // half of it
	shows(first)
	minute()
	shows(first)
	said("is not that of the certificate", 1)
	minute()
	shows(first)
	said("is not that of the certificate", 1)
	write(second.pem(), second.keyPEM(t))
	shows(first) // not before the minute is over
	minute()
	shows(second)
	said("new certificate", 1+1) // with the one that says that it is not used

	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	minute()
	shows(second)
	said("key.pem cannot be read", 1)
	worse := issue(t, nil, nil, "other.example")
	write(worse.pem(), worse.keyPEM(t))
	minute()
	shows(second)
	said("is not for signin.example", 1)
	later := issue(t, nil, func(c *x509.Certificate) { c.NotAfter = certificateNow.AddDate(0, 3, 0) }, "signin.example")
	write(later.pem(), later.keyPEM(t))
	live.look() // asked for
	shows(later)
	metrics, err := registry.Gather()
	if err != nil || len(metrics) != 1 || metrics[0].GetMetric()[0].GetGauge().GetValue() != float64(later.NotAfter.Unix()) {
		t.Errorf("metrics %v, %v, want %d", metrics, err, later.NotAfter.Unix())
	}
	now = certificateNow.AddDate(1, 0, 0) // all have ended: then any that can be used is as good
	write(worse.pem(), worse.keyPEM(t))
	shows(worse)
}

// A pair that cannot be used is told before anything else, and nothing is made.
func TestServe_looks_at_its_certificate_first(t *testing.T) {
	t.Parallel()
	data := filepath.Join(t.TempDir(), "data")
	for _, command := range []string{"serve", "doctor"} {
		out, code := capture(t, command, "--address", "https://signin.example", "--listen", "localhost:0", "--data", data,
			"--tls-cert", filepath.Join(data, "no.pem"), "--tls-key", filepath.Join(data, "no.key"))
		if code == 0 || !strings.Contains(out, "no.pem cannot be read: no such file") || strings.Contains(out, "setup?t=") || strings.Contains(out, "listening") {
			t.Errorf("%s: %d %q", command, code, out)
		}
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("a data folder was made")
	}
	out, code := capture(t, "doctor", "--address", "http://localhost:8080", "--listen", "localhost:0", "--data", data)
	if strings.Contains(out, "  certificate") {
		t.Errorf("doctor without TLS speaks of a certificate: %d %s", code, out)
	}
}

func TestServe_shows_its_certificate(t *testing.T) {
	t.Parallel()
	var cfg serverConfig
	own := issue(t, nil, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	}, "localhost")
	cfg.TLSCert, cfg.TLSKey = pairIn(t, t.TempDir(), own.pem(), own.keyPEM(t))
	port := freePort(t)
	_, stop := start(t, "serve", "--address", "https://localhost:"+port, "--listen", "localhost:"+port, "--data", t.TempDir(), "--tls-cert", cfg.TLSCert, "--tls-key", cfg.TLSKey)
	pool := x509.NewCertPool()
	pool.AddCert(own.Certificate)
	conn, err := tls.Dial("tcp", net.JoinHostPort("localhost", port), &tls.Config{RootCAs: pool, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := conn.ConnectionState().NegotiatedProtocol; got != "h2" {
		t.Errorf("protocol %q, want h2", got)
	}
	if err := conn.Close(); err != nil {
		t.Error(err)
	}
	if code, log := stop(); code != 0 {
		t.Errorf("stopped with %d: %s", code, log)
	}
}
