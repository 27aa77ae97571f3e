package portal_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"staffkey"
	"staffkey/internal/signin/securitykey/mds/mdstest"
)

// A5: the last operator does not lose the way in by two clicks, and nobody's own key is refused before they say that they know.
func TestOperators_do_not_lock_themselves_out(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		model := s.keys(h)[0].AAGUID
		form := op.get("/ops/models/" + model).hidden("model-form")
		form.Set("rule", "deny")
		check := op.post("/ops/models/"+model, form)
		check.shows(t, "the check", http.StatusOK, "2 people would have a key refused.", "Your own key is one of them (Lanyard), and you would have no other", "No operator would have a key that is taken",
			"2 of them would have no way left to sign in.", "Who are they?")
		if strings.Contains(check.body, `name="save"`) {
			t.Error("there is a button that saves it")
		}
		save := check.hidden("save-form")
		save.Set("own", "1")
		op.post("/ops/rules/save", save).shows(t, "saving it all the same", http.StatusUnprocessableEntity, "After this no operator could act here any more")
		if own, _, _, err := s.directory.KeyRules(t.Context(), staffkey.ConsoleActor(), "top"); err != nil || own != nil {
			t.Fatalf("the rules are %v, error %v, want none", own, err)
		}

		// Another operator has another way in: then it is asked whether she knows.
		other := s.add("second", "top")
		s.grant(other, staffkey.RoleOperator, "top")
		s.giveKeyOf(other, "Spare", [16]byte{2})
		form = op.get("/ops/models/" + model).hidden("model-form")
		form.Set("rule", "deny")
		check = op.post("/ops/models/"+model, form)
		check.shows(t, "the check with another operator", http.StatusOK, "Your own key is one of them (Lanyard)", "I know that my own key will be refused", `name="save"`)
		save = check.hidden("save-form")
		op.post("/ops/rules/save", save).shows(t, "saving without a word", http.StatusUnprocessableEntity, "Your own key would be refused. Say that you know it", "There is a problem")
		if own, _, _, err := s.directory.KeyRules(t.Context(), staffkey.ConsoleActor(), "top"); err != nil || own != nil {
			t.Fatalf("the rules are %v, error %v, want none", own, err)
		}
		save.Set("own", "1")
		op.post("/ops/rules/save", save).leads(t, "saving with it", "/ops/models/"+model+"?organisation=top")
	})
}

// Behind every count stands who they are, a page after the other and as a file, for whoever may make the change and nobody else.
func TestOperators_see_who_they_are(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		model := s.keys(h)[0].AAGUID
		form := op.get("/ops/models/" + model).hidden("model-form")
		form.Set("rule", "deny")
		who := op.post("/ops/models/"+model, form).hidden("who-form")
		who.Set("group", "shut_out")
		page := op.post("/ops/people", who)
		page.shows(t, "who", http.StatusOK, "People with no way left to sign in", "Name of amara", "amara", "Blue", "no way to sign in", "Name of operator", "Lanyard")
		file := op.post("/ops/people", merged(page.hidden("file-form"), "file", "1"))
		lines := strings.Split(strings.TrimSpace(strings.TrimPrefix(file.body, staffkey.CSVMark)), "\n")
		if file.Header.Get("Content-Type") != "text/csv; charset=utf-8" || len(lines) != 3 || lines[0] != "username,name,code,organisation,keys,left" || !strings.Contains(file.body, "amara,Name of amara,north,North,Blue,nothing") {
			t.Errorf("the file: %v %q", file.Header, file.body)
		}
		op.post("/ops/people", merged(who, "group", "freed")).shows(t, "nobody", http.StatusOK, "Nobody at present.")
		for what, v := range map[string]url.Values{
			"no group": merged(who, "group", "all"), "no rules": merged(who, "rules", "x"), "no organisation": merged(who, "organisation", "nowhere"), "after nobody": merged(who, "after", "x"),
			"no number": {"number": {"-1"}, "group": {"refused"}}, "no issue": {"number": {"7"}, "group": {"refused"}}, "no hold": {"model": {"x"}, "finding": {"REVOKED"}, "firmware": {"0"}, "group": {"refused"}},
			"no firmware": {"model": {"x"}, "finding": {"REVOKED"}, "firmware": {"x"}, "group": {"refused"}},
		} {
			if a := op.post("/ops/people", v); a.StatusCode < 400 || a.StatusCode >= 500 {
				t.Errorf("%s: status %d, want a refusal", what, a.StatusCode)
			}
		}
		op.get("/ops/models/"+model+"/people").shows(t, "who has the model", http.StatusOK, "People with a key of this model", "Name of amara", "Name of operator")
		if a := op.get("/ops/models/" + model + "/people?organisation=north"); strings.Contains(a.body, "Lanyard") || !strings.Contains(a.body, "Name of amara") {
			t.Error("who has the model in an organisation: somebody else is shown, or nobody")
		}
		s.browser().post("/ops/people", who).shows(t, "a visitor", http.StatusUnauthorized)
		s.session(h).post("/ops/people", who).shows(t, "somebody without a role", http.StatusForbidden)
		op.get("/ops/organisations?q=nor&to=/ops/rules").shows(t, "an organisation to choose", http.StatusOK, `href="/ops/rules?organisation=north"`)
		op.get("/ops/organisations?q=zzz&to=https://evil.example/").shows(t, "none", http.StatusOK, "No organisation matches", `value="/ops/rules"`)
	})
}

func merged(v url.Values, name, value string) url.Values {
	all := url.Values{name: {value}}
	for k, values := range v {
		if k != name {
			all[k] = values
		}
	}
	return all
}

// A5: metadata that would refuse many, or the last operator, waits for a decision: keys are taken, it is told on every overview, and an operator
// goes on taking them, recalls the model, or refuses them.
func TestOperators_decide_about_metadata(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		issuer := s.alliance()
		model := s.keys(h)[0].AAGUID
		entry := mdstest.Model{AAGUID: model, Description: "Key of the alliance", Reports: []mdstest.Report{{Status: "USER_KEY_REMOTE_COMPROMISE", Since: "2026-01-02"}}}
		blob := issuer.BLOB(t, 7, s.clock.Now().AddDate(0, 1, 0), entry)
		check := op.upload("/ops/metadata", "file", "blob.jwt", blob)
		check.shows(t, "the check", http.StatusOK, "2 people would have a key refused.", "USER_KEY_REMOTE_COMPROMISE", "Your own key is one of them", "No operator would have a key that is taken")
		use := check.hidden("use-form")
		op.get("/ops/metadata/check?number=7").shows(t, "the check again", http.StatusOK, "2 people would have a key refused.")
		op.get("/ops/metadata/check?number=8").shows(t, "another number", http.StatusGone, "is not kept any more")
		op.post("/ops/metadata/use", merged(merged(use, "choice", "refuse"), "own", "1")).shows(t, "refusing all at once", http.StatusUnprocessableEntity, "After this no operator could act here any more")
		who := merged(check.hidden("who-form"), "group", "refused")
		op.post("/ops/people", who).shows(t, "who", http.StatusOK, "Name of amara", "Name of operator")

		op.post("/ops/metadata/use", merged(use, "choice", "hold")).leads(t, "the import", "/ops/metadata")
		s.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "a key that is held", "/me")
		op.get("/ops").shows(t, "the overview", http.StatusOK, "Key of the alliance: a fault is reported, and 2 people would have a key refused. Decide what happens")
		op.get("/ops/metadata").shows(t, "the list", http.StatusOK, "Faults that wait for a decision", "To be decided")
		path := "/ops/hold?finding=USER_KEY_REMOTE_COMPROMISE&firmware=0&model=" + model
		hold := op.get(path)
		hold.shows(t, "the decision", http.StatusOK, "Recall the model by a day", "Go on taking these keys", "2 people would have a key refused.")
		form := hold.hidden("hold-form")
		op.post("/ops/hold", form).shows(t, "no decision", http.StatusUnprocessableEntity, "Choose what happens")
		op.post("/ops/hold", merged(merged(form, "decision", "refuse"), "own", "1")).shows(t, "the last operator's key", http.StatusUnprocessableEntity, "no operator could act here any more")

		other := s.add("second", "top")
		s.grant(other, staffkey.RoleOperator, "top")
		s.giveKeyOf(other, "Spare", [16]byte{2})
		op.post("/ops/hold", merged(form, "decision", "refuse")).shows(t, "her own key", http.StatusUnprocessableEntity, "Say that you know it")
		op.post("/ops/hold", merged(form, "decision", "take")).leads(t, "going on", "/ops/metadata")
		op.get("/ops/metadata").shows(t, "the list after", http.StatusOK, "Goes on being taken", "Saved. These keys go on being taken.")
		if a := op.get("/ops"); strings.Contains(a.body, "Decide what happens") {
			t.Error("what was decided is still to do")
		}
		op.post("/ops/hold", merged(form, "decision", "take")).shows(t, "twice", http.StatusGone, "Somebody has decided this meanwhile")
		op.post("/ops/hold", merged(merged(form, "decision", "refuse"), "own", "1")).leads(t, "refusing them", "/ops/metadata")
		s.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "a key after it", "/signin/outcome")
		out := s.browser()
		out.touch(h.key, "/signin/options", "/signin/passwordless")
		out.get("/signin/outcome").shows(t, "what the person reads", http.StatusOK, "A fault of Key of the alliance was reported to the FIDO Alliance")
		op.get(path).shows(t, "a decision that is gone", http.StatusNotFound)
	})
}

// A15: a key that waits for a review is refused with a reason, which its owner reads; it does not come back.
func TestOperators_refuse_a_key_in_review(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		s.decide("top", staffkey.PolicySettings{Keys: &staffkey.KeyRules{Others: new(staffkey.ModelReview)}})
		s.giveKey(h, "Waiting")
		var waiting staffkey.SecurityKey
		for _, k := range s.keys(h) {
			if k.Nickname == "Waiting" {
				waiting = k
			}
		}
		q := "?person=" + string(waiting.Person) + "&key=" + string(waiting.ID)
		op.get("/ops/reviews").shows(t, "the list", http.StatusOK, "/ops/reviews/refuse?person="+string(waiting.Person))
		page := op.get("/ops/reviews/refuse" + q)
		page.shows(t, "the question", http.StatusOK, "Refuse this key?", "Waiting", "Name of amara")
		form := page.hidden("refuse-form")
		op.post("/ops/reviews/refuse", form).shows(t, "no reason", http.StatusUnprocessableEntity, "Fill this in")
		op.post("/ops/reviews/refuse", merged(form, "reason", strings.Repeat("x", 201))).shows(t, "too long a reason", http.StatusUnprocessableEntity, "There is a problem")
		op.post("/ops/reviews/refuse", merged(form, "reason", "Bought <elsewhere>")).leads(t, "refusing", "/ops/reviews")
		op.get("/ops/reviews").shows(t, "the list after", http.StatusOK, "The key of Name of amara is refused.", "No key waits.")
		op.post("/ops/reviews/refuse", merged(form, "reason", "Again")).shows(t, "twice", http.StatusNotFound)
		op.get("/ops/reviews/refuse"+q).shows(t, "the question after", http.StatusNotFound)
		owner := s.session(h)
		if a := owner.get("/me/tokens"); strings.Contains(a.body, "Waiting") {
			t.Error("the owner can take it back")
		}
		owner.post("/me/tokens/"+string(waiting.ID)+"/restore", nil)
		for _, k := range s.keys(h) {
			if k.Nickname == "Waiting" {
				t.Error("the owner took it back")
			}
		}
	})
}
