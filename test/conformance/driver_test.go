//go:build conformance

package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"

	"github.com/fxamacker/cbor/v2"
)

const (
	rpID   = "staff.example.org"
	origin = "https://staff.example.org"
	amara  = "amara@staff.example.org"
)

var (
	aaguid = [16]byte{0xee, 0x88, 0x28, 0x79, 0x72, 0x1c, 0x49, 0x13, 0x97, 0x75, 0x3d, 0xfc, 0xce, 0x97, 0x07, 0x2a}
	model  = "ee882879-721c-4913-9775-3dfcce97072a"
	now    = time.Now() // certificates of softkey are valid from when they are made
)

// tool plays the conformance tool: a browser with one session, and a server to test.
type tool struct {
	t      *testing.T
	url    string
	client *http.Client
}

// newTool starts a server with metadata of models; without any, it takes all models.
func newTool(t *testing.T, models ...any) *tool {
	t.Helper()
	var metadata *mds.Payload
	if len(models) > 0 {
		alliance := mdstest.New(t, now)
		var err error
		if metadata, err = mds.Verify(alliance.BLOB(t, 1, now.AddDate(0, 1, 0), models...), mds.Trust{Roots: alliance.Roots()}, now, 0); err != nil {
			t.Fatal(err)
		}
	}
	server := httptest.NewServer(newServer(party(rpID, origin), metadata, func() time.Time { return now }).handler())
	t.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &tool{t: t, url: server.URL, client: &http.Client{Jar: jar}}
}

// post sends a body and returns the answer with its code: "" for ok. Anything but 200 and 400 fails the test, as does an answer whose
// status and text do not fit.
func (c *tool) post(path string, body any) (map[string]any, string) {
	c.t.Helper()
	raw, ok := body.([]byte)
	if !ok {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			c.t.Fatal(err)
		}
	}
	response, err := c.client.Post(c.url+path, "application/json", bytes.NewReader(raw))
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }() // only read
	text, err := io.ReadAll(response.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		c.t.Fatalf("%s: %d %s: %v", path, response.StatusCode, text, err)
	}
	message, _ := answer["errorMessage"].(string)
	switch {
	case response.StatusCode == http.StatusOK && answer["status"] == "ok" && message == "":
		return answer, ""
	case response.StatusCode == http.StatusBadRequest && answer["status"] == "failed" && message != "":
		code, _, _ := strings.Cut(message, ":")
		return answer, code
	}
	c.t.Fatalf("%s: %d %s", path, response.StatusCode, text)
	return nil, ""
}

// options asks for options, which must be given.
func (c *tool) options(path string, asked map[string]any) map[string]any {
	c.t.Helper()
	answer, code := c.post(path, asked)
	if code != "" {
		c.t.Fatalf("%s: refused by %s", path, code)
	}
	return answer
}

// creation asks for options for a registration that asks for everything.
func (c *tool) creation() map[string]any {
	c.t.Helper()
	return c.options("/attestation/options", map[string]any{
		"username": amara, "displayName": "Amara Okafor", "attestation": "direct",
		"authenticatorSelection": map[string]any{"userVerification": "required"},
	})
}

// keyOptions are those of a key as people have it.
func keyOptions() softkey.Options {
	return softkey.Options{
		AAGUID: aaguid, UserVerification: true, Attestation: softkey.AttestationPacked, Counter: softkey.Counter{Start: 1, Step: 1}, Transports: []string{"usb"},
	}
}

// register registers a key and returns the code. The answer's JSON goes through edit, unless that is nil.
func (c *tool) register(key *softkey.Key, edit func(map[string]any)) string {
	c.t.Helper()
	answer, err := key.Create(origin, encode(c.t, c.creation()))
	if err != nil {
		c.t.Fatal(err)
	}
	_, code := c.post("/attestation/result", edited(c.t, answer, edit))
	return code
}

// authenticate asks for a proof as verification says, and returns the code of the key's answer.
func (c *tool) authenticate(key *softkey.Key, verification string, edit func(map[string]any)) string {
	c.t.Helper()
	options := c.options("/assertion/options", map[string]any{"username": amara, "userVerification": verification})
	if verification == "required" { // a browser would refuse to send what the tool sends all the same
		options["userVerification"] = "preferred"
	}
	answer, err := key.Get(origin, encode(c.t, options))
	if err != nil {
		c.t.Fatal(err)
	}
	_, code := c.post("/assertion/result", edited(c.t, answer, edit))
	return code
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func edited(t testing.TB, answer []byte, edit func(map[string]any)) []byte {
	t.Helper()
	if edit == nil {
		return answer
	}
	var members map[string]any
	if err := json.Unmarshal(answer, &members); err != nil {
		t.Fatal(err)
	}
	edit(members)
	return encode(t, members)
}

// at makes a Tamper for one stage.
func at(stage softkey.Stage, change func(*softkey.Parts)) softkey.Tamper {
	return func(s softkey.Stage, p *softkey.Parts) {
		if s == stage {
			change(p)
		}
	}
}

// clientData edits the members of the client data before they are signed.
func clientData(t testing.TB, stage softkey.Stage, edit func(map[string]any)) softkey.Tamper {
	return at(stage, func(p *softkey.Parts) { p.ClientDataJSON = edited(t, p.ClientDataJSON, edit) })
}

// object edits the attestation object after all is signed.
func object(t testing.TB, edit func(map[string]any)) softkey.Tamper {
	return at(softkey.CreateEncoded, func(p *softkey.Parts) {
		var members map[string]any
		if err := cbor.Unmarshal(p.AttestationObject, &members); err != nil {
			t.Fatal(err)
		}
		edit(members)
		raw, err := cbor.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		p.AttestationObject = raw
	})
}

// tampered is a usual key with a Tamper.
func tampered(tamper softkey.Tamper) *softkey.Key {
	o := keyOptions()
	o.Tamper = tamper
	return softkey.New(o)
}

// conformanceCase runs one case and returns the code of the answer that it is about; "" is ok.
type conformanceCase struct {
	run  func(t *testing.T) string
	want string
}

// suites are the cases by suite and id.
var suites = map[string]map[string]conformanceCase{}

// suite is one of the list.
type suite struct {
	ID    string
	Tests []struct{ ID, Expect, Checks string }
}

// retired is the suite of an attestation that Google has ended, and that no server takes any more.
const retired = "Server-ServerAuthenticatorAttestationResponse-Resp-B"

func list(t *testing.T) []suite {
	t.Helper()
	raw, err := os.ReadFile("testdata/fido2-server-cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var content struct{ Suites []suite }
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	return content.Suites
}

// Each case of the list is run, and refused by the check that it is about; none is missing and none is invented.
func TestCases(t *testing.T) {
	t.Parallel()
	n := 0
	for _, s := range list(t) {
		if s.ID == retired {
			continue
		}
		cases := suites[s.ID]
		if len(cases) != len(s.Tests) {
			t.Errorf("%s: %d cases, the list has %d", s.ID, len(cases), len(s.Tests))
		}
		for _, test := range s.Tests {
			n++
			t.Run(s.ID+"/"+test.ID, func(t *testing.T) {
				t.Parallel()
				c, ok := cases[test.ID]
				if !ok {
					t.Fatalf("no such case: %s", test.Checks)
				}
				if (c.want == "") != (test.Expect == "accept") && !optional[s.ID+"/"+test.ID] {
					t.Fatalf("want %q, the list says %s", c.want, test.Expect)
				}
				if got := c.run(t); got != c.want {
					t.Errorf("%s: code %q, want %q", test.Checks, got, c.want)
				}
			})
		}
	}
	if n != 168 {
		t.Errorf("%d cases, want 168", n)
	}
}

// optional are algorithms that a server may take and ours does not: they are not offered, and a credential of them is refused.
var optional = map[string]bool{
	algorithmSuite + "/P-1": true, algorithmSuite + "/P-2": true, algorithmSuite + "/P-3": true, algorithmSuite + "/P-4": true,
	algorithmSuite + "/P-6": true, algorithmSuite + "/P-7": true,
}
