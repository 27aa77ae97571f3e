package mds

import (
	"crypto/x509"
	"embed"
)

// The roots of GlobalSign, under which the Alliance's certificate is issued: R46 today, R3 until 2025 and for BLOBs that a site has
// kept since. They are as in the root programme of Mozilla.
//
//go:embed roots/*.pem
var rootFiles embed.FS

// Roots returns the roots that the FIDO Alliance's BLOB leads to. The pool is the caller's, who may add to it.
func Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	for _, name := range []string{"roots/globalsign-root-r46.pem", "roots/globalsign-root-r3.pem"} {
		text, err := rootFiles.ReadFile(name)
		if err != nil || !pool.AppendCertsFromPEM(text) {
			panic("mds: " + name + " is no certificate") // it is part of the program
		}
	}
	return pool
}
