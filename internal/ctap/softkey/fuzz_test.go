package softkey_test

import (
	"encoding/json"
	"testing"

	"staffkey/internal/ctap/softkey"
)

// FuzzOptions feeds arbitrary options to both ceremonies: each answers with JSON or with an error.
func FuzzOptions(f *testing.F) {
	rp := newRelyingParty()
	f.Add(testOrigin, rp.creation(f, "ann", discoverable))
	f.Add("http://localhost:8080", rp.request(f, object{"rpId": nil}))
	f.Add("", []byte("null"))
	f.Fuzz(func(t *testing.T, origin string, options []byte) {
		key := softkey.New(softkey.Options{Resident: true})
		for _, ceremony := range []func(string, []byte) ([]byte, error){key.Create, key.Get} {
			body, err := ceremony(origin, options)
			if (err == nil) != json.Valid(body) {
				t.Errorf("answer %q with error %v, want JSON or an error", body, err)
			}
		}
	})
}
