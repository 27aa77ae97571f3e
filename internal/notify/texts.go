package notify

import (
	"embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/locale"
)

//go:embed locales/*.toml
var localeFiles embed.FS

const (
	// maxColumns is where lines of an e-mail break, and maxSubject the most characters of a subject: RFC 5322 §2.1.1 recommends lines of
	// 78 characters at most, and quoted replies need room.
	maxColumns = 72
	maxSubject = 78
)

// template is one message that can be put into the outbox. Its texts are in locales, under the name of the template.
type template struct {
	channel staffkey.ChannelKind
	// args are the values that its texts name.
	args []string
	// after are the texts that follow its own in an e-mail: where it happened, and what to do.
	after []string
}

// What follows the text of an e-mail. A text that has nothing to say, because the message does not say by whom or from where, is left
// out.
var (
	afterNotice         = []string{"notice.facts", "notice.not_me"}
	afterFrozen         = []string{"notice.facts"}
	afterAdministrators = []string{"notice.facts", "admin.look"}
)

// templates are all messages that there are.
var templates = map[string]template{
	"code.text":      {staffkey.ChannelText, []string{"Code"}, nil},
	"code.voice":     {staffkey.ChannelVoice, []string{"Code"}, nil},
	"number.changed": {staffkey.ChannelText, nil, nil},
	"alert.changed":  {staffkey.ChannelText, nil, nil},

	"notice.key_added":        {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.key_removed":      {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.key_stopped":      {staffkey.ChannelEmail, []string{"Nickname", "Reason", "Twins", "Also", "Methods"}, afterNotice},
	"notice.key_restored":     {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.key_copied":       {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.key_resumed":      {staffkey.ChannelEmail, []string{"Nickname", "Twins"}, afterNotice},
	"notice.key_reset":        {staffkey.ChannelEmail, []string{"Nickname", "Twins"}, afterNotice},
	"notice.key_replaced":     {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.key_new_place":    {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.key_recalled":     {staffkey.ChannelEmail, []string{"Nickname", "Until", "Reason"}, afterNotice},
	"notice.key_refused":      {staffkey.ChannelEmail, []string{"Nickname", "Reason"}, afterNotice},
	"notice.recall_undone":    {staffkey.ChannelEmail, []string{"Nickname"}, afterNotice},
	"notice.method_added":     {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.method_changed":   {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.method_removed":   {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.method_guessed":   {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.method_disabled":  {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.method_shut":      {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.codes_stopped":    {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.codes_made":       {staffkey.ChannelEmail, nil, afterNotice},
	"notice.code_used":        {staffkey.ChannelEmail, []string{"Left"}, afterNotice},
	"notice.password_changed": {staffkey.ChannelEmail, nil, afterNotice},
	"notice.password_reset":   {staffkey.ChannelEmail, nil, afterNotice},
	"notice.number_changed":   {staffkey.ChannelEmail, []string{"Last2"}, afterNotice},
	"notice.without_key":      {staffkey.ChannelEmail, []string{"Method"}, afterNotice},
	"notice.pass_issued":      {staffkey.ChannelEmail, []string{"Ends"}, afterNotice},
	"notice.pass_revoked":     {staffkey.ChannelEmail, []string{"Also", "Methods"}, afterNotice},
	"notice.password_known":   {staffkey.ChannelEmail, nil, afterNotice},
	"notice.password_guessed": {staffkey.ChannelEmail, nil, afterNotice},
	"notice.frozen":           {staffkey.ChannelEmail, nil, afterFrozen},
	"notice.frozen_operator":  {staffkey.ChannelEmail, []string{"Username"}, afterFrozen},
	"notice.unfrozen":         {staffkey.ChannelEmail, nil, afterNotice},

	"reset.link": {staffkey.ChannelEmail, []string{"Link"}, nil},
	"reset.ask":  {staffkey.ChannelEmail, nil, nil},

	"admin.key_stopped":      {staffkey.ChannelEmail, []string{"Name", "Nickname", "Reason", "Also", "Methods"}, afterAdministrators},
	"admin.key_suspended":    {staffkey.ChannelEmail, []string{"Name", "Nickname", "Reason", "Suspect"}, afterAdministrators},
	"admin.key_copied":       {staffkey.ChannelEmail, []string{"Name", "Nickname"}, afterAdministrators},
	"admin.frozen":           {staffkey.ChannelEmail, []string{"Name"}, afterAdministrators},
	"admin.frozen_operator":  {staffkey.ChannelEmail, []string{"Name", "Username"}, afterAdministrators},
	"admin.review":           {staffkey.ChannelEmail, []string{"Name", "Nickname", "Model"}, afterAdministrators},
	"admin.sending":          {staffkey.ChannelEmail, []string{"Organisation", "Sent", "Typed"}, []string{"admin.look"}},
	"admin.replacement":      {staffkey.ChannelEmail, []string{"Name", "Nickname", "Reason", "Place", "Note"}, afterAdministrators},
	"operator.metadata_held": {staffkey.ChannelEmail, []string{"Number", "Held", "People"}, []string{"admin.look"}},
	"operator.source":        {staffkey.ChannelEmail, []string{"Source", "Names"}, []string{"admin.look"}},
}

// always are the values that every text may name; a message need not have them, and a text says nothing of those that it has not.
var always = []string{"At", "By", "Browser", "IP", "Link", "Reference"}

// write writes a message out. It fails when there is no such text for the channel.
func (s *Service) write(m staffkey.Outgoing) (Message, error) {
	name := m.Template
	switch {
	case name == "admin.key_stopped" && m.Args["SignedOut"] == "yes":
		name = "admin.key_suspended"
	case (name == "notice.frozen" || name == "admin.frozen") && m.Args["Console"] == "yes":
		name += "_operator" // the last one
	}
	t, ok := templates[name]
	if !ok || t.channel != m.Channel {
		return Message{}, fmt.Errorf("no text %q for %s", name, m.Channel)
	}
	language := m.Language
	if !slices.Contains(s.texts.Languages(), language) {
		language = locale.Default
	}
	args := s.shown(language, t, m.Args)
	text := func(id string) string { return strings.TrimSpace(s.texts.Text(language, id, args, nil)) }
	message := Message{ID: m.ID, To: m.To, Language: language, Template: name, ExpiresAt: m.ExpiresAt, Args: make(map[string]string, len(args))}
	for k, v := range args {
		message.Args[k] = fmt.Sprint(v)
	}
	switch t.channel {
	case staffkey.ChannelVoice:
		message.Asked, message.Spoken = strings.Split(text(name+".asked"), "\n"), strings.Split(text(name+".spoken"), "\n")
	case staffkey.ChannelText:
		message.Text = text(name + ".text")
	case staffkey.ChannelEmail:
		message.Subject = cut(text(name+".subject"), maxSubject)
		var parts []string
		for _, id := range append(append([]string{name + ".text"}, t.after...), "signature") {
			if part := text(id); part != "" {
				parts = append(parts, part)
			}
		}
		message.Text = wrap(strings.Join(parts, "\n\n"), maxColumns) + "\n"
	}
	return message, nil
}

// shown turns the values of a message into what people read.
func (s *Service) shown(language string, t template, values map[string]string) map[string]any {
	args := map[string]any{"Service": s.ServiceName, "Address": s.Address, "Host": s.host}
	for _, name := range slices.Concat(t.args, always) {
		args[name] = plain(values[name])
	}
	for name, value := range values {
		value = plain(value)
		switch name {
		case "Method":
			args[name] = s.named(language, "method."+value, value)
		case "Methods":
			var names []string
			for kind := range strings.FieldsSeq(value) {
				names = append(names, s.named(language, "method."+kind, kind))
			}
			args[name] = strings.Join(names, ", ")
		case "Reason":
			args[name] = s.named(language, "reason."+value, value)
		case "At", "Ends", "Until":
			args[name] = s.instant(language, value)
		case "Link":
			args[name] = s.Address + value
		case "Code":
			args["Code"], args["Digits"] = value, s.digits(language, value)
		case "Left":
			if n, err := strconv.Atoi(value); err == nil {
				args[name] = s.texts.Text(language, "codes.left", nil, &n)
			}
		default:
			args[name] = value
		}
	}
	return args
}

// named is the text of an id, or what stands for it when there is none.
func (s *Service) named(language, id, otherwise string) string {
	if !s.texts.Has(language, id) {
		return otherwise
	}
	return s.texts.Text(language, id, nil, nil)
}

// instant tells the day and the time of an instant in RFC 3339.
func (s *Service) instant(language, value string) string {
	at, err := time.Parse(time.RFC3339, value)
	if err != nil {
		return value
	}
	at = at.In(s.Location)
	return s.texts.Text(language, "instant", map[string]any{
		"Day": at.Day(), "Month": s.texts.Text(language, "month."+strconv.Itoa(int(at.Month())), nil, nil), "Year": at.Year(), "Time": at.Format("15:04"),
	}, nil)
}

// digits are the words for the digits of a code, with a pause after each.
func (s *Service) digits(language, code string) string {
	var words []string
	for _, r := range code {
		words = append(words, s.named(language, "digit."+string(r), string(r)))
	}
	return strings.Join(words, ", ")
}

// plain is a value on one line, in which nothing hides or turns the text around it about.
func plain(value string) string { return strings.TrimSpace(staffkey.CleanText(value)) }

// cut shortens a text to a number of characters.
func cut(text string, most int) string {
	if runes := []rune(text); len(runes) > most {
		return strings.TrimSpace(string(runes[:most-1])) + "…"
	}
	return text
}

// wrap breaks the lines of a text between words. A word longer than a line, such as a link, stands on a line of its own, and lines
// without text stay.
func wrap(text string, columns int) string {
	var lines []string
	for line := range strings.Lines(text) {
		current, width := "", 0
		for word := range strings.FieldsSeq(line) {
			n := len([]rune(word))
			if width > 0 && width+1+n > columns {
				lines = append(lines, current)
				current, width = "", 0
			}
			if width > 0 {
				current, width = current+" ", width+1
			}
			current, width = current+word, width+n
		}
		lines = append(lines, current)
	}
	return strings.Join(lines, "\n")
}
