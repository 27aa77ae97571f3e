package signin_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/store"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A sign-in by key tells of itself where the browser has not seen the key (F31): to the person's address, in their language, also when
// nothing but the key said who they are.
func TestSignIn_by_key_in_a_new_place_tells(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		w.Change(t, func(tx *store.Tx) error { return tx.SetLanguage(p.ID, "cy") })
		id := w.keys(t, p)[0].ID
		want := staffkey.Outgoing{Channel: staffkey.ChannelEmail, To: p.Email, Template: "notice.key_new_place", Language: "cy", Person: p.ID, Organisation: p.Organisation}
		told := 0
		for _, test := range []struct {
			name    string
			attempt signin.Attempt
			seen    []staffkey.SecurityKeyID
			station staffkey.StationID
			tells   bool
		}{
			{"key alone, new browser", signin.Attempt{}, []staffkey.SecurityKeyID{}, "", true},
			{"password and key, new browser", w.Attempt(p), []staffkey.SecurityKeyID{"another"}, "", true},
			{"browser that knows the key", signin.Attempt{}, []staffkey.SecurityKeyID{"another", id}, "", false},
			{"shared station", signin.Attempt{}, []staffkey.SecurityKeyID{}, "Ward 7", false},
			{"no browser", signin.Attempt{}, nil, "", false},
		} {
			b, from := w.begin(t, test.attempt), origin
			from.SeenKeys, from.Station = test.seen, test.station
			if _, err := w.Service.FinishSignIn(t.Context(), from, test.attempt, answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), nowhere); err != nil {
				t.Fatalf("%s: %v", test.name, err)
			}
			if test.tells {
				told++
			}
			list := w.messages(t, p, "notice.key_new_place")
			if len(list) != told {
				t.Fatalf("%s: %d notices, want %d", test.name, len(list), told)
			}
			last := list[told-1]
			if diff := cmp.Diff(want, last, cmpopts.IgnoreFields(staffkey.Outgoing{}, "ID", "Args", "CreatedAt", "ExpiresAt", "Attempts")); diff != "" {
				t.Errorf("%s: notice (-want +got):\n%s", test.name, diff)
			}
			if got := [3]string{last.Args["Name"], last.Args["Username"], last.Args["Nickname"]}; got != [3]string{p.Name, p.Username, "Blue lanyard"} {
				t.Errorf("%s: notice about %q, want the person and their key", test.name, got)
			}
		}
	})
}
