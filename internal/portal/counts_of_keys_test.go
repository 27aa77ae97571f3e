package portal_test

import (
	"net/http"
	"net/url"
	"testing"

	"staffkey"
	"staffkey/internal/store"
)

// TestCounts_of_keys_are_of_those_that_work: a key on hold is no backup, on no page (A2).
func TestCounts_of_keys_are_of_those_that_work(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		h := s.add("rajesh", "north")
		s.giveKey(h, "Key A")
		a := h.keyID
		in := s.session(h)
		in.get("/me").shows(t, "home with one key", http.StatusOK, "Register a backup key")
		in.post("/me/tokens/"+string(a)+"/lost", url.Values{"reason": {"lost"}}).leads(t, "lost", "/me/tokens/"+string(a)+"/stopped")
		in.get("/me/tokens/"+string(a)+"/done").leads(t, "a key on hold is not ready", "/me/tokens")
		in.get("/me").shows(t, "home with none", http.StatusOK, "None of the tokens on your list signs you in at present")
		in.get("/me").lacks(t, "home with none", "Register a backup key")
		in.get("/me/mfa").shows(t, "methods with none", http.StatusOK, "None that signs you in")
		in.get("/me/self-service").shows(t, "self-service with none", http.StatusOK, "None that signs you in")
		s.giveKey(h, "Key B") // the commonest road to the page that said "You have 2 different keys"
		b := h.keyIDs[len(h.keyIDs)-1]
		in.get("/me/tokens/"+string(b)+"/done").shows(t, "done", http.StatusOK, "Register a backup now")
		in.get("/me/tokens/"+string(b)+"/done").lacks(t, "done", "different keys", "You can lose one key")
		in.get("/me").shows(t, "home with one of two", http.StatusOK, "Register a backup key")
		in.get("/me/mfa").shows(t, "methods with one of two", http.StatusOK, "Something is missing", "1 token<")
		in.get("/me/self-service").shows(t, "self-service with one of two", http.StatusOK, "1 token<")
		in.get("/me/tokens").shows(t, "the list", http.StatusOK, "2 of 5 tokens are on your list. 1 of them does not sign you in at present.")
		in.get("/me/tokens/"+string(a)+"/remove").shows(t, "removing the one on hold", http.StatusOK, "It does not sign you in now either", "you can still use", "you have no second key")
		in.get("/me/tokens/"+string(b)+"/remove").shows(t, "removing the one that works", http.StatusOK, "‘Key B’ is the last way you can sign in.")

		s.giveKey(h, "Key C")
		c := h.keyIDs[len(h.keyIDs)-1]
		in.get("/me/tokens/"+string(c)+"/done").shows(t, "done with two", http.StatusOK, "You have 2 different keys. You can lose one key and still sign in.")
		in.get("/me").lacks(t, "home with two", "Register a backup key")

		// Two nicknames of one key are one key, and so is each of a model that is refused.
		err := s.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyStopped, staffkey.ConsoleActor()), func(tx *store.Tx) error {
			return tx.StopSecurityKey(h.ID, c, staffkey.StopFrozen)
		})
		if err != nil {
			t.Fatal(err)
		}
		in.get("/me").shows(t, "home with one again", http.StatusOK, "Register a backup key")
	})
}

// TestReplace_takes_all_nicknames: a forgotten PIN is no loss (A6). The page says beforehand what goes, nobody is alarmed, the list says
// what happened, and nothing that a reset destroyed is offered again.
func TestReplace_takes_all_nicknames(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lena")
		h := s.add("amara", "north")
		s.giveKey(h, "Helen key")
		in := s.session(h)
		twin := in.again(h.key, "Night shift")
		s.giveKey(h, "Spare")
		old := h.keyIDs[0]
		path := "/me/tokens/" + string(old)
		in.get(path+"/replace").shows(t, "before", http.StatusOK, "One key has several nicknames: Helen key, Night shift.", "it cannot be undone")
		in.postJSON(path+"/replace", "{}").shows(t, "reset", http.StatusOK, `"options":"{`)
		for _, template := range []string{"admin.key_stopped", "notice.key_stopped"} {
			if n := s.sent(h, template); n != 0 {
				t.Errorf("%d × %s: nothing was lost", n, template)
			}
		}
		if n := s.sent(h, "notice.key_reset"); n != 1 {
			t.Errorf("%d × notice.key_reset, want 1", n)
		}
		in.get("/me/tokens").shows(t, "the list meanwhile", http.StatusOK, "The key was reset", path+"/replace")
		in.get(path+"/replace").lacks(t, "the list meanwhile", "because it is lost", "Found again", "Undo")
		in.get("/me").shows(t, "home meanwhile", http.StatusOK, "Register the key that you reset", "Its old entry is on hold: it cannot sign you in any more")
		in.get("/me").lacks(t, "home meanwhile", "You have a token on hold")
		in.get(path+"/found").leads(t, "found", "/me/tokens")
		in.post(path+"/found", nil).shows(t, "found all the same", http.StatusForbidden, "This key was reset")
		in.get("/me/activity").shows(t, "activity", http.StatusOK, "You said that the key of ‘Helen key’ was reset")
		in.get(path+"/remove").shows(t, "removing it", http.StatusOK, "You cannot undo this: the key was reset")

		_, id := in.register("?replaces="+string(old), "Helen key")
		if len(s.keys(h)) != 2 || stateOf(s, h, old) != "" || stateOf(s, h, twin) != "" {
			t.Errorf("the list has %v, want the new entry and the spare one", s.keys(h))
		}
		in.get("/me/tokens/"+string(id)+"/done").shows(t, "done", http.StatusOK, "You have 2 different keys.")
		in.get("/me/tokens").lacks(t, "the list afterwards", "Undo", "was removed a few minutes ago")
		for _, id := range []staffkey.SecurityKeyID{old, twin} {
			in.post("/me/tokens/"+string(id)+"/restore", nil).leads(t, "undo all the same", "/me/tokens")
		}
		if len(s.keys(h)) != 2 {
			t.Errorf("the list has %v after an undo, want the new entry and the spare one", s.keys(h))
		}
	})
}

// TestStop_and_found_treat_all_nicknames_alike: where the key is, they are (A15). And whoever has stopped their key can ask for another.
func TestStop_and_found_treat_all_nicknames_alike(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		s.administrator("lena")
		h := s.add("amara", "north")
		s.giveKey(h, "Helen key")
		in := s.session(h)
		twin := in.again(h.key, "Night shift")
		s.giveKey(h, "Spare")
		path := "/me/tokens/" + string(h.keyIDs[0])
		in.post(path+"/lost", url.Values{"reason": {"lost"}}).leads(t, "lost", path+"/stopped")
		in.get(path+"/stopped").shows(t, "stopped", http.StatusOK, "‘Night shift’ is the same key: it has stopped too.", "Register another key", `/me/request?reason=lost&token=`)
		in.get(path+"/found").shows(t, "found", http.StatusOK, "‘Night shift’ is the same key: it works again too.", "We tell you by email.")
		in.post(path+"/found", nil).leads(t, "made to work", "/me/tokens")
		for _, id := range []staffkey.SecurityKeyID{h.keyIDs[0], twin} {
			if state := stateOf(s, h, id); state != staffkey.SecurityKeyActive {
				t.Errorf("an entry of the key that was found is %s, want it in use", state)
			}
		}
	})
}
