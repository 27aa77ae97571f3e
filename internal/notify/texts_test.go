package notify_test

import (
	"crypto/rand"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"

	"staffkey"
	"staffkey/internal/locale"
	"staffkey/internal/notify"
	"staffkey/internal/store/storetest"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
)

// sample are values as those who put messages into the outbox give them.
var sample = map[string]string{
	"Name": "Amara Okafor", "Username": "amara", "At": "2026-11-23T07:12:00Z", "IP": "192.0.2.1", "Browser": "Chrome on Windows", "Link": "/not-me?t=ABCDEFGHIJ",
	"Also": "Spare", "Twins": "Second name", "Suspect": "Spare", "Methods": "totp recovery_code", "Nickname": "Lanyard", "Model": "YubiKey 5", "Method": "totp", "Reason": "stolen", "Left": "3", "Last2": "77", "Ends": "2026-07-01T15:30:00Z", "Until": "2026-07-01T15:30:00Z", "Code": "274911",
	"Place": "Main reception", "Organisation": "Northmoor Hospitals", "Sent": "50", "Typed": "3", "Source": "192.0.2.9", "Names": "300", "Number": "143", "Held": "2", "People": "1204", "Note": "I start at 8.",
}

func message(template, language string, args map[string]string) staffkey.Outgoing {
	return staffkey.Outgoing{
		ID: "id", Channel: notify.Templates()[template].Channel, To: "amara@nhs.example", Template: template, Language: language, Args: args,
	}
}

func (g stage) write(template, language string, args map[string]string) notify.Message {
	g.t.Helper()
	m, err := g.Write(message(template, language, args))
	if err != nil {
		g.t.Fatal(err)
	}
	return m
}

func TestCatalogue(t *testing.T) {
	t.Parallel()
	c, err := locale.Load(notify.LocaleFiles)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range c.Problems() {
		t.Error(p)
	}
}

// Each text is used, and each text that is used is there.
func TestTexts_ids(t *testing.T) {
	t.Parallel()
	var want []string
	for name, m := range notify.Templates() {
		switch m.Channel {
		case staffkey.ChannelEmail:
			want = append(want, name+".subject", name+".text")
		case staffkey.ChannelText:
			want = append(want, name+".text")
		case staffkey.ChannelVoice:
			want = append(want, name+".asked", name+".spoken")
		}
	}
	want = append(want, "notice.facts", "notice.not_me", "admin.look", "signature", "codes.left", "instant")
	for _, kind := range []staffkey.MethodKind{
		staffkey.MethodPassword, staffkey.MethodSecurityKey, staffkey.MethodTOTP, staffkey.MethodTextMessage, staffkey.MethodPhoneCall,
		staffkey.MethodRecoveryCode, staffkey.MethodPass,
	} {
		want = append(want, "method."+string(kind))
	}
	for _, reason := range []staffkey.StopReason{staffkey.StopLost, staffkey.StopStolen, staffkey.StopMisused, staffkey.StopFrozen} {
		want = append(want, "reason."+string(reason))
	}
	for n := range 12 {
		want = append(want, "month."+strconv.Itoa(n+1))
	}
	for n := range 10 {
		want = append(want, "digit."+strconv.Itoa(n))
	}
	slices.Sort(want)
	for _, language := range []string{"en", "cy"} {
		got := make(map[string]any)
		if _, err := toml.DecodeFS(notify.LocaleFiles, "locales/"+language+".toml", &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("%s (-want +got)\n%s", language, diff)
		}
	}
}

// raw matches what a text holds when it was not filled in, or shows a name of ours.
var raw = regexp.MustCompile(`\{\{|\}\}|<no value>|%!|\b(notice|admin|reset|code|method|reason|month|digit|codes|number)\.\w|_`)

func TestTexts(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	for name, m := range notify.Templates() {
		for _, language := range []string{"en", "cy"} {
			t.Run(language+" "+name, func(t *testing.T) {
				t.Parallel()
				args := maps.Clone(sample)
				for _, a := range m.Args {
					if args[a] == "" {
						t.Errorf("the text names %s, of which there is no sample", a)
					}
				}
				got, err := g.Write(message(name, language, args))
				if err != nil {
					t.Fatal(err)
				}
				for _, text := range slices.Concat([]string{got.Subject, got.Text}, got.Asked, got.Spoken) {
					if found := raw.FindString(text); found != "" {
						t.Errorf("%q in %q", found, text)
					}
				}
				for k, v := range got.Args {
					if strings.Contains(v, "<no value>") {
						t.Errorf("value %s is %q", k, v)
					}
				}
				said := got.Subject + "\n" + got.Text + strings.Join(got.Spoken, "\n")
				for _, a := range m.Args {
					shown := got.Args[a]
					if m.Channel == staffkey.ChannelVoice && a == "Code" {
						shown = got.Args["Digits"]
					}
					if !strings.Contains(strings.Join(strings.Fields(said), " "), shown) {
						t.Errorf("%s, %q, is not said:\n%s", a, shown, said)
					}
				}
				switch m.Channel {
				case staffkey.ChannelEmail:
					checkEmail(t, name, got)
				case staffkey.ChannelText:
					if got.Text == "" || got.Subject != "" || got.Asked != nil || got.Spoken != nil {
						t.Errorf("got %+v, want a text alone", got)
					}
				case staffkey.ChannelVoice:
					if len(got.Asked) < 3 || len(got.Spoken) < 3 || got.Text != "" {
						t.Errorf("got %+v, want sentences", got)
					}
				}
			})
		}
	}
}

func checkEmail(t *testing.T, name string, m notify.Message) {
	t.Helper()
	if n := len([]rune(m.Subject)); n == 0 || n > 78 || strings.Contains(m.Subject, "\n") {
		t.Errorf("subject %q has %d characters, want 1 to 78 on one line", m.Subject, n)
	}
	for line := range strings.Lines(m.Text) {
		if line = strings.TrimRight(line, "\n"); len([]rune(line)) > 72 && strings.Contains(line, " ") {
			t.Errorf("line of %d columns: %q", len([]rune(line)), line)
		}
		if strings.Contains(line, "https://") && strings.Contains(line, " ") {
			t.Errorf("a link that is not on a line of its own: %q", line)
		}
	}
	if strings.Contains(m.Text, "\n\n\n") {
		t.Errorf("a gap of more than one line:\n%s", m.Text)
	}
	if end := "\n\nStaffkey\nhttps://signin.example\n"; !strings.HasSuffix(m.Text, end) {
		t.Errorf("does not end with who wrote it:\n%s", m.Text)
	}
	link := strings.Contains(m.Text, "\nhttps://signin.example/not-me?t=ABCDEFGHIJ\n")
	if want := name == "reset.link" || strings.HasPrefix(name, "notice.") && !strings.HasPrefix(name, "notice.frozen"); link != want {
		t.Errorf("has the link: %t, want %t:\n%s", link, want, m.Text)
	}
}

func TestTexts_whole_email(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	want := `The token "Lanyard" was put on hold: the key was stolen. Its security
key cannot sign anybody in. It stopped under its other nicknames too:
Second name.

On hold too, because they were set up by whoever came in with it: Spare.

Switched off for the same reason: authenticator app, recovery code.

When: 23 November 2026 at 07:12
Where: Chrome on Windows, 192.0.2.1

If this was not you, open this page and say so. It stops all sign-ins to
your account:
https://signin.example/not-me?t=ABCDEFGHIJ

Staffkey
https://signin.example
`
	m := g.write("notice.key_stopped", "", sample)
	if diff := cmp.Diff(want, m.Text); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if m.Language != "en" || m.Subject != "Token on hold: Lanyard" {
		t.Errorf("language %q, subject %q", m.Language, m.Subject)
	}
	welsh := g.write("notice.pass_issued", "cy", sample).Text
	for _, want := range []string{"1 Gorffennaf 2026 am 16:30", "Pryd: 23 Tachwedd 2026 am 07:12"} {
		if !strings.Contains(strings.Join(strings.Fields(welsh), " "), want) {
			t.Errorf("no %q in\n%s", want, welsh)
		}
	}
	if m := g.write("notice.frozen", "fr", sample); m.Language != "en" {
		t.Errorf("a language that is not there: %q, want English", m.Language)
	}
}

func TestTexts_say_nothing_of_what_is_not_known(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	for args, want := range map[string]string{
		"":               "Your account is open again\nYour account is not frozen any more.",
		"By=Rhys Owen":   "By: Rhys Owen\n\nStaffkey",
		"IP=192.0.2.1":   "Where: 192.0.2.1\n\nStaffkey",
		"Reference=K7QF": "Reference: K7QF\n\nStaffkey",
	} {
		values := map[string]string{}
		if k, v, ok := strings.Cut(args, "="); ok {
			values[k] = v
		}
		m := g.write("notice.unfrozen", "en", values)
		got := m.Subject + "\n" + m.Text
		if !strings.Contains(got, want) || raw.MatchString(got) || strings.Contains(got, "\n\n\n") || strings.Contains(got, "not you") {
			t.Errorf("with %q: want %q in\n%s", args, want, got)
		}
	}
	m := g.write("admin.replacement", "en", map[string]string{"Name": "Amara", "Reason": "broken", "Note": "Soon."})
	if want := "security key.\n\nReason: broken\nNote: Soon.\n\nSign in"; !strings.Contains(m.Text, want) {
		t.Errorf("want %q in\n%s", want, m.Text)
	}
}

func TestTexts_suspended_from_the_sign_in_page(t *testing.T) {
	t.Parallel()
	args := maps.Clone(sample)
	args["SignedOut"] = "yes"
	g := newTexts(t)
	if got, want := g.write("admin.key_stopped", "en", args), g.write("admin.key_suspended", "en", sample); got.Text != want.Text {
		t.Errorf("got\n%s\nwant\n%s", got.Text, want.Text)
	}
}

// The last operator is told of the way back that there is.
func TestTexts_frozen_last_operator(t *testing.T) {
	t.Parallel()
	args := maps.Clone(sample)
	args["Console"] = "yes"
	g := newTexts(t)
	for _, name := range []string{"notice.frozen", "admin.frozen"} {
		for _, language := range []string{"en", "cy"} {
			if got := g.write(name, language, args); !strings.Contains(strings.Join(strings.Fields(got.Text), " "), "staffkeyd person unfreeze amara --reason TEXT") {
				t.Errorf("%s: got\n%s\nwant the command", language, got.Text)
			}
			if got := g.write(name, language, sample); strings.Contains(got.Text, "staffkeyd") {
				t.Errorf("%s, of somebody else: got\n%s", language, got.Text)
			}
		}
	}
}

// What people choose themselves stays on its line, and in its direction.
func TestTexts_hostile_values(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	m := g.write("notice.key_added", "en", map[string]string{"Nickname": "x\r\nBcc: all@nhs.example\x00\u202e\u2028\u200b\u0085\u009b{{.Address}} " + strings.Repeat("y", 90), "Link": "/not-me"})
	if len([]rune(m.Subject)) > 78 || strings.ContainsAny(m.Subject, "\r\n\x00\u202e\u2028\u200b\u0085\u009b") || !strings.HasPrefix(m.Subject, "New token: x  Bcc: all@nhs.example") {
		t.Errorf("subject %q", m.Subject)
	}
	if strings.Contains(m.Text, "\nBcc") || strings.ContainsAny(m.Text, "\r\x00\u202e\u2028\u200b\u0085\u009b") || !strings.Contains(m.Text, "{{.Address}}") {
		t.Errorf("text %q", m.Text)
	}
}

func TestTextParts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		text   string
		parts  int
		beyond string
	}{
		{"", 1, ""}, {strings.Repeat("x", 160), 1, ""}, {strings.Repeat("x", 161), 2, ""}, {strings.Repeat("x", 306), 2, ""}, {strings.Repeat("x", 307), 3, ""},
		{strings.Repeat("€", 80), 1, ""}, {strings.Repeat("€", 80) + "x", 2, ""}, {"Siân", 1, "â"}, {"café é ö", 1, ""}, {strings.Repeat("ŵ", 70), 1, "ŵ"}, {strings.Repeat("ŵŷ", 35) + "x", 2, "ŵŷ"},
		{strings.Repeat("👩", 35), 1, "👩"}, {strings.Repeat("👩", 36), 2, "👩"}, {strings.Repeat("x", 140) + "’", 3, "’"},
	} {
		if parts, beyond := notify.TextParts(tt.text); parts != tt.parts || beyond != tt.beyond {
			t.Errorf("%.20q…: %d parts and %q beyond the alphabet, want %d and %q", tt.text, parts, beyond, tt.parts, tt.beyond)
		}
	}
}

// Every text message travels in one part, in both languages, with a name and an address as long as real ones and the links that we make: each
// part costs, and one letter beyond the GSM alphabet makes two of one.
func TestTexts_text_messages_are_of_one_part(t *testing.T) {
	t.Parallel()
	const address = "https://signin.northmoor-hospitals.nhs.wales"
	service, err := notify.New(notify.Deps{Address: address, ServiceName: "Northmoor Staffkey", Location: london(t), Now: storetest.NewClock().Now})
	if err != nil {
		t.Fatal(err)
	}
	args := maps.Clone(sample)
	args["Link"] = "/not-me?t=" + rand.Text()
	count := 0
	for name, m := range notify.Templates() {
		if m.Channel != staffkey.ChannelText {
			continue
		}
		for _, language := range []string{"en", "cy"} {
			for _, link := range []string{args["Link"], ""} {
				values := maps.Clone(args)
				values["Link"] = link
				count++
				got, err := service.Write(message(name, language, values))
				if err != nil {
					t.Fatal(err)
				}
				if parts, beyond := notify.TextParts(got.Text); parts != 1 || beyond != "" {
					t.Errorf("%s in %s: %d parts, %q beyond the alphabet:\n%s", name, language, parts, beyond, got.Text)
				}
			}
		}
	}
	if count != 12 {
		t.Errorf("looked at %d texts, want 12", count)
	}
}

// Whoever gives the service a name with other letters is told what that costs.
func TestCodeParts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		parts  int
		beyond string
	}{
		"Staffkey": {1, ""}, "Tŷ Iechyd": {2, "ŷ"}, strings.Repeat("Northmoor ", 9): {2, ""},
	} {
		service, err := notify.New(notify.Deps{Address: "https://signin.example", ServiceName: name})
		if err != nil {
			t.Fatal(err)
		}
		if parts, beyond, err := service.CodeParts(); err != nil || parts != want.parts || beyond != want.beyond {
			t.Errorf("%q: %d parts, %q beyond, %v; want %d and %q", name, parts, beyond, err, want.parts, want.beyond)
		}
	}
}

// The last line is what browsers fill the code in by: they take it for our address only (the format of origin-bound one-time codes).
func TestTexts_code_is_bound_to_our_address(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	for _, language := range []string{"en", "cy"} {
		lines := strings.Split(g.write("code.text", language, sample).Text, "\n")
		if got, want := lines[len(lines)-1], "@signin.example #274911"; got != want {
			t.Errorf("%s: last line %q, want %q", language, got, want)
		}
	}
}

func TestTexts_spoken_code(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	for language, want := range map[string]string{
		"en": "Your code is: two, seven, zero, nine, one, one.", "cy": "Eich cod yw: dau, saith, dim, naw, un, un.",
	} {
		m := g.write("code.voice", language, map[string]string{"Code": "270911"})
		spoken := m.Spoken
		// Before a key is pressed nothing of the code is said, and which key it is.
		asked := strings.Join(m.Asked, " ")
		for word := range strings.SplitSeq(strings.Trim(want[strings.Index(want, ":")+1:], " ."), ", ") {
			if slices.Contains(strings.FieldsFunc(asked, func(r rune) bool { return !unicode.IsLetter(r) }), word) {
				t.Errorf("%s: %q of the code is said before the key: %q", language, word, asked)
			}
		}
		if !strings.Contains(asked, " "+notify.Key+".") {
			t.Errorf("%s: no key %s in %q", language, notify.Key, asked)
		}
		if !slices.Contains(spoken, want) {
			t.Errorf("%s: no sentence %q in %q", language, want, spoken)
		}
		if strings.Contains(strings.Join(spoken, " "), "270911") {
			t.Errorf("%s: the code is said as a number: %q", language, spoken)
		}
	}
}

func TestTexts_codes_left(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	for left, want := range map[string]string{"0": "Nid oes gennych god ar ôl.", "1": "1 cod ar ôl", "2": "2 god ar ôl", "3": "3 chod ar ôl", "7": "7 cod ar ôl"} {
		if got := strings.Join(strings.Fields(g.write("notice.code_used", "cy", map[string]string{"Left": left}).Text), " "); !strings.Contains(got, want) {
			t.Errorf("%s left: no %q in\n%s", left, want, got)
		}
	}
}

func TestWrap(t *testing.T) {
	t.Parallel()
	long := "https://signin.example/" + strings.Repeat("x", 20)
	for text, want := range map[string]string{
		"":                          "",
		"one two three":             "one two\nthree",
		"ten letter":                "ten letter",
		"ten letters":               "ten\nletters",
		"a\n\nb":                    "a\n\nb",
		"ŵŷŵŷŵŷ ŵŷŵ x":              "ŵŷŵŷŵŷ ŵŷŵ\nx",
		"see " + long + " and more": "see\n" + long + "\nand more",
	} {
		if got := notify.Wrap(text, 10); got != want {
			t.Errorf("Wrap(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestInstants_in_summer(t *testing.T) {
	t.Parallel()
	g := newTexts(t)
	at := time.Date(2026, 7, 31, 23, 30, 0, 0, time.UTC).Format(time.RFC3339)
	if got, want := g.write("notice.frozen", "en", map[string]string{"At": at}).Text, "When: 1 August 2026 at 00:30\n"; !strings.Contains(got, want) {
		t.Errorf("no %q in\n%s", want, got)
	}
	if got := g.write("notice.frozen", "en", map[string]string{"At": "soon"}).Text; !strings.Contains(got, "When: soon\n") {
		t.Errorf("an instant that is none is not shown as it is:\n%s", got)
	}
}
