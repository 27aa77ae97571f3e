package ui

import (
	"embed"
	"fmt"
	"html/template"
	"strconv"
	"strings"
	"time"

	texts "staffkey/internal/locale"
)

//go:embed layout parts pages unsupported.html
var templateFiles embed.FS

// view is what a template sees. Its methods are the words of the template
// language that depend on the request; what every page needs is a field, which
// costs a template less to read.
type view struct {
	// F is the frame, P the page.
	F *Frame
	P Page
	// Tag is the language of the page.
	Tag string
	// Wide chooses the wider column; Light and Dark the theme.
	Wide, Light, Dark bool
	// SessionLeft is how many milliseconds the session lasts, or 0 when nobody
	// said, and SessionWarning how many before its end the page asks.
	SessionLeft, SessionWarning int64
	// Errors are those of the page's form.
	Errors []FieldError
	*locale
}

// scope hands a part of a page its data (D) without losing the view.
type scope struct {
	*view
	D any
}

// With is how templates call a part: {{template "x" ($.With .)}}.
func (v *view) With(data any) scope { return scope{view: v, D: data} }

// Text shows a message that a handler passed.
func (v *view) Text(t Text) string { return v.text(v.F, t) }

// Part shows one part of a message that a handler passed, "title" or "text";
// "" when the message has no such part.
func (v *view) Part(t Text, part string) string {
	whole := t.ID
	t.ID += "." + part
	switch {
	case v.has(t.ID):
		return v.text(v.F, t)
	case part == "title" && v.has(whole):
		t.ID = whole
		return v.text(v.F, t)
	}
	return ""
}

// Say shows the message id; names and values alternate in args.
func (v *view) Say(id string, args ...any) (string, error) {
	t, err := sentence(id, args)
	return v.text(v.F, t), err
}

// Count shows the message id in the plural form for n.
func (v *view) Count(id string, n int, args ...any) (string, error) {
	t, err := sentence(id, args)
	t.Count = &n
	return v.text(v.F, t), err
}

func sentence(id string, args []any) (Text, error) {
	t := Text{ID: id, Args: make(map[string]any, len(args)/2)}
	if len(args)%2 != 0 {
		return t, fmt.Errorf("message %s: names and values must alternate", id)
	}
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return t, fmt.Errorf("message %s: name %v is not a string", id, args[i])
		}
		t.Args[name] = args[i+1]
	}
	return t, nil
}

// Stopped tells since when and why a token is on hold.
func (v *view) Stopped(reason string, at time.Time) string {
	t := Text{ID: "token.stopped", Args: map[string]any{"When": at}}
	if reason != "" {
		t.ID += "." + reason
	}
	return v.text(v.F, t)
}

// EditDialog is the closed nickname form of a token on a page without errors.
func (v *view) EditDialog(id, nickname string) EditPage {
	return TokensPage{}.Dialog(id, nickname)
}

// When, Date and Stamp tell times: see when, date and stamp.
func (v *view) When(t time.Time) string  { return v.when(v.F, t) }
func (v *view) Date(t time.Time) string  { return v.date(v.F, t) }
func (v *view) Stamp(t time.Time) string { return v.stamp(v.F, t) }

// Day is the day with its year and never "today", for paper.
func (v *view) Day(t time.Time) string {
	t = t.In(v.F.zone())
	return v.dayMonth(t) + " " + strconv.Itoa(t.Year())
}

// Number is a count with its thousands apart.
func (*view) Number(n int) string { return texts.Number(n) }

// RuleWord is what a rule for models says of those that are not named.
func (v *view) RuleWord(rule string) string {
	return v.text(v.F, Text{ID: "ops.rules.others." + rule})
}

// ISODay names a day in the page's time zone.
func (v *view) ISODay(t time.Time) string { return t.In(v.F.zone()).Format("2006-01-02") }

// ISO is a time for the datetime attribute of <time>.
func (v *view) ISO(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// Clock is the time of day, 24 hours.
func (v *view) Clock(t time.Time) string { return t.In(v.F.zone()).Format("15:04") }

// join makes an id out of its pieces: {{join "edit-" .ID}}.
func join(pieces ...string) string { return strings.Join(pieces, "") }

// otpauthLink opens an authenticator app on the same device. The scheme is not one that html/template lets through by
// itself, so it is checked here.
func otpauthLink(uri string) template.URL {
	if !strings.HasPrefix(uri, "otpauth://totp/") {
		return ""
	}
	return template.URL(uri)
}

// quietZone is how many light modules a QR code needs around it (ISO/IEC 18004, section 6.3.8).
const quietZone = 4

// qrBox is the viewBox of a QR code: one unit for each module, with the quiet zone.
func qrBox(rows []string) string {
	side := len(rows) + 2*quietZone
	return fmt.Sprintf("%d %d %d %d", -quietZone, -quietZone, side, side)
}

// qrPath draws the dark modules of a QR code, "1" in its rows, as one path: a box for each run in a row.
func qrPath(rows []string) string {
	var path strings.Builder
	for y, row := range rows {
		for x := 0; x < len(row); {
			n := len(row[x:]) - len(strings.TrimLeft(row[x:], row[x:x+1]))
			if row[x] == '1' {
				fmt.Fprintf(&path, "M%d %dh%dv1h-%dz", x, y, n, n)
			}
			x += n
		}
	}
	return path.String()
}

// edgeLink makes Internet Explorer open an address in Edge. The scheme is not
// one that html/template lets through by itself, so the address is checked here.
func edgeLink(address string) template.URL {
	if !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://localhost") {
		return ""
	}
	return template.URL("microsoft-edge:" + address)
}
