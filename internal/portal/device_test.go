package portal_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

const deviceFindings = `"findings":[{"row":"secure","answer":"ok"},{"row":"clock","answer":"slow","number":47},{"row":"key","answer":"untried"}]`

// deviceSaved is the answer to a report.
type deviceSaved struct{ Code, Receipt, Key, Browser string }

func (b *browser) check(body string) deviceSaved {
	b.s.t.Helper()
	a := b.postJSON("/device/report", body)
	if a.StatusCode != http.StatusOK {
		b.s.t.Fatalf("report %s: %d %s", body, a.StatusCode, a.body)
	}
	var saved deviceSaved
	unmarshal(b.s.t, a.body, &saved)
	return saved
}

func TestDevicePage(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	page := s.browser().get("/device").body
	for _, want := range []string{"Chrome 141 on Windows", address, "192.0.2.7", `<noscript><p>`, "The checks need JavaScript"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page for everybody does not say %q", want)
		}
	}
	if n := strings.Count(page, `data-row=`); n != len(signin.DeviceRows) {
		t.Errorf("%d rows, want %d", n, len(signin.DeviceRows))
	}
	if odd := regexp.MustCompile(`[>"]device\.[a-z][^<"]*`).FindString(page); odd != "" {
		t.Errorf("the page shows %q, want words", odd)
	}
	var options struct {
		Now     int64
		Options struct {
			Challenge, UserVerification string
			Timeout                     int
		}
	}
	first := s.browser().get("/device/options").body
	unmarshal(t, first, &options)
	if options.Now != s.clock.Now().UnixMilli() || options.Options.Timeout != 20_000 || options.Options.UserVerification != "discouraged" || len(options.Options.Challenge) < 22 {
		t.Errorf("options are %s", first)
	}
	if second := s.browser().get("/device/options").body; second == first {
		t.Error("two challenges are alike")
	}
}

func TestDeviceReport(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	h := s.add("helper", "north")
	s.giveKey(h, "Lanyard")
	s.grant(h, staffkey.RoleHelpdesk, "south")
	helper, caller := s.session(h), s.browser()

	saved := caller.check(`{` + deviceFindings + `,"capabilities":{"conditionalGet":true},"version":"141.0.7390.54","platform":"15.0.0"}`)
	if saved.Browser != "Chrome 141 on Windows 11" || saved.Key != "untried" {
		t.Errorf("saved %+v", saved)
	}
	page := helper.openCode(saved.Code)
	for _, want := range []string{"Device check " + saved.Code, "1 thing to fix", "47 seconds slow", "Chrome 141 on Windows 11: can use keys", "conditionalGet", "Not tried yet"} {
		if !strings.Contains(page.body, want) {
			t.Errorf("the helpdesk does not see %q", want)
		}
	}
	if strings.Contains(page.body, "192.0.2.7") {
		t.Error("the address of whoever checked is kept")
	}

	// The same page puts how a try ended under the same code.
	for i, try := range []struct{ try, key, says string }{
		{`{"name":"answered","ms":3000}`, "answered", "Your key answers"},
		{`{"name":"NotAllowedError","ms":5000.5,"detail":"<b>"}`, "noanswer", "No key answered"},
		{`{"name":"NotAllowedError","ms":18500}`, "timeout", "Nobody touched a key"},
		{`{"name":"NotAllowedError","ms":200}`, "instant", "could not open its key window"},
		{`{"name":"SecurityError","ms":20}`, "domain", "takes no keys at this address"},
		{`{"name":"string","ms":-1}`, "data", "did not say what happened"},
	} {
		again := caller.check(fmt.Sprintf(`{"receipt":%q,%s,"try":%s}`, saved.Receipt, deviceFindings, try.try))
		if again.Code != saved.Code || again.Key != try.key {
			t.Errorf("try %d: %+v, want %s under %s", i, again, try.key, saved.Code)
		}
		if body := helper.openCode(saved.Code).body; !strings.Contains(body, try.says) {
			t.Errorf("try %d: the helpdesk does not see %q", i, try.says)
		}
	}
	for _, receipt := range []string{"AAAA", "!", saved.Code} {
		if other := caller.check(fmt.Sprintf(`{"receipt":%q,%s}`, receipt, deviceFindings)); other.Code == saved.Code {
			t.Errorf("receipt %q changes the check of another", receipt)
		}
	}

	// As the code is heard and typed.
	for _, typed := range []string{strings.ToLower(saved.Code), " " + strings.ReplaceAll(saved.Code, "-", " ")} {
		a := helper.post("/support", url.Values{"code": {typed}})
		if a.StatusCode != http.StatusSeeOther {
			t.Fatalf("code %q: %d", typed, a.StatusCode)
		}
		if b := helper.get(a.location()); b.StatusCode != http.StatusOK {
			t.Errorf("code %q: %d, want 200", typed, b.StatusCode)
		}
	}
	if a := helper.post("/support", url.Values{"code": {" "}}); a.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(a.body, "Enter the code") {
		t.Errorf("no code: %d", a.StatusCode)
	}
	for _, code := range []string{"ZZZZ-ZZ", "2222 2O"} {
		if a := helper.openCode(code); a.StatusCode != http.StatusNotFound || !strings.Contains(a.body, "No code of people whom you look after") {
			t.Errorf("code %q: %d, want 404 with the form", code, a.StatusCode)
		}
	}
	s.clock.Advance(24 * time.Hour)
	if a := s.session(h).openCode(saved.Code); a.StatusCode != http.StatusNotFound {
		t.Errorf("a day later: %d, want 404", a.StatusCode)
	}
	if late := caller.check(fmt.Sprintf(`{"receipt":%q,%s}`, saved.Receipt, deviceFindings)); late.Code == saved.Code {
		t.Error("a check that has expired is changed")
	}
}

func TestDeviceReportsThatAreNone(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	b := s.browser()
	long := strings.Repeat("A", 9<<10)
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"nothing":            {``, http.StatusBadRequest},
		"no object":          {`[]`, http.StatusBadRequest},
		"no findings":        {`{}`, http.StatusBadRequest},
		"null":               {`null`, http.StatusBadRequest},
		"two objects":        {`{` + deviceFindings + `}{}`, http.StatusBadRequest},
		"unknown field":      {`{` + deviceFindings + `,"person":"amara"}`, http.StatusBadRequest},
		"unknown row":        {`{"findings":[{"row":"name","answer":"ok"}]}`, http.StatusBadRequest},
		"unknown answer":     {`{"findings":[{"row":"secure","answer":"<b>"}]}`, http.StatusBadRequest},
		"row twice":          {`{"findings":[{"row":"secure","answer":"ok"},{"row":"secure","answer":"ok"}]}`, http.StatusBadRequest},
		"row of the server":  {`{"findings":[{"row":"browser","answer":"ok"}]}`, http.StatusBadRequest},
		"number where none":  {`{"findings":[{"row":"secure","answer":"ok","number":1}]}`, http.StatusBadRequest},
		"number too large":   {`{"findings":[{"row":"clock","answer":"slow","number":16000001}]}`, http.StatusBadRequest},
		"negative number":    {`{"findings":[{"row":"clock","answer":"slow","number":-1}]}`, http.StatusBadRequest},
		"fraction":           {`{"findings":[{"row":"clock","answer":"slow","number":1.5}]}`, http.StatusBadRequest},
		"unknown capability": {`{` + deviceFindings + `,"capabilities":{"extension:appid":true}}`, http.StatusBadRequest},
		"capability of text": {`{` + deviceFindings + `,"capabilities":{"conditionalGet":"yes"}}`, http.StatusBadRequest},
		"words as version":   {`{` + deviceFindings + `,"version":"call 0800 now"}`, http.StatusBadRequest},
		"words as platform":  {`{` + deviceFindings + `,"platform":"<b>"}`, http.StatusBadRequest},
		"long name":          {`{` + deviceFindings + `,"try":{"name":"` + long[:61] + `","ms":1}}`, http.StatusBadRequest},
		"long detail":        {`{` + deviceFindings + `,"try":{"name":"x","ms":1,"detail":"` + long[:801] + `"}}`, http.StatusBadRequest},
		"end of another use": {`{` + deviceFindings + `,"try":{"name":"nojs","ms":1}}`, http.StatusBadRequest},
		"long receipt":       {`{` + deviceFindings + `,"receipt":"` + long[:513] + `"}`, http.StatusBadRequest},
		"too large":          {`{` + deviceFindings + `,"receipt":"` + long + `"}`, http.StatusRequestEntityTooLarge},
	} {
		if a := b.send(b.request("POST", "/device/report", "application/json", test.body)); a.StatusCode != test.want {
			t.Errorf("%s: %d, want %d", name, a.StatusCode, test.want)
		}
	}
	if a := b.post("/device/report", url.Values{"findings": {"x"}}); a.StatusCode != http.StatusUnsupportedMediaType {
		t.Errorf("a form: %d, want 415", a.StatusCode)
	}
}

func TestDeviceReportsAreBounded(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	send := func(ip string) int {
		b := s.browser()
		r := b.request("POST", "/device/report", "application/json", `{`+deviceFindings+`}`)
		r.RemoteAddr = ip
		return b.send(r).StatusCode
	}
	for i := range 60 {
		if status := send(fmt.Sprintf("[2001:db8:1:2::%x]:4711", i)); status != http.StatusOK {
			t.Fatalf("report %d of one network: %d, want 200", i+1, status)
		}
	}
	if status := send("[2001:db8:1:2:ffff::1]:4711"); status != http.StatusTooManyRequests {
		t.Errorf("report 61 of one network in a minute: %d, want 429", status)
	}
	for i := range 180 {
		if status := send(fmt.Sprintf("198.51.100.%d:4711", i)); status != http.StatusOK {
			t.Fatalf("report %d of others: %d, want 200", i+1, status)
		}
	}
	more := 0
	for ; more <= 80 && send(fmt.Sprintf("203.0.113.%d:4711", more)) == http.StatusOK; more++ { // on credit, while the database answers
	}
	if more > 80 {
		t.Errorf("%d reports in a minute are taken, want 429 after 240, or 80 more on credit", 240+more)
	}
	s.clock.Advance(time.Minute)
	if status := send("[2001:db8:1:2::1]:4711"); status != http.StatusOK {
		t.Errorf("a minute later: %d, want 200", status)
	}
}

func TestDeviceChecksAreForWhoeverHelps(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	code := s.browser().check(`{` + deviceFindings + `}`).Code
	visitor := s.browser()
	for _, path := range []string{"/support", "/support/case"} {
		if a := visitor.get(path); !strings.HasPrefix(a.location(), "/signin") {
			t.Errorf("a visitor: %d %s, want the way to sign in", a.StatusCode, a.location())
		}
	}
	if a := visitor.openCode(code); a.StatusCode != http.StatusUnauthorized {
		t.Errorf("a code typed by a visitor: %d", a.StatusCode)
	}
	want := map[staffkey.Role]int{
		"": http.StatusForbidden, staffkey.RoleOperator: http.StatusOK, staffkey.RoleLocalAdministrator: http.StatusOK,
		staffkey.RoleHelpdesk: http.StatusOK, staffkey.RoleAuditor: http.StatusOK,
	}
	for role, status := range want {
		h := s.add("p"+strings.ReplaceAll(string(role), "_", ""), "north")
		s.giveKey(h, "Lanyard")
		if role != "" {
			s.grant(h, role, "top")
		}
		who := s.session(h)
		if a := who.get("/support"); a.StatusCode != status {
			t.Errorf("the box as %q: %d, want %d", role, a.StatusCode, status)
		}
		if a := who.openCode(code); a.StatusCode != status {
			t.Errorf("a code typed by %q: %d, want %d", role, a.StatusCode, status)
		}
		if has := strings.Contains(who.get("/device").body, `href="/support"`); has != (status == http.StatusOK) {
			t.Errorf("the way to the checks of others is shown to %q: %v", role, has)
		}
	}
}

func TestOldBrowsersAreToldSo(t *testing.T) {
	t.Parallel()
	s := newStack(t, address)
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko":                                                 "Internet Explorer on Windows cannot use keys",
		"Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0":                                                "Firefox 143 on Linux: can use keys",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15": "Safari 18 on macOS: can use keys",
		"Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36 Edg/99999999999.0": "Edge on Windows: can use keys",
		"curl/8.0": `<div class="check-answer" data-answer="unknown" data-verdict="unknown">`,
	} {
		b := s.browser()
		r := b.request("GET", "/device", "", "")
		r.Header.Set("User-Agent", agent)
		if body := b.send(r).body; !strings.Contains(body, want) {
			t.Errorf("%s: the page does not say %q", agent, want)
		}
	}
}
