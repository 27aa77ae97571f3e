package portal

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
)

// devicePage is Check this device, for anybody: what the server sees by itself, and the rows that the page's script fills in.
func (p *Portal) devicePage(r *request) error {
	seen := p.seenOfDevice(r, "", "")
	page := ui.DevicePage{Browser: seen.Browser, Address: p.Address, IP: r.origin.IP}
	standing := findings(seen.Findings)
	standing["script"] = signin.DeviceFinding{Answer: "off"} // until it says otherwise
	if p.secure {
		standing["secure"] = signin.DeviceFinding{Answer: "ok"}
	}
	for _, row := range signin.DeviceRows {
		shown := ui.DeviceRow{ID: row.ID}
		for i, a := range row.Answers {
			answer := deviceAnswer(row.ID, a, 0, seen.Browser)
			f, known := standing[row.ID]
			answer.Shown = known && f.Answer == a.ID || !known && i == 0
			shown.Answers = append(shown.Answers, answer)
		}
		page.Rows = append(page.Rows, shown)
	}
	page.Capabilities = deviceCapabilities(nil)
	return p.render(r, http.StatusOK, "", page)
}

// deviceLinks leads on from an answer.
var deviceLinks = map[string]string{
	"desktop/yes": "/virtual-desktop", "desktop/unsure": "/virtual-desktop", "key/instant": "/virtual-desktop",
	"browser/old": "/unsupported", "api/missing": "/unsupported", "key/none": "/unsupported",
}

func deviceAnswer(row string, a signin.DeviceAnswer, number int, browser string) ui.DeviceAnswer {
	answer := ui.DeviceAnswer{
		Row: row, ID: a.ID, Verdict: string(a.Verdict), Blocks: a.Blocks, Href: deviceLinks[row+"/"+a.ID], Shown: true, Script: a.Number || row == "browser",
	}
	switch {
	case row == "browser":
		answer.Value = browser
	case a.Number:
		answer.Value = strconv.Itoa(number)
	}
	return answer
}

func deviceCapabilities(told map[string]bool) []ui.DeviceCapability {
	list := make([]ui.DeviceCapability, 0, len(signin.DeviceCapabilities))
	for _, name := range signin.DeviceCapabilities {
		c := ui.DeviceCapability{Name: name, Told: "untold"}
		if yes, ok := told[name]; ok {
			c.Told = "no"
			if yes {
				c.Told = "yes"
			}
		}
		list = append(list, c)
	}
	return list
}

func findings(list []signin.DeviceFinding) map[string]signin.DeviceFinding {
	byRow := make(map[string]signin.DeviceFinding, len(list))
	for _, f := range list {
		byRow[f.Row] = f
	}
	return byRow
}

// seenOfDevice is what the server sees by itself; version and platform are the browser's hints, which tell more than its header.
func (p *Portal) seenOfDevice(r *request, version, platform string) signin.DeviceReport {
	seen := signin.DeviceReport{Browser: deviceBrowser(r.UserAgent(), version, platform)}
	browser, host := "ok", "ok"
	if old, _ := unsupported(r.UserAgent()); old {
		browser = "old"
	} else if seen.Browser == "" {
		browser = "unknown"
	}
	if _, err := netip.ParseAddr((&url.URL{Host: p.host}).Hostname()); err == nil {
		host = "number"
	}
	seen.Findings = []signin.DeviceFinding{{Row: "script", Answer: "on"}, {Row: "host", Answer: host}, {Row: "browser", Answer: browser}}
	return seen
}

// deviceOptions gives the page's script a challenge that nothing is done with, to try a key, and the time here.
func (p *Portal) deviceOptions(r *request) error {
	return r.writeJSON(http.StatusOK, map[string]any{
		"now": p.Now().UnixMilli(),
		"options": map[string]any{
			"challenge": rand.Text(), "rpId": p.RPID, "timeout": signin.DeviceTryTimeout.Milliseconds(), "userVerification": "discouraged",
		},
	})
}

// deviceBody is what the page's script found.
type deviceBody struct {
	Receipt      string                 `json:"receipt"`
	Findings     []signin.DeviceFinding `json:"findings"`
	Capabilities map[string]bool        `json:"capabilities"`
	Version      string                 `json:"version"`
	Platform     string                 `json:"platform"`
	Try          *struct {
		Name   string  `json:"name"`
		Millis float64 `json:"ms"`
		Detail string  `json:"detail"`
	} `json:"try"`
}

const (
	maxDeviceBody    = 8 << 10
	maxDeviceReceipt = 512
	maxPromptName    = 60
	maxPromptDetail  = 800 // bytes of 200 characters
)

// versionHint is a version as browsers tell it (User-Agent Client Hints, "141.0.7390.54").
var versionHint = regexp.MustCompile(`^([0-9]{1,6}(\.[0-9]{1,6}){0,4})?$`)

// readDeviceBody reads a report, of exactly the form that our page sends.
func (r *request) readDeviceBody() (deviceBody, error) {
	var body deviceBody
	if r.mediaType() != "application/json" {
		return body, &statusError{http.StatusUnsupportedMediaType, "JSON expected"}
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return body, bodyError(err)
	}
	if len(text) > maxDeviceBody {
		return body, &statusError{http.StatusRequestEntityTooLarge, "body too large"}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&body); err != nil {
		return body, bodyError(err)
	}
	_, behind := d.Token()
	tooLong := body.Try != nil && (len(body.Try.Name) > maxPromptName || len(body.Try.Detail) > maxPromptDetail)
	if behind != io.EOF || tooLong || len(body.Findings) == 0 || len(body.Receipt) > maxDeviceReceipt ||
		!versionHint.MatchString(body.Version) || !versionHint.MatchString(body.Platform) {
		return body, &statusError{http.StatusBadRequest, "no report"}
	}
	return body, nil
}

// deviceReport keeps what a check found and answers with the code that opens it.
func (p *Portal) deviceReport(r *request) error {
	body, err := r.readDeviceBody()
	if err != nil {
		return err
	}
	report := p.seenOfDevice(r, body.Version, body.Platform)
	report.Findings = append(report.Findings, body.Findings...)
	report.Capabilities = body.Capabilities
	var try *signin.Prompt
	if t := body.Try; t != nil {
		ms := min(max(t.Millis, 0), float64(time.Hour/time.Millisecond))
		try = &signin.Prompt{Name: t.Name, Elapsed: time.Duration(ms * float64(time.Millisecond)), Detail: t.Detail}
	}
	saved, err := p.SignIn.SaveDeviceCheck(r.Context(), r.origin, body.Receipt, report, try)
	if err != nil {
		return err
	}
	return r.writeJSON(http.StatusOK, map[string]string{"code": saved.Code, "receipt": saved.Sealed, "key": saved.Key, "browser": report.Browser})
}

// deviceResult shows the rows of a check to whoever helps.
func (p *Portal) deviceResult(r *request, check signin.DeviceCheck) error {
	page := ui.DeviceResultPage{Code: check.Code, Checked: check.CreatedAt, OpenUntil: check.ExpiresAt}
	found := findings(check.Report.Findings)
	for _, row := range signin.DeviceRows {
		f := found[row.ID]
		a, ok := row.Answer(f.Answer)
		if !ok {
			a = row.Answers[0] // nobody has looked
		}
		answer := deviceAnswer(row.ID, a, f.Number, check.Report.Browser)
		page.Rows = append(page.Rows, ui.DeviceRow{ID: row.ID, Answers: []ui.DeviceAnswer{answer}})
		if a.Verdict == signin.DeviceToFix {
			page.Fixes++
		}
		page.Blocked = page.Blocked || a.Blocks
	}
	if len(check.Report.Capabilities) > 0 {
		page.Capabilities = deviceCapabilities(check.Report.Capabilities)
	}
	return p.render(r, http.StatusOK, "", page)
}

// deviceBrowser names browser, version and system ("Edge 141 on Windows 11") in words of ours: of what the browser says only
// the numbers are taken. The version of the system is in the hints alone; headers have carried a fixed one for years.
func deviceBrowser(agent, version, platform string) string {
	browser := ""
	for _, m := range browserMarks {
		_, rest, ok := strings.Cut(agent, m.sign)
		if !ok {
			continue
		}
		if browser = m.name; version == "" && m.sign != "Trident/" { // which counts otherwise than its browser
			version = rest
		}
		if n := major(version); n > 0 {
			browser += " " + strconv.Itoa(n)
		}
		break
	}
	system := first(agent, systemMarks)
	n := major(platform)
	switch {
	case system == "Windows" && n >= 13: // as its hints count (Microsoft, "Detect Windows 11 using client hints")
		system = "Windows 11"
	case system == "Windows" && n > 0:
		system = "Windows 10"
	case (system == "macOS" || system == "Android" || system == "ChromeOS") && n > 0:
		system += " " + strconv.Itoa(n)
	}
	if browser == "" || system == "" {
		return browser + system
	}
	return browser + " on " + system
}

// major is the first number of a version, or 0.
func major(version string) int {
	end := strings.IndexFunc(version, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(version)
	}
	n, err := strconv.Atoi(version[:end])
	if err != nil || n > 99_999 { // no browser's
		return 0
	}
	return n
}
