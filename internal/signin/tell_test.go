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

// Who reads Welsh at sign-in and has chosen nothing gets messages in Welsh from then on. The notice of that very sign-in is not in a
// language that a thief chose, and a choice that was made stands.
func TestSignIn_learns_the_language(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *installation) {
		p, key := w.withKey(t, "amara")
		signIn := func(language string, station staffkey.StationID) (notice string) {
			t.Helper()
			b, from := w.begin(t, signin.Attempt{}), origin
			from.SeenKeys, from.Language, from.Station = []staffkey.SecurityKeyID{}, language, station
			if _, err := w.Service.FinishSignIn(t.Context(), from, signin.Attempt{}, answer(b, staffkey.MethodSecurityKey, get(t, key, b.Options)), nowhere); err != nil {
				t.Fatal(err)
			}
			list := w.messages(t, p, "notice.key_new_place")
			if len(list) == 0 {
				return ""
			}
			return list[len(list)-1].Language
		}
		chosen := func(want string) {
			t.Helper()
			var got staffkey.Person
			w.Change(t, func(tx *store.Tx) (err error) {
				got, err = tx.FindPerson(p.ID)
				return err
			})
			if got.Language != want {
				t.Errorf("the person's language: want %q, got %q", want, got.Language)
			}
		}
		signIn("cy", "ward-7")
		signIn("en", "")
		chosen("")
		if got := signIn("cy", ""); got != "" {
			t.Errorf("the notice of the first sign-in in Welsh is in %q, want the installation's own", got)
		}
		chosen("cy")
		if got := signIn("en", ""); got != "cy" {
			t.Errorf("the notice of the next sign-in is in %q, want cy", got)
		}
		chosen("cy")
		said := 0
		for _, e := range w.events(t, staffkey.EventSignedIn) {
			if e.Detail["language"] == "cy" {
				said++
			}
		}
		if said != 1 {
			t.Errorf("events that say that the language is Welsh now: want 1, got %d", said)
		}
	})
}
