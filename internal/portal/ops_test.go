package portal_test

import (
	"bytes"
	"encoding/pem"
	"errors"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
)

// operator signs an operator in, and gives a person with a key to look after.
func (s *stack) operator() (op *browser, person *holder) {
	s.t.Helper()
	h := s.add("operator", "top")
	s.giveKey(h, "Lanyard")
	s.grant(h, staffkey.RoleOperator, "top")
	person = s.add("amara", "north")
	s.giveKey(person, "Blue")
	return s.session(h), person
}

// alliance lets the stack believe metadata of an issuer.
func (s *stack) alliance() *mdstest.Issuer {
	s.t.Helper()
	issuer := mdstest.New(s.t, s.clock.Now())
	s.models.Believe(mds.Trust{Roots: issuer.Roots()})
	return issuer
}

// hidden returns what the hidden fields of a page's form hold.
func (a answer) hidden(form string) url.Values {
	_, rest, _ := strings.Cut(a.body, `id="`+form+`"`)
	rest, _, _ = strings.Cut(rest, "</form>")
	fields := url.Values{}
	for _, m := range regexp.MustCompile(`type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllStringSubmatch(rest, -1) {
		fields.Set(m[1], html.UnescapeString(m[2]))
	}
	return fields
}

func (b *browser) upload(path, field, name string, content []byte) answer {
	b.s.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err = errors.Join(err, form.Close()); err != nil {
		b.s.t.Fatal(err)
	}
	return b.send(b.request("POST", path, form.FormDataContentType(), body.String()))
}

// F82: an operator sees who uses a model, what a rule would do, and only then decides; the next sign-in follows it.
func TestOperators_deny_a_model(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		model := s.keys(h)[0].AAGUID
		op.get("/me").shows(t, "Home", http.StatusOK, `href="/ops"`)
		if home := s.session(h).get("/me"); strings.Contains(home.body, `href="/ops"`) {
			t.Error("a person without a role is shown the way to the operators' pages")
		}
		op.get("/ops/models?organisation=north").shows(t, "the models of an organisation", http.StatusOK, `href="/ops/models/`+model+`?organisation=north"`, ">1</td>",
			`type="hidden" name="organisation" value="north"`)
		op.get("/ops/models/"+model+"?organisation=north").shows(t, "the model in an organisation", http.StatusOK, `href="/ops/models?organisation=north"`,
			`href="/ops/recall?organisation=north&model=`+model+`"`)
		op.get("/ops/models").shows(t, "the models", http.StatusOK, model, ">2</td>", "Not named")
		page := op.get("/ops/models/" + model)
		page.shows(t, "the model", http.StatusOK, "2 people", "As for all models that are not named: Allowed.")

		form := page.hidden("model-form")
		form.Set("rule", "deny")
		form.Set("organisation", "north")
		check := op.post("/ops/models/"+model, form)
		check.shows(t, "the check", http.StatusOK, "1 person would have a key refused.", "1 of them would have no key left", "Not named", "Denied", "North")
		if strings.Contains(check.body, "operator") && strings.Contains(check.body, "2 people would") {
			t.Error("somebody outside the organisation is counted")
		}
		if got, _, _, err := s.directory.KeyRules(t.Context(), staffkey.ConsoleActor(), "north"); err != nil || got != nil {
			t.Fatalf("a check has decided %v, error %v", got, err)
		}
		s.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key before", "/me")

		save := check.hidden("save-form")
		op.post("/ops/rules/save", save).leads(t, "saving", "/ops/models/"+model+"?organisation=north")
		op.get("/ops/models/"+model+"?organisation=north").shows(t, "the model after", http.StatusOK, "Saved. It holds from now on.", `id="rule-deny" checked`)
		s.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key after", "/signin/outcome")

		// Who saves what was changed meanwhile is shown what saving would do now.
		again := op.post("/ops/rules/save", save)
		again.shows(t, "saving twice", http.StatusOK, "Somebody else has changed these rules meanwhile", "This changes nothing")
		free := again.hidden("save-form")
		free.Set("rules", "null")
		op.post("/ops/rules/save", free).leads(t, "taking it back", "/ops/models/"+model+"?organisation=north")
		s.browser().touch(h.key, "/signin/options", "/signin/passwordless").leads(t, "the key in the end", "/me")
	})
}

func TestOperators_type_nonsense(t *testing.T) {
	t.Parallel()
	each(t, typeNonsense)
}

func typeNonsense(t *testing.T, s *stack) {
	op, h := s.operator()
	model := s.keys(h)[0].AAGUID
	for _, test := range []struct {
		path, form string
		set        url.Values
		status     int
		want       string
	}{
		{"/ops/models/" + model, "model-form", url.Values{"rule": {"maybe"}}, http.StatusUnprocessableEntity, "Choose one of the rules"},
		{"/ops/models/" + model, "model-form", url.Values{"rule": {"allow"}, "firmware": {"<b>"}}, http.StatusUnprocessableEntity, "Enter a version such as 5.4.3"},
		{"/ops/rules", "rules-form", url.Values{"others": {"maybe"}}, http.StatusUnprocessableEntity, "Choose one of the rules"},
		{"/ops/rules", "rules-form", url.Values{"level": {"L9"}}, http.StatusUnprocessableEntity, "Choose one of the rules"},
		{"/ops/rules", "rules-form", url.Values{"min_pin": {"six"}}, http.StatusUnprocessableEntity, "Enter a number from 0 to 63"},
		{"/ops/rules", "rules-form", url.Values{"min_pin": {"64"}}, http.StatusUnprocessableEntity, "Enter a number from 0 to 63"},
	} {
		form := op.get(test.path).hidden(test.form)
		for name, values := range test.set {
			form[name] = values
		}
		a := op.post(test.path, form)
		a.shows(t, test.path+" "+test.set.Encode(), test.status, test.want, "There is a problem")
		for _, values := range test.set {
			if test.set.Get("min_pin") != "" && !strings.Contains(html.UnescapeString(a.body), `value="`+values[0]+`"`) {
				t.Errorf("%s: %q is lost", test.path, values[0])
			}
		}
	}
	for _, rules := range []string{"", "{", `{"others":"maybe"}`, `{"unknown":1}`, `[]`, `{"models":{"x":"deny"}}`} {
		form := url.Values{"organisation": {"north"}, "rules": {rules}, "version": {op.get("/ops/rules?organisation=north").hidden("rules-form").Get("version")}}
		if a := op.post("/ops/rules/save", form); a.StatusCode != http.StatusBadRequest {
			t.Errorf("saving rules %q: status %d, want 400", rules, a.StatusCode)
		}
	}
	op.post("/ops/rules/save", url.Values{"organisation": {"north"}, "rules": {"null"}, "version": {op.get("/ops/rules?organisation=north").hidden("rules-form").Get("version")}, "back": {"https://evil.example/"}}).
		leads(t, "a way back to elsewhere", "/ops/rules")
	for _, path := range []string{"/ops/models/yubikey", "/ops/models?organisation=nowhere", "/ops/rules?organisation=%3Cb%3E", "/ops/rules?organisation=%00", "/ops/rules?organisation=%FF", "/models/x/picture", "/models/" + model + "/picture"} {
		if a := op.get(path); a.StatusCode != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, a.StatusCode)
		}
	}
	for _, path := range []string{"/ops/models?page=-1", "/ops/models?page=99999999999999", "/ops/models?show=none&q=%00", "/ops/models?q=" + strings.Repeat("a", 3000)} {
		if a := op.get(path); a.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d, want 200", path, a.StatusCode)
		}
	}
}

// Every rule of the form comes to what it says, and back to what holds above when it is left empty.
func TestOperators_set_rules(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	op, _ := s.operator()
	form := op.get("/ops/rules?organisation=north").hidden("rules-form")
	for name, value := range map[string]string{
		"others": "review", "attestation": "proven", "level": "L1+", "synced": "no", "verify_person": "yes", "conveyance": "enterprise", "min_pin": "6",
		"finding_revoked": "flag", "finding_user_key_physical_compromise": "ignore",
	} {
		form.Set(name, value)
	}
	check := op.post("/ops/rules", form)
	check.shows(t, "the check", http.StatusOK, "Need a review", "L1+", "Its model and serial number", "Told and listed; new keys need a review", "Nothing")
	op.post("/ops/rules/save", check.hidden("save-form")).leads(t, "saving", "/ops/rules?organisation=north")
	own, _, _, err := s.directory.KeyRules(t.Context(), staffkey.ConsoleActor(), "north")
	if err != nil {
		t.Fatal(err)
	}
	if *own.Others != staffkey.ModelReview || *own.Attestation != staffkey.AttestationProven || *own.Level != staffkey.Level1Plus || *own.Synced || !*own.VerifyPerson ||
		*own.Conveyance != staffkey.ConveyEnterprise || *own.MinPIN != 6 || own.Findings[staffkey.FindingRevoked] != staffkey.FindingFlag ||
		own.Findings[staffkey.FindingPhysicalCompromise] != staffkey.FindingIgnore || len(own.Findings) != 2 {
		t.Errorf("rules are %+v", *own)
	}
	page := op.get("/ops/rules?organisation=north")
	page.shows(t, "the rules after", http.StatusOK, `<option value="review" selected>`, `<option value="enterprise" selected>`, `value="6"`)
	check = op.post("/ops/rules", page.hidden("rules-form")) // all empty
	op.post("/ops/rules/save", check.hidden("save-form"))
	if own, _, _, err := s.directory.KeyRules(t.Context(), staffkey.ConsoleActor(), "north"); err != nil || own != nil {
		t.Errorf("rules are %v, error %v, want none", own, err)
	}
}

// unread is a body that nobody may read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the body was read before it was known who sends it")
	return 0, io.EOF
}

// Metadata that a command or another node has imported is there when an operator looks, with its models.
func TestOperators_see_metadata_that_another_imported(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		issuer := s.alliance()
		entry := mdstest.Model{AAGUID: s.keys(h)[0].AAGUID, Description: "Key of the alliance"}
		other := s.otherNode()
		other.models.Believe(mds.Trust{Roots: issuer.Roots()})
		if _, err := other.directory.ImportMetadata(t.Context(), staffkey.ConsoleActor(), issuer.BLOB(t, 12, s.clock.Now().AddDate(0, 1, 0), entry), "blob.jwt", directory.ImportChoice{}); err != nil {
			t.Fatal(err)
		}
		op.get("/ops").shows(t, "the overview", http.StatusOK, "Number 12, 1 model,")
	})
}

// F81: metadata by a page: what was signed by the right one is used, anything else is told and changes nothing.
func TestOperators_import_metadata(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		others := map[string]*browser{"visitor": s.browser(), "person": s.session(h), "weak operator": s.byPassword(s.people["operator"])}
		issuer := s.alliance()
		model := s.keys(h)[0].AAGUID
		entry := mdstest.Model{AAGUID: model, Description: "Key of the alliance", Icon: mdstest.PNG(t), Reports: []mdstest.Report{{Status: "REVOKED", Since: "2026-01-02"}}}
		next := s.clock.Now().AddDate(0, 1, 0)
		op.get("/ops").shows(t, "the overview before", http.StatusOK, "Import FIDO metadata")
		check := op.upload("/ops/metadata", "file", `C:\Downloads\blob.jwt`, issuer.BLOB(t, 7, next, entry))
		check.shows(t, "the check", http.StatusOK, "Metadata number 7 would refuse keys", "blob.jwt", "Key of the alliance", "REVOKED", "Waits for your decision")
		if m, err := s.directory.Metadata(t.Context()); err != nil || m.Number != 0 {
			t.Errorf("a check has imported number %d, error %v", m.Number, err)
		}
		op.post("/ops/metadata/use", check.hidden("use-form")).leads(t, "the import", "/ops/metadata")
		op.get("/ops/metadata").shows(t, "the metadata", http.StatusOK, "Metadata number 7 is in use", "blob.jwt", "Next issue")
		op.get("/ops").shows(t, "the overview", http.StatusOK, "1 model in use has a known fault", "Number 7, 1 model,")
		op.get("/ops/models?show=faults").shows(t, "the faults", http.StatusOK, "Key of the alliance", "Certification revoked")
		op.get("/ops/models/"+model).shows(t, "the model", http.StatusOK, "Key of the alliance", "2 January 2026", "Waits for a decision")
		picture := op.get("/models/" + model + "/picture")
		if picture.StatusCode != http.StatusOK || picture.Header.Get("Content-Type") != "image/png" || picture.body != string(mdstest.PNG(t)) ||
			!strings.Contains(picture.Header.Get("Content-Security-Policy"), "sandbox") || picture.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("the picture: %d, %v", picture.StatusCode, picture.Header)
		}
		for name, test := range map[string]struct {
			content []byte
			want    string
		}{
			"older":    {issuer.BLOB(t, 6, next, entry), "has number 6, which is older"},
			"stranger": {mdstest.New(t, s.clock.Now()).BLOB(t, 8, next, entry), "not signed by the FIDO Alliance"},
			"nonsense": {[]byte("<html>"), "This is no signed metadata"},
			"nothing":  {nil, "Choose a file first"},
		} {
			op.upload("/ops/metadata", "file", "x", test.content).shows(t, name, http.StatusUnprocessableEntity, test.want, "There is a problem")
		}
		op.upload("/ops/metadata", "other", "x", []byte("x")).shows(t, "another field", http.StatusUnprocessableEntity, "Choose a file first")
		if a := op.send(op.request("POST", "/ops/metadata", "multipart/form-data; boundary=x", "--x\r\nbroken")); a.StatusCode != http.StatusBadRequest {
			t.Errorf("a broken form: status %d, want 400", a.StatusCode)
		}
		if m, err := s.directory.Metadata(t.Context()); err != nil || m.Number != 7 {
			t.Errorf("after all that number %d is in use, error %v", m.Number, err)
		}
		for who, b := range others {
			r := b.request("POST", "/ops/metadata", "multipart/form-data; boundary=x", "")
			r.Body, r.ContentLength = io.NopCloser(unread{t}), 10<<20
			if a := b.send(r); a.StatusCode != http.StatusUnauthorized && a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: status %d, want 401 or 403", who, a.StatusCode)
			}
		}
	})
}

// counted is a body without an end that counts what is read of it.
type counted struct{ n int64 }

func (c *counted) Read(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// Nobody makes the server hold a large body: not by the path that takes one, when the request is refused before it, and not by a path
// that answers everybody.
func TestBodies_are_bounded(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	op, _ := s.operator()
	for _, test := range []struct {
		who                *browser
		path, host, header string
	}{
		{s.browser(), "/ops/metadata", "", "cross-site"}, {op, "/ops/metadata", "", "cross-site"}, {s.browser(), "/ops/metadata", "other.example", ""}, {op, "/ops/metadata/x", "", ""},
		{s.browser(), "/healthz", "", ""}, {s.browser(), "/readyz", "", ""}, {s.browser(), "/.well-known/webauthn", "", ""}, {s.browser(), "/signin", "", ""}, {s.browser(), "/nowhere", "", ""},
	} {
		r := test.who.request("POST", test.path, "multipart/form-data; boundary=x", "")
		body := &counted{}
		r.Body, r.ContentLength = io.NopCloser(body), -1
		if test.host != "" {
			r.Host = test.host
		}
		if test.header != "" {
			r.Header.Set("Sec-Fetch-Site", test.header)
		}
		a := test.who.send(r)
		if a.StatusCode < 400 || a.StatusCode >= 500 || body.n > 256<<10 {
			t.Errorf("POST %s at %q, %s: status %d after %d bytes, want a refusal after 64 KB", test.path, test.host, test.header, a.StatusCode, body.n)
		}
	}
	r := op.request("POST", "/ops/metadata", "multipart/form-data; boundary=x", "")
	r.Body, r.ContentLength = io.NopCloser(&counted{}), -1
	if a := op.send(r); a.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("a file without an end: status %d, want 413", a.StatusCode)
	}
}

// F83: a recall from a page, seen by whom it concerns before it starts, and taken back.
func TestOperators_recall(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		model := s.keys(h)[0].AAGUID
		op.get("/ops/recalls").shows(t, "no recalls", http.StatusOK, "There was no recall yet.")
		op.get("/ops/recall?model="+model).shows(t, "the form", http.StatusOK, `value="`+model+`"`, `value="top"`)
		form := url.Values{"aaguid": {model}, "organisation": {"north"}, "until": {s.clock.Now().AddDate(0, 0, 14).Format(time.DateOnly)}, "reason": {"Advisory <26-3>"}, "firmware_below": {"9"}}
		for name, test := range map[string]struct {
			field, value, want string
		}{
			"model": {"aaguid", "yubikey", "Enter an AAGUID"}, "firmware": {"firmware_from", "new", "Enter a version such as"}, "order": {"firmware_from", "10", "must be lower"},
			"organisation": {"organisation", "nowhere", "There is no organisation with the code"}, "no day": {"until", "soon", "Enter the last day"},
			"a day gone": {"until", "2020-01-01", "Enter a day from today"}, "no reason": {"reason", " ", "Fill this in"},
		} {
			wrong := url.Values{}
			for k, v := range form {
				wrong[k] = v
			}
			wrong.Set(test.field, test.value)
			op.post("/ops/recall", wrong).shows(t, name, http.StatusUnprocessableEntity, test.want, "There is a problem")
			op.post("/ops/recalls", wrong).shows(t, name+" at the start", http.StatusUnprocessableEntity, test.want)
		}
		check := op.post("/ops/recall", form)
		check.shows(t, "the check", http.StatusOK, "1 person has such a key.", "North", "Advisory <26-3>", "below 9")
		typed := check.hidden("start-form")
		back := url.Values{"back": {"1"}}
		for k, v := range typed {
			back[k] = v
		}
		op.post("/ops/recall", back).shows(t, "back to the form", http.StatusOK, "Advisory <26-3>", "See whom it concerns")
		if list, err := s.directory.ListRecalls(t.Context(), staffkey.ConsoleActor()); err != nil || len(list) != 0 {
			t.Fatalf("a check has started %v, error %v", list, err)
		}
		path := op.post("/ops/recalls", typed).location()
		op.get(path).shows(t, "the recall", http.StatusOK, "The recall has started", "0% replaced.", "1 person of 1 still has such a key.", "Name of operator")
		op.get("/ops").shows(t, "the overview", http.StatusOK, "1 person still has a recalled key")
		file := op.get(path + "/organisations.csv")
		if file.Header.Get("Content-Type") != "text/csv; charset=utf-8" || !strings.HasPrefix(file.body, "\uFEFFcode,organisation,affected,replaced,left\nnorth,") || !strings.HasSuffix(file.body, ",1,0,1\n") {
			t.Errorf("the file: %v %q", file.Header, file.body)
		}
		op.get(path+"/undo").shows(t, "before it is taken back", http.StatusOK, "Take this recall back?", "The key of 1 person counts as before")
		op.post(path+"/undo", nil).leads(t, "taking it back", path)
		op.get(path).shows(t, "the recall after", http.StatusOK, "The recall is taken back", "Taken back")
		op.get(path+"/undo").leads(t, "taking it back once more", path)
		op.post(path+"/undo", nil).shows(t, "twice", http.StatusGone, "cannot be taken back")
	})
}

// F82: a key that needs a review is seen and put in use by an operator, who cannot do so for themselves.
func TestOperators_review_keys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		op.get("/ops/reviews").shows(t, "nothing waits", http.StatusOK, "No key waits.")
		s.decide("top", staffkey.PolicySettings{Keys: &staffkey.KeyRules{Others: new(staffkey.ModelReview)}})
		s.giveKey(h, "Waiting")
		s.giveKey(s.people["operator"], "Own")
		page := op.get("/ops/reviews")
		page.shows(t, "two wait", http.StatusOK, "Name of amara", "Waiting", "Model not proved", "Name of operator")
		op.get("/ops").shows(t, "the overview", http.StatusOK, "2 new keys wait for a review")
		var theirs, own staffkey.SecurityKey
		for _, k := range append(s.keys(h), s.keys(s.people["operator"])...) {
			switch k.Nickname {
			case "Waiting":
				theirs = k
			case "Own":
				own = k
			}
		}
		op.post("/ops/reviews", url.Values{"person": {string(theirs.Person)}, "key": {string(theirs.ID)}}).leads(t, "put in use", "/ops/reviews")
		op.get("/ops/reviews").shows(t, "one waits", http.StatusOK, "The key of Name of amara is in use.")
		if a := op.post("/ops/reviews", url.Values{"person": {string(own.Person)}, "key": {string(own.ID)}}); a.StatusCode != http.StatusForbidden {
			t.Errorf("an operator's own key: status %d, want 403", a.StatusCode)
		}
		if a := op.post("/ops/reviews", url.Values{"person": {"x"}, "key": {"y"}}); a.StatusCode != http.StatusNotFound {
			t.Errorf("nonsense: status %d, want 404", a.StatusCode)
		}
		for _, k := range s.keys(h) {
			if k.State != staffkey.SecurityKeyActive {
				t.Errorf("%s is %s", k.Nickname, k.State)
			}
		}
	})
}

// V5: trust anchors by a page: what would come of a file is said first, and what is no certificate adds nothing and loses nothing.
func TestOperators_add_trust_anchors(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *stack) {
		op, h := s.operator()
		issuer, err := softkey.DefaultIssuer()
		if err != nil {
			t.Fatal(err)
		}
		model := s.keys(h)[0].AAGUID
		file := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: issuer.Root().Raw})
		op.get("/ops/metadata").shows(t, "the metadata", http.StatusOK, `href="/ops/anchors"`)
		op.get("/ops/anchors").shows(t, "no anchors", http.StatusOK, "There are none.")
		upload := func(aaguid string, content []byte) answer {
			return op.upload("/ops/anchors?model="+url.QueryEscape(aaguid), "file", `C:\Downloads\maker.pem`, content)
		}
		upload(model, []byte("<html>")).shows(t, "no certificate", http.StatusUnprocessableEntity, "holds certificates in PEM or DER", `action="/ops/anchors?model=`+model+`"`)
		op.get("/ops/anchors?model="+model).shows(t, "the file is asked for", http.StatusOK, `enctype="multipart/form-data"`)
		op.get("/ops/anchors?model=YubiKey").shows(t, "nonsense", http.StatusOK, "There is a problem", `value="YubiKey"`)
		upload(model, nil).shows(t, "no file", http.StatusUnprocessableEntity, "Choose a file of at most 256 KB")
		upload("YubiKey", file).shows(t, "no model", http.StatusUnprocessableEntity, "There is a problem", `value="YubiKey"`)
		check := upload(" "+strings.ToUpper(model), file)
		check.shows(t, "the preview", http.StatusOK, "Trust these certificates?", model, "maker.pem", "Whoever holds the private key")
		op.get("/ops/anchors").shows(t, "a look adds nothing", http.StatusOK, "There are none.")
		op.post("/ops/anchors/add", check.hidden("anchors-add-form")).leads(t, "adding", "/ops/anchors")
		list := op.get("/ops/anchors")
		list.shows(t, "the anchors", http.StatusOK, model, "maker.pem", "The certificates are trusted.")
		anchors, err := s.directory.ListAnchors(t.Context(), staffkey.ConsoleActor())
		if err != nil || len(anchors) != 1 {
			t.Fatalf("anchors %+v, error %v, want one", anchors, err)
		}
		remove := "/ops/anchors/" + string(anchors[0].ID) + "/remove"
		if answer := s.session(h).post(remove, url.Values{}); answer.StatusCode == http.StatusSeeOther && answer.Header.Get("Location") == "/ops/anchors" {
			t.Error("a person has taken an anchor away")
		}
		op.post(remove, url.Values{}).leads(t, "removing", "/ops/anchors")
		op.get("/ops/anchors").shows(t, "the anchors after", http.StatusOK, "There are none.", "trusted no more")
		op.post(remove, url.Values{}).shows(t, "removing it again", http.StatusNotFound)
	})
}
