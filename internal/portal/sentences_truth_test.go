package portal_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"staffkey"
)

// TestTruth_what_still_works: what a page says of the other ways in is of those that work (A2), and what it promises holds while it says so.
func TestTruth_what_still_works(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	s.allow("north", everyMethod...)
	_, actor := s.administrator("lena")
	h := s.add("amara", "north")
	s.giveKey(h, "Lanyard")
	s.giveKey(h, "Spare")
	in := s.session(h)
	in.giveApp()
	in.giveNumber(h, "text", "07700 900123")
	s.clock.Advance(time.Minute + time.Second)
	in.giveNumber(h, "phone", "01632 960123")
	in.giveCodes()
	path := "/me/tokens/" + string(h.keyIDs[1])
	works := []string{"your authenticator app still works", "codes by text message still work", "codes by phone call still work", "your recovery codes still work"}
	own := []string{"your authenticator app", "your recovery codes"}
	in.get(path+"/remove").shows(t, "removing a token", http.StatusOK, append(own, "you can still use", "this token no longer signs you in", "You can undo this for 10 minutes.")...)
	in.get("/me/mfa/app-code/remove").shows(t, "removing the app", http.StatusOK, append(works[1:], "‘Lanyard’ still works")...)
	in.get("/me/mfa/text/remove").shows(t, "removing the number", http.StatusOK, works[0])
	in.get(path+"/lost").shows(t, "stopping a token", http.StatusOK, "nothing is removed: if you find it, it can work again")
	in.get("/me/self-service").shows(t, "self-service", http.StatusOK, "4 besides your tokens")
	in.get("/me/mfa").shows(t, "methods", http.StatusOK, "We send you an email when one of these changes.", "10 of 10 left")
	in.get("/me/mfa/app-code/remove").shows(t, "removing the app", http.StatusOK, "this way no longer signs you in")

	s.issuePass(actor, h, true)
	in.get(path+"/remove").shows(t, "with a pass", http.StatusOK, "your temporary access pass")
	s.decide("north", staffkey.PolicySettings{Methods: &[]staffkey.MethodKind{}})
	in.get(path+"/remove").lacks(t, "where the organisation uses none of them", own...)
	in.get("/me/mfa/app-code/remove").lacks(t, "where the organisation uses none of them", works...)
	in.get("/me/self-service").lacks(t, "where the organisation uses none of them", "4 besides your tokens")

	s.decide("north", staffkey.PolicySettings{Methods: &[]staffkey.MethodKind{}, MaxKeys: new(2)})
	in.get("/me/tokens").shows(t, "with as many tokens as may be", http.StatusOK, "You have 2 tokens, which is the most")
	in.post(path+"/remove", url.Values{"remove": {"1"}}).leads(t, "removed", "/me/tokens")
	in.get("/me/tokens").lacks(t, "with room for one more", "which is the most")
	in.post(path+"/restore", nil).leads(t, "brought back", "/me/tokens")
	in.get("/me/tokens")
	in.post(path+"/remove", url.Values{"remove": {"1"}}).leads(t, "removed", "/me/tokens")
	in.get("/me/tokens").shows(t, "removed", http.StatusOK, "it no longer signs you in here.")
	in.post(path+"/restore", nil).leads(t, "brought back", "/me/tokens")
	in.get("/me/tokens").shows(t, "brought back", http.StatusOK, "‘Spare’ is back.")
	in.get("/me/tokens").lacks(t, "brought back", "it no longer signs you in here.")
	in.post(path+"/remove", url.Values{"remove": {"1"}}).leads(t, "removed again", "/me/tokens")
	in.get("/me").shows(t, "home with one key", http.StatusOK, "Lose your only key and you cannot sign in with it")
	s.clock.Advance(staffkey.UndoRemovalFor + time.Second)
	in.post(path+"/restore", nil)
	in.get("/me/tokens").lacks(t, "too late", "‘Spare’ is back.")
}

// TestTruth_why_a_token_is_on_hold: the reason is the one that was given.
func TestTruth_why_a_token_is_on_hold(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("amara", "north")
	sentences := map[string]string{"lost": "because it is lost.", "stolen": "because it was stolen.", "misused": "because someone may have used it."}
	for reason, sentence := range sentences {
		s.giveKey(h, "Token "+reason)
		in := s.sessionWith(h, len(h.keys)-1)
		id := h.keyIDs[len(h.keyIDs)-1]
		if reason == "lost" {
			s.sessionWith(h, len(h.keys)-1)
		}
		in.post("/me/tokens/"+string(id)+"/lost", url.Values{"reason": {reason}})
		if stopped := in.get("/me/tokens/" + string(id) + "/stopped"); reason == "lost" {
			stopped.shows(t, reason, http.StatusOK, "1 other session that it led to has ended.")
		} else {
			stopped.lacks(t, reason, "other session that it led to has ended")
		}
		page := in.get("/me/tokens/" + string(id) + "/found")
		page.shows(t, reason, http.StatusOK, sentence)
		for other, wrong := range sentences {
			if other != reason {
				page.lacks(t, reason, wrong)
			}
		}
	}
}
