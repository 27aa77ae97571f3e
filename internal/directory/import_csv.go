package directory

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"staffkey"
)

// maxRow bounds one row in bytes, so that a quotation mark that nobody closes does not read the whole file into memory.
const maxRow = 64 << 10

var errRowLong = errors.New("row too long")

// table reads a CSV file (RFC 4180) as people's spreadsheets write it: UTF-8 with or without a byte order mark, commas or
// semicolons, either kind of line end, columns in any order under the names of the header.
type table struct {
	csv     *csv.Reader
	bounded *boundedReader
	columns []string
	index   map[string]int
	last    int // line of the latest row
}

// row is one line of a table.
type row struct {
	line   int
	values []string
	index  map[string]int
}

// get returns the value of a column, tidied and without the spaces around it and the apostrophe of our own lists, and whether the file has
// that column.
func (r row) get(column string) (string, bool) {
	i, ok := r.index[column]
	if !ok {
		return "", false
	}
	return staffkey.FromCSVCell(strings.TrimSpace(staffkey.TidyText(r.values[i]))), true
}

// openTable reads the header. A file without one, a column that is not known, and a required one that is not there are
// ErrInvalid: nothing of such a file can be trusted.
func openTable(r io.Reader, required, optional []string) (*table, error) {
	start := bufio.NewReaderSize(r, maxRow)
	if mark, _ := start.Peek(3); bytes.Equal(mark, []byte("\xEF\xBB\xBF")) {
		if _, err := start.Discard(3); err != nil {
			return nil, err
		}
	} else if bytes.HasPrefix(mark, []byte("\xFF\xFE")) || bytes.HasPrefix(mark, []byte("\xFE\xFF")) { // UTF-16
		return nil, staffkey.Invalid("file", "import.encoding")
	}
	head, err := start.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	bounded := &boundedReader{r: start}
	t := &table{csv: csv.NewReader(bounded), bounded: bounded, index: map[string]int{}}
	t.csv.Comma = delimiterOf(head)
	t.csv.FieldsPerRecord = -1 // a row of another length is a problem of that row
	bounded.left = maxRow
	header, err := t.csv.Read()
	switch {
	case errors.Is(err, io.EOF):
		return nil, staffkey.Invalid("file", "import.header.empty")
	case errors.Is(err, csv.ErrQuote) || errors.Is(err, csv.ErrBareQuote):
		return nil, staffkey.Invalid("file", "import.quote")
	case errors.Is(err, errRowLong):
		return nil, staffkey.Invalid("file", "import.row_long", "Line", 0)
	case err != nil:
		return nil, err
	}
	return t, t.readHeader(header, required, optional)
}

func (t *table) readHeader(header, required, optional []string) error {
	known := slices.Concat(required, optional)
	var unknown, twice, missing []string
	for i, name := range header {
		name = strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), " ", "_")
		_, again := t.index[name]
		switch {
		case !slices.Contains(known, name):
			unknown = append(unknown, fmt.Sprintf("%q", strings.ToValidUTF8(header[i], "?")))
		case again:
			twice = append(twice, name)
		}
		t.index[name] = i
		t.columns = append(t.columns, name)
	}
	for _, name := range required {
		if _, ok := t.index[name]; !ok {
			missing = append(missing, name)
		}
	}
	switch {
	case len(unknown) > 0:
		return staffkey.Invalid("file", "import.header.unknown", "Columns", strings.Join(unknown, ", "), "Known", strings.Join(known, ", "))
	case len(twice) > 0:
		return staffkey.Invalid("file", "import.header.twice", "Columns", strings.Join(twice, ", "))
	case len(missing) > 0:
		return staffkey.Invalid("file", "import.header.missing", "Columns", strings.Join(missing, ", "))
	}
	return nil
}

// next returns the next row that is not blank; io.EOF ends the table. A row that cannot be read as such is ErrInvalid with
// its line in the row, and the next call goes on after it. An error with a row without a line ends the reading.
func (t *table) next() (row, error) {
	for {
		t.bounded.left = maxRow
		values, err := t.csv.Read()
		r := row{values: values, index: t.index}
		var broken *csv.ParseError
		switch {
		case errors.As(err, &broken):
			r.line, t.last = broken.StartLine, broken.Line
			return r, staffkey.Invalid("", "import.quote")
		case errors.Is(err, errRowLong):
			return r, staffkey.Invalid("file", "import.row_long", "Line", t.last)
		case err != nil:
			return r, err
		}
		if !slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) != "" }) {
			continue // spreadsheets leave such rows at the end
		}
		r.line, _ = t.csv.FieldPos(0)
		t.last = r.line
		if len(values) != len(t.columns) {
			return r, staffkey.Invalid("", "import.columns", "Have", len(values), "Want", len(t.columns))
		}
		for i, v := range values {
			if !utf8.ValidString(v) || strings.ContainsRune(v, 0) { // a database of text does not even look it up
				return r, staffkey.Invalid(t.columns[i], "field.characters")
			}
		}
		return r, nil
	}
}

// delimiterOf returns what separates the columns of the header: the more frequent of comma and semicolon outside
// quotation marks. Spreadsheets write semicolons where the comma is the decimal sign.
func delimiterOf(head []byte) rune {
	var commas, semicolons int
	quoted := false
	for _, c := range head {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '\n' || c == '\r':
			if commas+semicolons > 0 { // blank lines before the header are skipped
				return delimiter(commas, semicolons)
			}
		case c == ',':
			commas++
		case c == ';':
			semicolons++
		}
	}
	return delimiter(commas, semicolons)
}

func delimiter(commas, semicolons int) rune {
	if semicolons > commas {
		return ';'
	}
	return ','
}

// boundedReader stops a reader that goes on for too long within one row.
type boundedReader struct {
	r    io.Reader
	left int // bytes that may still be read for this row
}

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, errRowLong
	}
	n, err := b.r.Read(p)
	b.left -= n
	return n, err
}
