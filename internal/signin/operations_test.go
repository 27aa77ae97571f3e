package signin_test

import (
	"slices"
	"testing"

	"staffkey/internal/store/storetest"
)

// unasked are the operations that change something recorded and that nothing which happens meanwhile can make wrong, or that ask in
// another way, each with its reason. Every other one has its acts in acts_test.go.
var unasked = map[string]string{
	"SignOut":              "it ends the session that asks, and nothing else",
	"FreezeByLink":         "whoever has the link may, whatever else has changed; the link is consumed in the change",
	"UndoFreeze":           "the link is consumed in the change, and only a frozen account opens",
	"UseStationLink":       "the link is consumed in the change",
	"UseFirstPasswordLink": "the link is consumed in the change, which reads the person again; TestFirstPassword and TestReset try it",
	"UseResetLink":         "as UseFirstPasswordLink",
	"SetUp":                "the link is consumed in the change, which asks again whether there is an operator",
	"IssueSetUpLink":       "it is the console's, and asks in the change whether there is an operator",
	"SetPassword":          "it is the console's",
	"WorkResets":           "nobody asks: it answers wishes, and reads whom they mean in the change",
	"Run":                  "as WorkResets",
	"Find":                 "nobody asks: it ends a session whose time is over, which it reads again in the change",
	"Look":                 "as Find",
	"TimeUp":               "as Find; TestSession_used_while_its_timer_asks tries it",
}

// An operation that changes something has its acts, or a reason why it needs none.
func TestActs_are_complete(t *testing.T) {
	t.Parallel()
	acted := map[string]bool{}
	for _, a := range acts {
		acted[a.op] = true
	}
	changing := storetest.Operations(t, ".", "Service")
	for _, op := range changing {
		if !acted[op] && unasked[op] == "" {
			t.Errorf("%s changes something: add an act in acts_test.go, or the reason why nothing that happens meanwhile concerns it", op)
		}
	}
	for op := range acted {
		if !slices.Contains(changing, op) {
			t.Errorf("there is an act for %s, which changes nothing or is not there", op)
		}
	}
	for op := range unasked {
		if !slices.Contains(changing, op) || acted[op] {
			t.Errorf("%s needs no reason", op)
		}
	}
}
