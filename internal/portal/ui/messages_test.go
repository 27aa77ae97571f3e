package ui_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"

	"staffkey/internal/locale"
	"staffkey/internal/portal/ui"
	"staffkey/internal/portal/ui/gallery"
)

// chosenElsewhere are the families of messages that no template names whole:
// handlers pass them, or a page puts the id together from its data.
var chosenElsewhere = []string{"browser.",
	"wa.", "key.", "http.", "srv.", "ses.", "rate.", "perm.", "setup.done_already.", // outcomes and problems
	"pw.", "rec.", "name.", "username.", "password.", "email.", "person.", "organisation.", "preset.", "code.", "confirm.", "field.empty", "field.long", "field.characters", // field errors, reasons
	"method.", "connects.", "session.method.", "activity.", "flash.", "action.", "token.gone.", // facts about a person
	"choose.", "methods.rule.", "methods.remove.", "totp.", "pass.", "number.", "lost.", "found.", "request.", "token.stopped", "pin.on.", "signin.nothing.", "event.", // other ways to sign in, tokens on hold
	"ops.finding.", "ops.rules.", "ops.rule.", "ops.task.", "ops.models.show.", "ops.people.", "ops.hold.", "ops.own_key", "ops.last_operator_key", "ops.metadata.offer.gone", "policy.", "mds.", "anchors.", "recall.", "ops.where.unknown", "ops.recall.until.empty", "ops.metadata.empty", // operators
	"language.name",                                                                                                                           // in the header of pages in another language
	"reset.empty", "lost.token.empty", "station.gone.", "station.name.empty", "station.own_device.", "signin.weaker", "notme.about.", "link.", // refusals of recovery, links
	"outcome.heading.", "outcome.notyet.", "todo.", "setup.task.", "setup.state.", "setup.preset.", "date.", "device.", "support.", "signin.nothing.", // made from data
}

// messageIDs lists the messages of all English files.
func messageIDs(t *testing.T) []string {
	t.Helper()
	var ids []string
	for name, text := range localeFiles(t) {
		if name != "en.toml" && !strings.HasSuffix(name, ".en.toml") {
			continue
		}
		var file map[string]any
		if err := toml.Unmarshal([]byte(text), &file); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		ids = slices.AppendSeq(ids, maps.Keys(file))
	}
	return ids
}

// localeFiles returns the texts of the message files by name.
func localeFiles(t *testing.T) map[string]string {
	t.Helper()
	files := make(map[string]string)
	entries, err := os.ReadDir("locales")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join("locales", e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[e.Name()] = string(text)
	}
	return files
}

func TestLanguagesHaveTheSameMessages(t *testing.T) {
	t.Parallel()
	catalogue, err := locale.Load(os.DirFS("locales"))
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range catalogue.Problems() {
		t.Error(problem)
	}
	if diff := cmp.Diff([]string{"en", "cy"}, newUI(t).Languages()); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
}

func TestMessagesOfTemplatesExistAndAllAreUsed(t *testing.T) {
	t.Parallel()
	all := sources(t, ".html", "layout", "parts", "pages") + sources(t, "unsupported.html", ".")
	ids := messageIDs(t)
	used := make(map[string]bool)
	for _, m := range regexp.MustCompile(`\b(?:msg|Say|Count) "([^"]+)"`).FindAllStringSubmatch(all, -1) {
		used[m[1]] = true
		if !slices.Contains(ids, m[1]) {
			t.Errorf("a template shows message %q, which is not in en.toml", m[1])
		}
	}
	for _, id := range ids {
		elsewhere := slices.ContainsFunc(chosenElsewhere, func(family string) bool { return strings.HasPrefix(id, family) })
		if !used[id] && !elsewhere {
			t.Errorf("message %q is not used", id)
		}
	}
}

// One word for one thing: what is sent is an email, as NHS and GOV.UK write it.
func TestMessagesSayEmail(t *testing.T) {
	t.Parallel()
	other := regexp.MustCompile(`(?i)^"[^"]+" = .*(e-mail|\b(?:a|an|the|your|our|no|by) mails?\b(?:[^ -]| [^s]))`)
	for name, text := range localeFiles(t) {
		if !strings.HasSuffix(name, "en.toml") {
			continue
		}
		for line := range strings.Lines(text) {
			if m := other.FindStringSubmatch(line); m != nil {
				t.Errorf("%s: %q in %s", name, m[1], line)
			}
		}
	}
}

func TestMessagesKeepTheVoice(t *testing.T) {
	t.Parallel()
	words := map[string][]string{
		"en.toml": {"please", "sorry", "oops", "invalid", "failed", "click here"},
		"cy.toml": {"os gwelwch", "sori", "mae’n ddrwg", "annilys", "methodd", "cliciwch yma"},
	}
	for name, text := range localeFiles(t) {
		language := name // or its last two parts
		if _, rest, _ := strings.Cut(name, "."); rest != "toml" {
			language = rest
		}
		for _, word := range words[language] {
			if regexp.MustCompile(`(?i)= .*\b` + word + `\b`).MatchString(text) {
				t.Errorf("%s: a message says %q", name, word)
			}
		}
	}
}

func TestOutcomesHaveTitleAndText(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	for _, id := range gallery.OutcomeIDs {
		for _, part := range []string{".title", ".text"} {
			if !u.HasMessage(id + part) {
				t.Errorf("no message %s%s", id, part)
			}
		}
	}
}

func TestStatusMessages(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	for _, status := range []int{400, 403, 404, 405, 413, 415, 418, 421, 429, 500, 503} {
		if m := ui.StatusMessage(status); !u.HasMessage(m.ID) {
			t.Errorf("status %d has message %q, which does not exist", status, m.ID)
		}
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	u := newUI(t)
	when := time.Date(2026, time.August, 3, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name string
		text ui.Text
		want string
	}{
		{"plain", ui.Text{ID: "pw.wrong"}, "Your email or password is wrong."},
		{"pair with a count", ui.Counted("rate", 4), "Wait 4 minutes. There were too many tries from here. Security keys still work."},
		{"singular", ui.Counted("rate.title", 1), "Wait 1 minute"},
		{"argument", ui.Text{ID: "name.taken", Args: map[string]any{"Nickname": "<b>"}}, "You already have ‘<b>’"},
		{"right-to-left argument is isolated", ui.Text{ID: "name.taken", Args: map[string]any{"Nickname": "אב\u2069ג"}}, "You already have ‘\u2068אבג\u2069’"},
		{"time argument", ui.Text{ID: "key.removed.title", Args: map[string]any{"When": when}}, "This token was removed on 3 August 2026"},
		{"without its optional argument", ui.Text{ID: "key.removed.title"}, "This token was removed"},
		{"message as argument", ui.Text{ID: "token.by", Args: map[string]any{"Name": ui.Text{ID: "who"}}}, "by Signing in as"},
		{"unknown", ui.Text{ID: "no.such"}, "no.such"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := u.Text("en", tt.text); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := u.Text("xx", ui.Text{ID: "remove"}); got != "Remove" {
		t.Errorf("unknown language gives %q, want English", got)
	}
	if u.HasMessage("no.such") || !u.HasMessage("srv.500") || !u.HasMessage("name.long") {
		t.Error("HasMessage is wrong about one of no.such, srv.500, name.long")
	}
}

func TestConnects(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{
		"connects.usb-nfc": {"nfc", "usb"}, "connects.usb": {"usb"}, "connects.nfc": {"smart-card"}, "connects.ble": {"ble"},
		"connects.hybrid": {"hybrid", "internal"}, "connects.internal": {"internal"}, "connects.unknown": nil,
	}
	for want, transports := range tests {
		if got := ui.Connects(transports).ID; got != want {
			t.Errorf("Connects(%q) = %q, want %q", transports, got, want)
		}
	}
}
