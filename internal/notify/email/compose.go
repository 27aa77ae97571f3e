package email

import (
	"bytes"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"staffkey/internal/notify"

	gomail "github.com/wneessen/go-mail"
)

// compose makes the message as it travels, and its Message-ID. What would end a header line is refused before any library sees it.
func (c *Channel) compose(m notify.Message, to string) (message []byte, id string, err error) {
	for name, value := range map[string]string{"subject": m.Subject, "language": m.Language, "id": string(m.ID)} {
		if err := oneLine(name, value); err != nil {
			return nil, "", err
		}
	}
	mail := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithCharset(gomail.CharsetUTF8), gomail.WithEncoding(gomail.EncodingQP))
	// What people write is brought into lines here: the library begins a long one with an empty line.
	mail.SetGenHeaderPreformatted("From", c.author())
	mail.SetGenHeaderPreformatted("To", address(to))
	mail.SetGenHeaderPreformatted(gomail.HeaderSubject, encodeWords(m.Subject, len("Subject: ")))
	mail.SetDate()
	mail.SetMessageIDWithValue(string(m.ID) + "@" + domainOf(c.from.Address))
	// Nobody's out-of-office note is to answer (RFC 3834 §5); Exchange wants to be told in its own way.
	mail.SetGenHeader("Auto-Submitted", "auto-generated")
	mail.SetGenHeader("X-Auto-Response-Suppress", "All")
	mail.SetGenHeader("Content-Language", m.Language)
	mail.SetBodyString(gomail.TypeTextPlain, m.Text)
	var b bytes.Buffer
	if _, err := mail.WriteTo(&b); err != nil {
		return nil, "", fmt.Errorf("write the message: %w", err)
	}
	return b.Bytes(), mail.GetMessageID(), nil
}

// author is who writes, as the header From says it.
func (c *Channel) author() string {
	if c.from.Name == "" || isPlain(c.from.Name, 0) {
		return c.from.String()
	}
	return encodeWords(c.from.Name, len("From: ")) + "\r\n " + address(c.from.Address)
}

func address(a string) string { return (&mail.Address{Address: a}).String() }

const (
	// maxLine is the most characters of a header line with encoded words (RFC 2047 §2), and of a line without, so that it needs no break.
	maxLine                = 76
	wordBegins, wordEnds   = "=?utf-8?q?", "?="
	mostOfWord             = 75 - len(wordBegins) - len(wordEnds) // RFC 2047 §2
	hexadecimal            = "0123456789ABCDEF"
	asItIs                 = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/"
	firstOfASCII, lastOfIt = ' ', '~'
)

// isPlain reports whether a text may stand in a header as it is, after so many characters: it fits, and nobody reads anything encoded in it.
func isPlain(text string, after int) bool {
	return after+len(text) <= maxLine && !strings.Contains(text, "=?") && strings.Trim(text, " ") == text &&
		strings.IndexFunc(text, func(r rune) bool { return r < firstOfASCII || r > lastOfIt }) < 0
}

// encodeWords makes a header's text of what a person wrote: as it is where it can be, and otherwise in encoded words (RFC 2047) on lines of
// their own, the first of them beside the header's name of so many characters.
func encodeWords(text string, after int) string {
	if isPlain(text, after) {
		return text
	}
	var b strings.Builder
	room := maxLine - after - len(wordBegins) - len(wordEnds)
	b.WriteString(wordBegins)
	for _, r := range text {
		encoded := encodeRune(r)
		if len(encoded) > room { // a character is never in two words (RFC 2047 §5)
			b.WriteString(wordEnds + "\r\n " + wordBegins)
			room = mostOfWord
		}
		b.WriteString(encoded)
		room -= len(encoded)
	}
	return b.String() + wordEnds
}

// encodeRune writes a character in the encoding Q as it may stand anywhere in a header (RFC 2047 §5, rule 3).
func encodeRune(r rune) string {
	switch {
	case r == ' ':
		return "_"
	case r < utf8.RuneSelf && strings.ContainsRune(asItIs, r):
		return string(r)
	}
	var b strings.Builder
	for _, octet := range []byte(string(r)) {
		b.WriteByte('=')
		b.WriteByte(hexadecimal[octet>>4])
		b.WriteByte(hexadecimal[octet&15])
	}
	return b.String()
}
