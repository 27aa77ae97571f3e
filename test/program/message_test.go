package program

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMessages_are_what_the_demo_sent(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	who, _ := p.Person("")
	c, key := NewClient(p.URL), NewKey()
	t.Cleanup(c.Close)
	_, err := c.SignInPassword(t.Context(), who.Username, who.Password)
	must(t, "SignInPassword", err)
	id, err := c.RegisterKey(t.Context(), key, "Lanyard")
	must(t, "RegisterKey", err)
	must(t, "Try", c.Try(t.Context(), id, key))
	got, err := p.LatestMessage(t.Context(), who.Username+"@northmoor-hospitals.example", 0)
	must(t, "LatestMessage", err)
	if got.Kind != "email" || got.Number < 1 || !strings.Contains(got.Subject, "Lanyard") || !strings.Contains(got.Text, p.URL) {
		t.Errorf("want an e-mail about Lanyard, got %+v", got)
	}

	_, err = c.MakeRecoveryCodes(t.Context())
	must(t, "MakeRecoveryCodes", err)
	later, err := p.FindMessage(t.Context(), got.To, func(m Message) bool { return m.Subject == "New recovery codes" })
	must(t, "FindMessage of the one that comes next", err)
	if later.Number <= got.Number {
		t.Errorf("number of the later message: want more than %d, got %d", got.Number, later.Number)
	}
	earlier, err := p.FindMessage(t.Context(), got.To, func(m Message) bool { return m.Subject == got.Subject })
	must(t, "FindMessage of the one before", err)
	if diff := cmp.Diff(got, earlier); diff != "" {
		t.Errorf("the earlier message (-want +got):\n%s", diff)
	}
}
