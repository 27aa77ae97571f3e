package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// certificateSoon is how long before its end doctor tells of a certificate: half of what the shortest usual ones have left when they are
// renewed.
const certificateSoon = 7 * 24 * time.Hour

// readPair reads the two files of TLS as the server uses them. The error says which file is wrong, in what way, and what to type: what openssl
// and others write in place of PEM, files that were exchanged, a key that asks for a password, a chain that begins with another certificate.
func readPair(certFile, keyFile string) (*tls.Certificate, error) {
	certs, err := readPEM(certFile)
	if err != nil {
		return nil, err
	}
	keys, err := readPEM(keyFile)
	if err != nil {
		return nil, err
	}
	unfit := func(cause, fix string, err error) (*tls.Certificate, error) {
		return nil, &problem{cause: cause, fix: fix, err: err}
	}
	chain, other := split(certs)
	_, own := split(keys)
	switch {
	case len(chain) == 0 && len(other) > 0 && len(own) == 0:
		return unfit(certFile+" holds a key and no certificate", "Exchange --tls-cert and --tls-key: the certificate chain belongs to the first.", nil)
	case len(chain) == 0:
		return unfit(certFile+" holds no certificate", "Give the certificate chain in PEM: it begins with -----BEGIN CERTIFICATE-----.", nil)
	case len(own) == 0:
		return unfit(keyFile+" holds no private key", "Give the key in PEM: it begins with -----BEGIN PRIVATE KEY-----, or EC or RSA before PRIVATE.", nil)
	}
	for _, k := range own {
		if k.Type == "ENCRYPTED PRIVATE KEY" || strings.Contains(k.Headers["Proc-Type"], "ENCRYPTED") {
			return unfit(keyFile+" is encrypted, and nobody is there to type its password", "Decrypt it into a file that only the server may read: umask 077; openssl pkey -in "+keyFile+" -out KEY.pem", nil)
		}
	}
	var parsed []*x509.Certificate
	for n, block := range chain {
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return unfit(fmt.Sprintf("certificate %d in %s cannot be read: %v", n+1, certFile, err), "Get the file again from whoever issued it.", err)
		}
		parsed = append(parsed, c)
	}
	pair, err := tls.X509KeyPair(certs, keys)
	if err == nil {
		pair.Leaf = parsed[0]
		return &pair, nil
	}
	// The pair does not match: perhaps another of the chain does.
	for n, c := range parsed[1:] {
		if _, err := tls.X509KeyPair(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}), keys); err == nil {
			return unfit(fmt.Sprintf("%s begins with another certificate: that of the key is number %d", certFile, n+2), "Put the server's own certificate first, and then each that signed the one before.", err)
		}
	}
	if strings.Contains(err.Error(), "private key does not match") || strings.Contains(err.Error(), "private key type does not match") {
		return unfit("the key in "+keyFile+" is not that of the certificate in "+certFile, "Give the two that belong together; after a renewal, both are new.", err)
	}
	return unfit(keyFile+" cannot be read as a private key: "+lastCause(err), "Give an RSA, ECDSA or Ed25519 key in PEM.", err)
}

// readPEM reads a file of PEM blocks, without the mark that some editors put at its beginning.
func readPEM(name string) ([]byte, error) {
	raw, err := os.ReadFile(name)
	if err != nil {
		return nil, &problem{cause: name + " cannot be read: " + reason(err), fix: "Check --tls-cert and --tls-key, and who may read them.", err: err}
	}
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if block, _ := pem.Decode(raw); block != nil {
		return raw, nil
	}
	unfit := func(what, fix string) ([]byte, error) {
		return nil, &problem{cause: name + " " + what, fix: fix}
	}
	switch {
	case len(bytes.TrimSpace(raw)) == 0:
		return unfit("is empty", "Get the file again from whoever issued it.")
	case bytes.HasPrefix(raw, []byte{0xff, 0xfe}), bytes.HasPrefix(raw, []byte{0xfe, 0xff}), bytes.IndexByte(raw[:min(len(raw), 64)], 0) > 0 && bytes.Contains(raw, []byte("B\x00E\x00G\x00I\x00N\x00")):
		return unfit("is text in UTF-16", "Save it as UTF-8 or ASCII.")
	case isCertificate(raw):
		return unfit("is a certificate in DER", "Convert it to PEM: openssl x509 -inform der -in "+name+" -out CERT.pem")
	case isKey(raw):
		return unfit("is a key in DER", "Convert it to PEM: umask 077; openssl pkey -inform der -in "+name+" -out KEY.pem")
	case raw[0] == 0x30: // an ASN.1 sequence
		return unfit("is no PEM; it may be PKCS #12, a Windows export", "Convert it to PEM: umask 077; openssl pkcs12 -in "+name+" -nodes -out PAIR.pem, which holds both and can be named for both.")
	}
	return unfit("is no PEM", "A file in PEM begins with -----BEGIN.")
}

func isCertificate(der []byte) bool {
	_, err := x509.ParseCertificate(der)
	return err == nil
}

func isKey(der []byte) bool {
	_, err8 := x509.ParsePKCS8PrivateKey(der)
	_, err1 := x509.ParsePKCS1PrivateKey(der)
	_, errEC := x509.ParseECPrivateKey(der)
	return err8 == nil || err1 == nil || errEC == nil
}

// split parts the blocks of a file into certificates and keys. Others, such as parameters, are left alone.
func split(raw []byte) (certs, keys []*pem.Block) {
	for {
		var block *pem.Block
		if block, raw = pem.Decode(raw); block == nil {
			return certs, keys
		}
		switch {
		case block.Type == "CERTIFICATE":
			certs = append(certs, block)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			keys = append(keys, block)
		}
	}
}

// judgePair says what browsers would hold against a pair that can be used: its dates, a host that it is not for, a chain out of order. Behind
// a proxy that opens TLS and closes it again, a certificate may be for another name.
func judgePair(pair *tls.Certificate, certFile, host string, now time.Time) error {
	leaf := pair.Leaf
	renew := "Renew it, and write both files; a running server takes them within a minute."
	switch {
	case now.Before(leaf.NotBefore):
		return &problem{cause: fmt.Sprintf("the certificate in %s is not good before %s", certFile, day(leaf.NotBefore)), fix: "Check this machine's clock, or wait."}
	case now.After(leaf.NotAfter):
		return &problem{cause: fmt.Sprintf("the certificate in %s has ended on %s", certFile, day(leaf.NotAfter)), fix: renew}
	}
	if err := leaf.VerifyHostname(host); err != nil {
		names := slices.Clone(leaf.DNSNames)
		for _, ip := range leaf.IPAddresses {
			names = append(names, ip.String())
		}
		whom := "for " + strings.Join(names, ", ")
		if len(names) == 0 {
			whom = "without a name that browsers look at (subjectAltName)"
		}
		return &problem{cause: fmt.Sprintf("the certificate in %s is not for %s: it is %s", certFile, host, whom), fix: "Get one for the host of --address.", err: err}
	}
	for n := 1; n < len(pair.Certificate); n++ {
		signer, err := x509.ParseCertificate(pair.Certificate[n])
		if err != nil {
			return err // readPair has read it
		}
		below, err := x509.ParseCertificate(pair.Certificate[n-1])
		if err != nil {
			return err // as above
		}
		if err := below.CheckSignatureFrom(signer); err != nil {
			return &problem{cause: fmt.Sprintf("certificate %d in %s has not signed the one before it", n+1, certFile), fix: "Put them in order: the server's own, and then each that signed the one before. Leave others out.", err: err}
		}
		if now.After(signer.NotAfter) {
			return &problem{cause: fmt.Sprintf("certificate %d in %s has ended on %s", n+1, certFile, day(signer.NotAfter)), fix: renew}
		}
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006 15:04 UTC") }

// lookEvery is how often at most the server looks whether the files of TLS are others.
const lookEvery = time.Minute

// liveCertificate is the pair that the server shows: the latest of its files that is fit. Files are replaced one after the other and by all
// kinds of programs, so a pair that is not fit is left alone until it is.
type liveCertificate struct {
	certFile, keyFile, host string
	now                     func() time.Time
	log                     *slog.Logger

	pair atomic.Pointer[tls.Certificate]
	// looked is when the files were looked at, in nanoseconds since 1970.
	looked atomic.Int64

	mu     sync.Mutex
	seen   [2]fs.FileInfo // of the pair
	refuse string         // what was said last of the files, so that it is said once
}

// openCertificate reads the pair at start. What browsers would hold against it is a warning: it is what there is.
func openCertificate(certFile, keyFile, host string, now func() time.Time, log *slog.Logger) (*liveCertificate, error) {
	l := &liveCertificate{certFile: certFile, keyFile: keyFile, host: host, now: now, log: log}
	seen, pair, err := l.read()
	if err != nil {
		return nil, err
	}
	if err := judgePair(pair, certFile, host, now()); err != nil {
		warn(log, "certificate", err)
	}
	l.seen = seen
	l.pair.Store(pair)
	l.looked.Store(now().UnixNano())
	return l, nil
}

// read returns the pair and its files as they were before it was read: one that is written meanwhile is another at the next look.
func (l *liveCertificate) read() (seen [2]fs.FileInfo, pair *tls.Certificate, err error) {
	for i, name := range []string{l.certFile, l.keyFile} {
		if seen[i], err = os.Stat(name); err != nil {
			return seen, nil, &problem{cause: name + " cannot be read: " + reason(err), fix: "Check --tls-cert and --tls-key, and who may read them.", err: err}
		}
	}
	pair, err = readPair(l.certFile, l.keyFile)
	return seen, pair, err
}

// get returns the pair for a handshake.
func (l *liveCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	looked := l.looked.Load()
	if now := l.now().UnixNano(); now-looked >= int64(lookEvery) || now < looked {
		if l.looked.CompareAndSwap(looked, now) { // others go on with what there is
			l.look()
		}
	}
	return l.pair.Load(), nil
}

// look takes the files when they are others than before and fit: a pair that could not be used, or that browsers would refuse where they take
// the one before, does not replace it.
func (l *liveCertificate) look() {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen, pair, err := l.read()
	if err == nil && same(seen, l.seen) {
		l.refuse = ""
		return
	}
	if err == nil {
		if doubt := judgePair(pair, l.certFile, l.host, l.now()); doubt != nil && judgePair(l.pair.Load(), l.certFile, l.host, l.now()) == nil {
			err = doubt
		}
	}
	if err != nil {
		if text := err.Error(); text != l.refuse {
			l.refuse = text
			warn(l.log, "the new certificate is not used", err)
		}
		return
	}
	l.seen, l.refuse = seen, ""
	l.pair.Store(pair)
	l.log.Info("new certificate", "file", l.certFile, "serial", pair.Leaf.SerialNumber.Text(16), "until", pair.Leaf.NotAfter)
}

func same(a, b [2]fs.FileInfo) bool {
	for i := range a {
		if !os.SameFile(a[i], b[i]) || !a[i].ModTime().Equal(b[i].ModTime()) || a[i].Size() != b[i].Size() {
			return false
		}
	}
	return true
}

// warn logs a problem with what mends it.
func warn(log *slog.Logger, what string, err error) {
	if p, ok := err.(*problem); ok {
		log.Warn(what, "error", p.cause, "fix", p.fix)
		return
	}
	log.Warn(what, "error", err)
}

// observe adds the end of the certificate to the metrics.
func (l *liveCertificate) observe(registry *prometheus.Registry) {
	registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "staffkey_tls_certificate_not_after_timestamp_seconds", Help: "When the certificate that the server shows ends.",
	}, func() float64 {
		pair, _ := l.get(nil) // has no error
		return float64(pair.Leaf.NotAfter.Unix())
	}))
}
