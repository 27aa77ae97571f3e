package directory

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"
	"unicode/utf8"

	"staffkey"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// This file is what an imported file is before its rows are: its encoding, its line ends, and the lines that programs put before the header.

// encodings are those that a file may be said to have. Excel saves "CSV" in the first on Windows and "CSV (MS-DOS)" in the third; ISO 8859-14
// has the Welsh letters.
var encodings = map[string]encoding.Encoding{
	"windows-1252": charmap.Windows1252, "iso-8859-14": charmap.ISO8859_14, "ibm850": charmap.CodePage850, "macintosh": charmap.Macintosh,
	"utf-16": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM),
}

// Decode returns a file as UTF-8 that is in another encoding, one of windows-1252, iso-8859-14, ibm850, macintosh and utf-16; "" and utf-8
// leave it as it is. A file that begins with a byte order mark says by that what it is. It is ErrInvalid for an encoding that is not known.
func Decode(file io.Reader, name string) (io.Reader, error) {
	name = strings.ToLower(name)
	if name == "" || name == "utf-8" {
		return file, nil
	}
	e, ok := encodings[name]
	if !ok {
		return nil, staffkey.Invalid("encoding", "import.encoding.unknown", "Encoding", name)
	}
	return transform.NewReader(file, unicode.BOMOverride(e.NewDecoder())), nil
}

// judged is how much of a file is looked at for its encoding where it cannot be read twice.
const judged = maxRow

// textOf returns the text of a file: without a byte order mark, from UTF-16 where it is in that, and with the line ends of Unix or Windows. A
// file in an encoding that does not say what it is, is ErrInvalid before anything of it is taken.
func textOf(file io.Reader) (*bufio.Reader, error) {
	start := bufio.NewReaderSize(file, judged)
	head, err := start.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	decoder := unicode.BOMOverride(encoding.Nop.NewDecoder())
	switch {
	case bytes.HasPrefix(head, []byte("\xEF\xBB\xBF")): // what is not UTF-8 in it is a fault of its row
	case len(head) == 4 && (bytes.Equal(head, []byte("\xFF\xFE\x00\x00")) || bytes.Equal(head, []byte("\x00\x00\xFE\xFF"))):
		return nil, staffkey.Invalid("file", "import.encoding.utf32")
	case bytes.HasPrefix(head, []byte("\xFF\xFE")), bytes.HasPrefix(head, []byte("\xFE\xFF")):
	case len(head) == 4 && head[0] != 0 && head[1] == 0 && head[3] == 0:
		decoder = unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	case len(head) == 4 && head[0] == 0 && head[1] != 0 && head[2] == 0:
		decoder = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	default:
		if err := judgeEncoding(file, start); err != nil {
			return nil, err
		}
	}
	return bufio.NewReaderSize(&lineEnds{r: bufio.NewReader(transform.NewReader(start, decoder))}, judged), nil
}

// judgeEncoding refuses a file that has letters outside ASCII and none of UTF-8: it is in another encoding, throughout. It reads the whole
// file where that can be read again, and its beginning else.
func judgeEncoding(file io.Reader, start *bufio.Reader) error {
	seen, err := start.Peek(judged)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	rest, cut := io.Reader(bytes.NewReader(seen)), len(seen) == judged
	if s, ok := file.(io.Seeker); ok {
		if here, err := s.Seek(0, io.SeekCurrent); err == nil { // a pipe is a file, too, and cannot
			rest, cut = io.MultiReader(rest, file), false
			defer func() { _, _ = s.Seek(here, io.SeekStart) }() // as it could before
		}
	}
	lines, strange, at := bufio.NewReaderSize(rest, judged), "", 0
	for n := 1; ; n++ {
		line, err := lines.ReadSlice('\n')
		if cut && errors.Is(err, io.EOF) { // perhaps within a letter
			line = bytes.TrimRightFunc(line, func(r rune) bool { return r >= utf8.RuneSelf })
		}
		isStrange, isUTF8 := lettersOf(line)
		switch {
		case isUTF8:
			return nil // what is not UTF-8 in it is a fault of its row
		case isStrange && strange == "":
			strange, at = string(line), n
		}
		switch {
		case errors.Is(err, io.EOF) && strange == "":
			return nil
		case errors.Is(err, io.EOF):
			return otherEncoding(at, strange)
		case err != nil && !errors.Is(err, bufio.ErrBufferFull):
			return err
		}
	}
}

// lettersOf reports whether a text holds bytes that are no UTF-8, and letters outside ASCII that are.
func lettersOf(text []byte) (strange, isUTF8 bool) {
	for len(text) > 0 {
		if text[0] < utf8.RuneSelf {
			text = text[1:]
			continue
		}
		r, size := utf8.DecodeRune(text)
		strange, isUTF8 = strange || r == utf8.RuneError && size == 1, isUTF8 || size > 1
		text = text[size:]
	}
	return strange, isUTF8
}

// otherEncoding says how the first line that is not UTF-8 would read in the encoding of Windows, if it does: whoever knows the names sees
// whether it is that.
func otherEncoding(line int, text string) error {
	decoded, err := charmap.Windows1252.NewDecoder().String(text)
	if err != nil || strings.ContainsRune(decoded, utf8.RuneError) {
		return staffkey.Invalid("file", "import.encoding", "Line", line)
	}
	decoded = strings.TrimSpace(decoded)
	if r := []rune(decoded); len(r) > 80 {
		decoded = string(r[:80]) + "…"
	}
	return staffkey.Invalid("file", "import.encoding.windows", "Line", line, "Text", decoded)
}

// lineEnds makes a line feed of each carriage return that stands alone, which is how old programs for the Macintosh end lines.
type lineEnds struct{ r *bufio.Reader }

func (l *lineEnds) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	for i, c := range p[:n] {
		if c != '\r' {
			continue
		}
		if i+1 < n {
			if p[i+1] != '\n' {
				p[i] = '\n'
			}
		} else if next, _ := l.r.Peek(1); len(next) == 0 || next[0] != '\n' {
			p[i] = '\n'
		}
	}
	return n, err
}

// separatorLine is how Excel is told the separator, in a line of its own before the header.
var separatorLine = regexp.MustCompile(`^"?(?i:sep)=(.)"?\s*$`)

// skipPreamble reads what stands before the header: blank lines, a "sep=;" of Excel, and a "#TYPE …" of PowerShell. It returns how many lines
// that were, and the separator if it was said.
func skipPreamble(text *bufio.Reader) (lines int, separator rune, err error) {
	for {
		head, err := text.Peek(judged)
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, 0, err
		}
		line, _, ended := bytes.Cut(head, []byte("\n"))
		said := separatorLine.FindSubmatch(line)
		switch {
		case said != nil && strings.Contains(",;|\t", string(said[1])):
			separator = rune(said[1][0])
		case bytes.HasPrefix(bytes.TrimLeft(line, `"`), []byte("#TYPE ")), ended && len(bytes.TrimSpace(line)) == 0:
		default:
			return lines, separator, nil
		}
		n := len(line)
		if ended {
			n, lines = n+1, lines+1
		}
		if _, err := text.Discard(n); err != nil || n == 0 {
			return lines, separator, err
		}
	}
}
