package webauthn

import (
	"fmt"
	"strings"
	"testing"
)

func TestCheckClientData(t *testing.T) {
	t.Parallel()
	party := RelyingParty{Origins: []string{testOrigin}}
	const rest = `"type":"webauthn.get","challenge":"AAAA"`
	const good = `{` + rest + `,"origin":"` + testOrigin + `"`
	tests := []struct {
		name, data string
		code       Code
	}{
		{"as a browser sends it", good + `,"crossOrigin":false}`, ""},
		{"without crossOrigin", good + `}`, ""},
		{"members of the future", good + `,"x":{"deep":[1,{"y":null}]},"other_keys_can_be_added_here":"later"}`, ""},
		{"empty", "", "client_data"},
		{"no object", `["` + testOrigin + `"]`, "client_data"},
		{"a text", `"` + testOrigin + `"`, "client_data"},
		{"null", "null", "client_data"},
		{"cut short", good, "client_data"},
		{"bytes behind the object", good + `}x`, "client_data"},
		{"a second object behind it", good + `}{}`, "client_data"},
		{"invalid UTF-8", good + ",\"x\":\"\xff\"}", "client_data"},
		{"a surrogate as UTF-8", good + ",\"x\":\"\xed\xa0\x80\"}", "client_data"},
		{"too long", good + `,"x":"` + strings.Repeat("a", maxClientData) + `"}`, "client_data"},
		{"two origins", good + `,"origin":"https://evil.example"}`, "client_data"},
		{"two origins, ours last", `{"origin":"https://evil.example",` + good[1:] + `}`, "client_data"},
		{"two challenges", good + `,"challenge":"BBBB"}`, "client_data"},
		{"two origins that differ in case", good + `,"Origin":"https://evil.example"}`, "client_data"},
		{"two names that are one when unescaped", good + `,"\u006frigin":"https://evil.example"}`, "client_data"},
		{"a name twice further in", good + `,"x":{"y":{"z":1,"z":2}}}`, "client_data"},
		{"a name twice in a list", good + `,"x":[{"z":1,"z":2}]}`, "client_data"},
		{"the same name at two depths", good + `,"x":{"origin":1}}`, ""},
		{"nested as deeply as may be", good + `,"x":` + strings.Repeat("[", maxDepth-1) + strings.Repeat("]", maxDepth-1) + `}`, ""},
		{"nested too deeply", good + `,"x":` + strings.Repeat("[", maxDepth+1) + strings.Repeat("]", maxDepth+1) + `}`, "client_data"},
		{"as many members as may be", good + strings.Join(numbered(maxMembers-3), "") + `}`, ""},
		{"too many members", good + strings.Join(numbered(maxMembers-2), "") + `}`, "client_data"},
		{"no origin", `{` + rest + `}`, "origin"},
		{"origin that is no text", `{` + rest + `,"origin":1}`, "origin"},
		{"origin null", `{` + rest + `,"origin":null}`, "origin"},
		{"origin in capitals only", `{` + rest + `,"ORIGIN":"` + testOrigin + `"}`, "origin"},
		{"a byte order mark", "\ufeff" + good + "}", ""},
		{"two byte order marks", "\ufeff\ufeff" + good + "}", "client_data"},
		{"a byte order mark at the end", good + "}\ufeff", "client_data"},
		{"nothing but a byte order mark", "\ufeff", "client_data"},
		{"a byte order mark of UTF-16", "\xff\xfe" + good + "}", "client_data"},
		{"cross-origin", good + `,"crossOrigin":true}`, "cross_origin"},
		{"cross-origin that is no truth value", good + `,"crossOrigin":"false"}`, "client_data"},
		{"another type", `{"type":"webauthn.create","challenge":"AAAA","origin":"` + testOrigin + `"}`, "client_data_type"},
		{"no type", `{"challenge":"AAAA","origin":"` + testOrigin + `"}`, "client_data_type"},
		{"a type that is no text", `{"type":["webauthn.get"],"challenge":"AAAA","origin":"` + testOrigin + `"}`, "client_data_type"},
		{"another challenge", `{"type":"webauthn.get","challenge":"AAAB","origin":"` + testOrigin + `"}`, "challenge"},
		{"no challenge", `{"type":"webauthn.get","origin":"` + testOrigin + `"}`, "challenge"},
		{"an empty challenge", `{"type":"webauthn.get","challenge":"","origin":"` + testOrigin + `"}`, "challenge"},
		{"a challenge that is no text", `{"type":"webauthn.get","challenge":0,"origin":"` + testOrigin + `"}`, "challenge"},
		{"a challenge padded", `{"type":"webauthn.get","challenge":"AAAA=","origin":"` + testOrigin + `"}`, "challenge"},
		{"a token binding", good + `,"tokenBinding":{"status":"supported"}}`, ""},
		{"a token binding that is no object", good + `,"tokenBinding":"supported"}`, "client_data_tokenbinding"},
		{"a token binding without status", good + `,"tokenBinding":{"id":"AAAA"}}`, "client_data_tokenbinding"},
		{"a token binding of another status", good + `,"tokenBinding":{"status":"perhaps"}}`, "client_data_tokenbinding"},
		{"escaped, but the same", `{"type":"webauthn\u002eget","challenge":"AAAA","origin":"` + testOrigin + `"}`, ""},
		{"in a frame", good + `,"crossOrigin":false,"topOrigin":"https://evil.example"}`, "top_origin"},
		{"in a frame of our own", good + `,"topOrigin":"` + testOrigin + `"}`, "top_origin"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			check(t, party.checkClientData([]byte(test.data), "webauthn.get", "AAAA"), test.code)
		})
	}
}

func TestCheckClientData_compares_origins_exactly(t *testing.T) {
	t.Parallel()
	allow := []string{testOrigin, "https://staff.example.org:8443"}
	deny := []string{
		"http://staff.example.org", "https://staff.example.org/", "https://staff.example.org.", "https://staff.example.org.evil",
		"https://staff.example.org:443", "https://staff.example.org:844", "https://staff.example.org:84433", "HTTPS://staff.example.org",
		"https://STAFF.example.org", "https://Staff.Example.Org", "https://evil.staff.example.org", "https://example.org",
		"https://staff.example.org@evil.example", "https://evil.example#https://staff.example.org", " https://staff.example.org",
		"https://staff.example.org ", "https://staff.example.org\u0000", "https://ѕtaff.example.org", "null", "", "android:apk-key-hash:AAAA",
	}
	verify := func(origin string) error {
		data := `{"type":"webauthn.get","challenge":"AAAA","origin":"` + strings.ReplaceAll(origin, "\x00", `\u0000`) + `"}`
		return RelyingParty{Origins: allow}.checkClientData([]byte(data), "webauthn.get", "AAAA")
	}
	for _, origin := range allow {
		if err := verify(origin); err != nil {
			t.Errorf("%q: got error %v, want none", origin, err)
		}
	}
	for _, origin := range deny {
		if err := verify(origin); codeOf(err) != CodeOrigin {
			t.Errorf("%q: got error %v, want a refusal by origin", origin, err)
		}
	}
}

// What a browser writes is read without a parser; the parser must say the same of it, and of everything near it.
func TestCheckClientData_plain(t *testing.T) {
	t.Parallel()
	party := RelyingParty{Origins: []string{"https://other.example", testOrigin}}
	plain := `{"type":"webauthn.get","challenge":"AAAA","origin":"` + testOrigin + `","crossOrigin":false}`
	if !party.isPlain([]byte(plain), "webauthn.get", "AAAA") {
		t.Error("what a browser writes is not plain")
	}
	for i := range plain {
		near := plain[:i] + "~" + plain[i+1:]
		if party.isPlain([]byte(near), "webauthn.get", "AAAA") {
			t.Errorf("%s is plain", near)
		}
	}
	if party.isPlain([]byte(strings.Replace(plain, "AAAA", "", 1)), "webauthn.get", "") {
		t.Error("an empty challenge is plain")
	}
}

// §7.1 steps 10 and 11, for a relying party whose pages may be in frames.
func TestCheckClientData_in_frames(t *testing.T) {
	t.Parallel()
	data := func(more string) []byte {
		return []byte(`{"type":"webauthn.get","challenge":"AAAA","origin":"` + testOrigin + `"` + more + `}`)
	}
	party := RelyingParty{Origins: []string{testOrigin}, Embedded: true, TopOrigins: []string{"https://top.example"}}
	for more, want := range map[string]Code{
		``: "", `,"crossOrigin":true`: "", `,"crossOrigin":true,"topOrigin":"https://top.example"`: "",
		`,"crossOrigin":true,"topOrigin":"https://evil.example"`: CodeTopOrigin,
		`,"crossOrigin":false,"topOrigin":"https://top.example"`: CodeTopOrigin,
		`,"crossOrigin":true,"topOrigin":null`:                   CodeClientData,
		`,"crossOrigin":1`:                                       CodeClientData,
	} {
		if got := codeOf(party.checkClientData(data(more), "webauthn.get", "AAAA")); got != want {
			t.Errorf("%s: got code %q, want %q", more, got, want)
		}
	}
}

// numbered are members of client data that nobody knows.
func numbered(n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(`,"x%d":%d`, i, i)
	}
	return list
}
