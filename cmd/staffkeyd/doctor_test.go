package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/portal"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// Metadata that is overdue, or could not be fetched, is told with what to do; none at all, and one that is current, are well.
func TestDoctor_on_metadata(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store, clock *storetest.Clock) {
		env := &environment{ctx: context.Background(), now: clock.Now}
		check := func(what string, wantProblem bool) {
			t.Helper()
			err := metadataCurrent(env, s)
			var p *problem
			if errors.As(err, &p) != wantProblem || err != nil && !wantProblem {
				t.Errorf("%s: got %v, want a problem: %t", what, err, wantProblem)
			}
		}
		change := func(fn func(*store.Tx) error) {
			t.Helper()
			if err := s.Housekeep(t.Context(), fn); err != nil {
				t.Fatal(err)
			}
		}
		check("none", false)
		change(func(tx *store.Tx) error {
			return tx.PutMetadata(staffkey.Metadata{Number: 57, NextUpdate: clock.Now().AddDate(0, 1, 0), Source: "blob.jwt"}, []byte("signed"))
		})
		check("current", false)
		change(func(tx *store.Tx) error { return tx.NoteMetadataProblem("no route to host") })
		check("not fetched", true)
		change(func(tx *store.Tx) error { return tx.NoteMetadataProblem("") })
		clock.Advance(33 * 24 * time.Hour)
		check("overdue", true)
	})
}

// Doctor can be asked at any time: before the first start it says what it did not try, and beside a server that runs it finds that server.
func TestDoctor_before_and_beside_a_server(t *testing.T) {
	t.Parallel()
	data, port := filepath.Join(t.TempDir(), "data"), freePort(t)
	doctor := []string{"doctor", "--address", "http://localhost:" + port, "--listen", "localhost:" + port, "--data", data}
	out, code := capture(t, doctor...)
	if code != 0 || !strings.Contains(out, "-   database, sealing key, schema") || !strings.Contains(out, "no installation in "+data) || !strings.Contains(out, "in what could be tried") {
		t.Errorf("before the first start: %d %s", code, out)
	}
	if _, err := os.Stat(data); err == nil {
		t.Error("doctor made a data folder")
	}
	_, stop := start(t, "serve", "--address", "http://localhost:"+port, "--listen", "localhost:"+port, "--data", data)
	out, code = capture(t, doctor...)
	if code != 0 || !strings.Contains(out, "ok  port: a Staffkey server has it") || !strings.Contains(out, "ok  running server") || !strings.Contains(out, "ok  schema and sealing key") || strings.Contains(out, "certificate") {
		t.Errorf("beside the server: %d %s", code, out)
	}
	out, code = capture(t, append(doctor, "--json")...)
	var found struct {
		OK       bool
		Findings []finding
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil || code != 0 || !found.OK || len(found.Findings) < 5 {
		t.Errorf("as JSON: %d %v %s", code, err, out)
	}
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	out, code = capture(t, append(doctor[:len(doctor)-1:len(doctor)-1], elsewhere)...)
	if code != exitFailed || !strings.Contains(out, "x   database: there is no installation here") {
		t.Errorf("with another folder than the server that runs: %d %s", code, out)
	}
	if code, log := stop(); code != 0 {
		t.Errorf("stopped with %d: %s", code, log)
	}
	other, err := net.Listen("tcp", "localhost:"+port)
	if err != nil {
		t.Fatal(err)
	}
	silent := &http.Server{Handler: http.NotFoundHandler()}
	go func() { _ = silent.Serve(other) }() // ends with Close
	defer silent.Close()
	if out, code := capture(t, doctor...); code != exitFailed || !strings.Contains(out, "in use by another program") {
		t.Errorf("beside another program: %d %s", code, out)
	}
}

// What browsers would meet at the public address.
func TestDoctor_live(t *testing.T) {
	t.Parallel()
	page := func(change func(http.Header), status int) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/healthz" {
				w.Header().Set(portal.HealthHeader, "staffkey")
				return
			}
			w.Header().Set("Content-Security-Policy", "default-src 'none'")
			change(w.Header())
			w.WriteHeader(status)
		})
	}
	as := func(http.Header) {}
	for name, test := range map[string]struct {
		site http.Handler
		want string
	}{
		"good":                    {page(as, 200), ""},
		"another program":         {http.NotFoundHandler(), "is no Staffkey server"},
		"compressed":              {page(func(h http.Header) { h.Set("Content-Encoding", "gzip") }, 200), "come compressed (gzip)"},
		"round and round":         {page(func(h http.Header) { h.Set("Location", "/signin") }, 307), "does not see the host"},
		"headers taken away":      {page(func(h http.Header) { h.Del("Content-Security-Policy") }, 200), "without their Content-Security-Policy"},
		"a proxy without servers": {page(as, 502), "answers 502"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewTLSServer(test.site)
			defer server.Close()
			pool := x509.NewCertPool()
			pool.AddCert(server.Certificate())
			e := &examination{out: io.Discard}
			new(serverConfig).checkLive(t.Context(), e, server.URL, "", pool)
			if got := e.findings[0]; len(e.findings) != 1 || (got.State == well) != (test.want == "") || !strings.Contains(got.Cause, test.want) {
				t.Errorf("found %+v, want %q", e.findings, test.want)
			}
			e = &examination{out: io.Discard}
			new(serverConfig).checkLive(t.Context(), e, server.URL, "", x509.NewCertPool())
			if got := e.findings[0]; got.State != toMend || !strings.Contains(got.Fix, "whole chain") {
				t.Errorf("with an authority that nobody knows: %+v", got)
			}
		})
	}
}
