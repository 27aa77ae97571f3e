//go:build conformance

// Command conformance is the interface through which a tool can test the verifier of Staffkey as a FIDO2 server: registrations and
// authentications by JSON, without people, sessions or a database. It is no part of the server: the build tag keeps it out of every
// other program, and it listens on this machine only.
//
//	go run -tags conformance ./test/conformance --metadata blob.jwt
//
// Its tests drive the same interface with the cases of testdata, each refusal by its code.
package main

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/webauthn"

	"github.com/alecthomas/kong"
)

type options struct {
	Listen   string `help:"Address and port on this machine." default:"localhost:8099"`
	RPID     string `name:"rp-id" help:"Relying party id." default:"localhost"`
	Origin   string `help:"Origin of the tool's pages." default:"http://localhost:8099"`
	Metadata string `help:"BLOB of the FIDO Metadata Service. Without one, every model is taken." type:"path"`
	Roots    string `help:"Root certificates (PEM) of the BLOB's signature, in place of those of the FIDO Alliance." type:"path"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("conformance"), kong.Description("FIDO2 server conformance interface of the verifier."))
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "conformance:", err)
		os.Exit(1)
	}
}

func run(o options) error {
	metadata, err := o.load()
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(o.Listen)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("%s is not an address and port of this machine", o.Listen)
	}
	s := newServer(party(o.RPID, o.Origin), metadata, time.Now)
	server := &http.Server{Addr: o.Listen, Handler: s.handler(), ReadHeaderTimeout: 10 * time.Second}
	fmt.Println("listening on", o.Listen)
	return server.ListenAndServe()
}

// party takes every algorithm that the verifier knows.
func party(id, origin string) webauthn.RelyingParty {
	return webauthn.RelyingParty{
		ID: id, Origins: []string{origin},
		Algorithms: []webauthn.Algorithm{webauthn.ES256, webauthn.EdDSA, webauthn.ES384, webauthn.ES512, webauthn.Ed448, webauthn.RS256},
	}
}

func (o options) load() (*mds.Payload, error) {
	if o.Metadata == "" {
		return nil, nil
	}
	blob, err := os.ReadFile(o.Metadata)
	if err != nil {
		return nil, err
	}
	var trust mds.Trust
	if o.Roots != "" {
		pem, err := os.ReadFile(o.Roots)
		if err != nil {
			return nil, err
		}
		trust.Roots = x509.NewCertPool()
		if !trust.Roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no certificate", o.Roots)
		}
	}
	return mds.Verify(blob, trust, time.Now(), 0)
}
