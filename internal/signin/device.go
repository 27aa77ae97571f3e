package signin

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"staffkey"
	"staffkey/internal/store"
)

// DeviceVerdict is what an answer means for the person.
type DeviceVerdict string

// The verdicts of a row.
const (
	DeviceReady   DeviceVerdict = "ok"
	DeviceToFix   DeviceVerdict = "fix"
	DeviceUnknown DeviceVerdict = "unknown"
)

// DeviceRow is one thing that Check this device looks at (F112), with every answer that there can be. The first stands until
// somebody has looked.
type DeviceRow struct {
	ID      string
	Answers []DeviceAnswer
}

// DeviceAnswer is one answer of a row.
type DeviceAnswer struct {
	ID      string
	Verdict DeviceVerdict
	// Blocks says that no key works here until it is fixed.
	Blocks bool
	// Number says that a number belongs to it: milliseconds, seconds or minutes, as its text says.
	Number bool
}

// Answer returns the answer of that id.
func (r DeviceRow) Answer(id string) (DeviceAnswer, bool) {
	i := slices.IndexFunc(r.Answers, func(a DeviceAnswer) bool { return a.ID == id })
	if i < 0 {
		return DeviceAnswer{}, false
	}
	return r.Answers[i], true
}

// DeviceKeyRow is the row of Try my key. Its answers are named like the ends of a prompt, without "wa.".
const DeviceKeyRow = "key"

func readyAnswer(id string) DeviceAnswer { return DeviceAnswer{ID: id, Verdict: DeviceReady} }
func fixAnswer(id string) DeviceAnswer   { return DeviceAnswer{ID: id, Verdict: DeviceToFix} }
func openAnswer(id string) DeviceAnswer  { return DeviceAnswer{ID: id, Verdict: DeviceUnknown} }
func blockingAnswer(id string) DeviceAnswer {
	return DeviceAnswer{ID: id, Verdict: DeviceToFix, Blocks: true}
}

func numbered(a DeviceAnswer) DeviceAnswer {
	a.Number = true
	return a
}

// DeviceRows lists what is looked at, in the order of the page.
var DeviceRows = []DeviceRow{
	{"script", []DeviceAnswer{blockingAnswer("off"), readyAnswer("on")}},
	{"secure", []DeviceAnswer{openAnswer("waiting"), readyAnswer("ok"), blockingAnswer("not")}},
	{"host", []DeviceAnswer{openAnswer("waiting"), readyAnswer("ok"), blockingAnswer("number")}},
	{"browser", []DeviceAnswer{openAnswer("unknown"), readyAnswer("ok"), blockingAnswer("old")}},
	{"api", []DeviceAnswer{openAnswer("waiting"), readyAnswer("ok"), blockingAnswer("missing")}},
	{"frame", []DeviceAnswer{
		openAnswer("waiting"), readyAnswer("ok"), blockingAnswer("framed"), blockingAnswer("blocked"), openAnswer("untold"),
	}},
	{"connection", []DeviceAnswer{
		openAnswer("waiting"), numbered(readyAnswer("ok")), numbered(fixAnswer("slow")), fixAnswer("offline"),
	}},
	{"clock", []DeviceAnswer{
		openAnswer("waiting"), readyAnswer("ok"), numbered(fixAnswer("slow")), numbered(fixAnswer("fast")),
		numbered(fixAnswer("slow-minutes")), numbered(fixAnswer("fast-minutes")), openAnswer("untold"),
	}},
	{"cookies", []DeviceAnswer{openAnswer("waiting"), readyAnswer("ok"), fixAnswer("off")}},
	{"desktop", []DeviceAnswer{openAnswer("unasked"), readyAnswer("no"), fixAnswer("yes"), openAnswer("unsure")}},
	{DeviceKeyRow, []DeviceAnswer{
		openAnswer("untried"), openAnswer("trying"), openAnswer("unsent"), readyAnswer("answered"), openAnswer("noanswer"), openAnswer("timeout"),
		blockingAnswer("instant"), openAnswer("focus"), openAnswer("busy"), blockingAnswer("domain"), fixAnswer("unsup"), fixAnswer("constraint"),
		fixAnswer("unknown"), openAnswer("data"), blockingAnswer("perm"), blockingAnswer("none"),
	}},
}

// DeviceCapabilities are the client capabilities that are told (WebAuthn Level 3 §5.8.7, ClientCapability).
var DeviceCapabilities = []string{
	"conditionalCreate", "conditionalGet", "hybridTransport", "passkeyPlatformAuthenticator", "userVerifyingPlatformAuthenticator", "relatedOrigins",
	"signalAllAcceptedCredentials", "signalCurrentUserDetails", "signalUnknownCredential",
}

// DeviceReport is what was found. Nothing in it tells who asked.
type DeviceReport struct {
	// Browser is browser, version and system ("Edge 141 on Windows 11"), made by the server of words that it knows.
	Browser      string          `json:"browser"`
	Findings     []DeviceFinding `json:"findings"`
	Capabilities map[string]bool `json:"capabilities,omitempty"`
}

// DeviceFinding is the answer of one row.
type DeviceFinding struct {
	Row    string `json:"row"`
	Answer string `json:"answer"`
	Number int    `json:"number,omitempty"`
}

// DeviceReceipt is what the page keeps of a saved check.
type DeviceReceipt struct {
	// Code opens the check for a helpdesk.
	Code string
	// Sealed lets the same page put a newer report under the code, and nobody else.
	Sealed string
	// Key is the answer of the row of Try my key.
	Key string
}

// DeviceCheck is a saved check as a helpdesk sees it.
type DeviceCheck struct {
	Code                 string
	CreatedAt, ExpiresAt time.Time
	Report               DeviceReport
}

const (
	// DeviceCheckLife is how long a code opens its check.
	DeviceCheckLife = 24 * time.Hour
	// DeviceTryTimeout is asked of the browser when a person tries a key.
	DeviceTryTimeout = 20 * time.Second

	devicePlace = "device_check"
	// mostDeviceNumber bounds the numbers of a report: thirty years in minutes.
	mostDeviceNumber = 16_000_000
)

// SaveDeviceCheck keeps a report for a day and returns the code that opens it; with the receipt of a check that is still kept,
// under the same code. How a try of a key ended, if one did, becomes the answer of its row. A report that our page cannot have
// made is refused as invalid, and too many at once as throttled.
func (s *Service) SaveDeviceCheck(ctx context.Context, origin staffkey.Origin, receipt string, r DeviceReport, try *Prompt) (DeviceReceipt, error) {
	if try != nil {
		r.Findings = append(slices.DeleteFunc(slices.Clone(r.Findings), func(f DeviceFinding) bool { return f.Row == DeviceKeyRow }),
			DeviceFinding{Row: DeviceKeyRow, Answer: triedKey(*try)})
	}
	if err := validateDeviceReport(r); err != nil {
		return DeviceReceipt{}, err
	}
	if !s.devices.take(s.now(), origin.Source()) {
		refusal := staffkey.Refused("throttled", "rate", "Count", 1)
		refusal.Kind = staffkey.ErrThrottled
		return DeviceReceipt{}, refusal
	}
	plain, err := json.Marshal(r)
	if err != nil {
		return DeviceReceipt{}, err
	}
	code, err := s.keepDeviceCheck(ctx, s.openReceipt(receipt), string(plain))
	if err != nil {
		return DeviceReceipt{}, fmt.Errorf("save device check: %w", err)
	}
	sealed, err := s.store.Sealer().Seal(devicePlace, []byte(code))
	saved := DeviceReceipt{Code: code, Sealed: base64.RawURLEncoding.EncodeToString(sealed)}
	for _, f := range r.Findings {
		if f.Row == DeviceKeyRow {
			saved.Key = f.Answer
		}
	}
	return saved, err
}

// keepDeviceCheck puts a report under the code that it has already, or under a new one. It concerns nobody, so it is no event.
func (s *Service) keepDeviceCheck(ctx context.Context, code, report string) (string, error) {
	if code != "" {
		err := s.store.Housekeep(ctx, func(tx *store.Tx) error { return tx.ChangeDeviceCheck(code, report) })
		if !errors.Is(err, staffkey.ErrNotFound) {
			return code, err
		}
	}
	for tries := 1; ; tries++ {
		code = staffkey.NewSupportCode()
		err := s.store.Housekeep(ctx, func(tx *store.Tx) error {
			return tx.InsertDeviceCheck(code, report, tx.Now.Add(DeviceCheckLife))
		})
		// Of 729 million codes, one is rarely taken, and hardly ever three in a row.
		if !errors.Is(err, staffkey.ErrConflict) || tries == 3 {
			return code, err
		}
	}
}

// openReceipt returns the code that a page was given before, or "".
func (s *Service) openReceipt(sealed string) string {
	raw, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil || len(raw) == 0 {
		return ""
	}
	plain, err := s.store.Sealer().Open(devicePlace, raw)
	if err != nil {
		return ""
	}
	return string(plain)
}

// findDeviceCheck opens the check of a code. ErrNotFound: there is none, or its day is over.
func findDeviceCheck(tx *store.Tx, code string) (*DeviceCheck, error) {
	kept, err := tx.FindDeviceCheck(code)
	if err != nil {
		return nil, err
	}
	check := &DeviceCheck{Code: kept.Code, CreatedAt: kept.CreatedAt, ExpiresAt: kept.ExpiresAt}
	if err := json.Unmarshal([]byte(kept.Report), &check.Report); err != nil {
		return nil, fmt.Errorf("read device check: %w", err)
	}
	return check, nil
}

// triedKey is how a try of a key ended, as an answer of its row. Any answer is good: nothing is verified, so nothing of it is sent.
func triedKey(p Prompt) string {
	if p.Name == "answered" {
		return p.Name
	}
	// Classify knows the longer time-out of a sign-in.
	if p.Elapsed >= DeviceTryTimeout-2*time.Second {
		p.Elapsed += SignInTimeout - DeviceTryTimeout
	}
	if answer := strings.TrimPrefix(Classify(p), "wa."); answer != "error" {
		return answer
	}
	return "data" // as checks of earlier releases have it
}

// validateDeviceReport refuses what our page cannot have made.
func validateDeviceReport(r DeviceReport) error {
	seen := make(map[string]bool, len(DeviceRows))
	for _, f := range r.Findings {
		i := slices.IndexFunc(DeviceRows, func(row DeviceRow) bool { return row.ID == f.Row })
		if i < 0 || seen[f.Row] {
			return staffkey.Invalid("row", "http.400")
		}
		seen[f.Row] = true
		a, ok := DeviceRows[i].Answer(f.Answer)
		if !ok {
			return staffkey.Invalid("answer", "http.400")
		}
		if f.Number < 0 || f.Number > mostDeviceNumber || !a.Number && f.Number != 0 {
			return staffkey.Invalid("number", "http.400")
		}
	}
	for name := range r.Capabilities {
		if !slices.Contains(DeviceCapabilities, name) {
			return staffkey.Invalid("capability", "http.400")
		}
	}
	return nil
}

// deviceBudget bounds how many checks are kept in a minute, because anybody may send one: over all nodes together, which bounds what they take
// of the disk, and on each node from one source, so that one does not use up everybody's. The sources are forgotten with their minute
// and written nowhere.
type deviceBudget struct {
	all     *sharedBudget
	mu      sync.Mutex
	minute  time.Time
	sources map[netip.Addr]int
}

// A hospital behind one address sends a few dozen in its worst minute.
const (
	deviceBlock      = 40
	deviceBlocks     = 6
	devicesPerSource = 60
)

func newDeviceBudget(s *store.Store) *deviceBudget {
	return &deviceBudget{all: newSharedBudget(s, "devices", deviceBlock, deviceBlocks)}
}

func (b *deviceBudget) take(now time.Time, source netip.Addr) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m := now.Truncate(time.Minute); !m.Equal(b.minute) {
		b.minute, b.sources = m, make(map[netip.Addr]int)
	}
	if b.sources[source] >= devicesPerSource || !b.all.take(now) {
		return false
	}
	b.sources[source]++
	return true
}
