package program

import (
	"strings"
	"testing"
)

func TestLatestMessage_is_what_the_demo_sent(t *testing.T) {
	t.Parallel()
	p := Start(t, Options{})
	who, _ := p.Person("")
	c, key := NewClient(p.URL), NewKey()
	t.Cleanup(c.Close)
	_, err := c.SignInPassword(t.Context(), who.Username, who.Password)
	must(t, "SignInPassword", err)
	_, err = c.RegisterKey(t.Context(), key, "Lanyard")
	must(t, "RegisterKey", err)
	got, err := p.LatestMessage(t.Context(), who.Username+"@northmoor-hospitals.example", 0)
	must(t, "LatestMessage", err)
	if got.Kind != "email" || got.Number < 1 || !strings.Contains(got.Subject, "Lanyard") || !strings.Contains(got.Text, p.URL) {
		t.Errorf("want an e-mail about Lanyard, got %+v", got)
	}
}
