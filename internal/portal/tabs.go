package portal

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"strings"

	"staffkey"
	"staffkey/internal/signin"
)

// A browser has one session and as many tabs as it likes: what a page of a sign-in sends may come when somebody has signed in elsewhere.

// isLate reports the refusal of a ceremony that was begun for another state of this browser, or used before.
func isLate(err error) bool {
	refusal := asRefusal(err)
	return refusal != nil && strings.HasPrefix(refusal.Rule, "ceremony_")
}

// isMyName reports whether a typed name is that of whoever is signed in.
func (r *request) isMyName(typed string) bool {
	typed = staffkey.TidyText(strings.TrimSpace(typed))
	me := r.current.Person
	return typed != "" && (strings.EqualFold(typed, me.Username) || strings.EqualFold(typed, me.Email))
}

// isMyCeremony reports whether an answer is from a page of whoever is signed in: it was begun for them, or their key answered it. Nothing of
// it is verified, and nothing but their own session is given by it.
func (p *Portal) isMyCeremony(r *request, answer signin.Answer) (bool, error) {
	if person := p.SignIn.CeremonyPerson(answer.Sealed); person != "" {
		return person == r.current.Person.ID, nil
	}
	credential, err := base64.RawURLEncoding.DecodeString(credentialOf(answer.Body))
	if err != nil || len(credential) == 0 {
		return false, nil
	}
	list, err := p.Directory.ListKeys(r.Context(), r.current.Actor, r.current.Person.ID)
	if err != nil {
		return false, err
	}
	for _, k := range list.Keys {
		if bytes.Equal(k.CredentialID, credential) {
			return true, nil
		}
	}
	return false, nil
}

// alreadyIn goes on where somebody is signed in already: as the same person to where they wanted to be, otherwise to the page that says who
// it is.
func (p *Portal) alreadyIn(r *request, same bool, next string) error {
	if same {
		return r.proceed(http.StatusOK, localPath(next, "/me"))
	}
	return r.proceed(http.StatusOK, "/signin?someone=1")
}
