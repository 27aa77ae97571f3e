package webauthn

import (
	"os"
	"testing"

	"staffkey"

	"github.com/BurntSushi/toml"
)

// Each code has a remedy and a text, in both languages; and what no new try mends offers none.
func TestCodes_tell_what_may_help(t *testing.T) {
	t.Parallel()
	texts := make(map[string]map[string]any)
	for _, language := range []string{"en", "cy"} {
		source, err := os.ReadFile("../../../portal/ui/locales/" + language + ".toml")
		if err != nil {
			t.Fatal(err)
		}
		var all map[string]any
		if err := toml.Unmarshal(source, &all); err != nil {
			t.Fatal(err)
		}
		texts[language] = all
	}
	all := codes(t)
	for name, text := range all {
		code := Code(text)
		switch code.Remedy() {
		case staffkey.RemedyRetry, staffkey.RemedyRegister, staffkey.RemedyReport:
		default:
			t.Errorf("%s has the remedy %q, which is none", name, code.Remedy())
		}
		for language, known := range texts {
			for _, part := range []string{".title", ".text"} {
				if said, _ := known[code.Message()+part].(string); said == "" {
					t.Errorf("%s: no text %s%s in %s", name, code.Message(), part, language)
				}
			}
		}
		if r := code.Refuse(); r.Rule != text || r.Message.ID != code.Message() || r.Remedy != code.Remedy() {
			t.Errorf("%s refuses with %+v", name, r)
		}
	}
	if len(tell) != len(all) {
		t.Errorf("texts of %d codes, of which there are %d", len(tell), len(all))
	}
	for _, code := range []Code{CodeBackupEligibility, CodeCounter, CodeStoredKey, CodeSignature} {
		if code.Remedy() != staffkey.RemedyRegister {
			t.Errorf("%s is to be met by %q", code, code.Remedy())
		}
	}
}
