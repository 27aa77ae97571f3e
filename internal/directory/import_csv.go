package directory

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/store"
)

// maxRow bounds one row in bytes, so that a quotation mark that nobody closes does not read the whole file into memory.
const maxRow = 64 << 10

var errRowLong = errors.New("row too long")

// table reads a CSV file (RFC 4180) as people's spreadsheets and programs write it: what [textOf] and [skipPreamble] take; commas,
// semicolons, tabs or bars between the columns; columns in any order under the names of the header, and empty ones after the last.
type table struct {
	csv     *csv.Reader
	bounded *boundedReader
	columns []string // "" is one without a name
	index   map[string]int
	skipped int // lines before the header
	last    int // line of the latest row
}

// row is one line of a table.
type row struct {
	line   int
	values []string
	index  map[string]int
	// sameNumber is the line of another row with the employee number of this one, or 0.
	sameNumber int
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
// ErrInvalid: nothing of such a file can be trusted. Columns of ignored are as if they were not there.
func openTable(r io.Reader, required, optional, ignored []string) (*table, error) {
	text, err := textOf(r)
	if err != nil {
		return nil, err
	}
	skipped, separator, err := skipPreamble(text)
	if err != nil {
		return nil, err
	}
	head, err := text.Peek(4096)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if separator == 0 {
		separator = separatorOf(head)
	}
	bounded := &boundedReader{r: text}
	t := &table{csv: csv.NewReader(bounded), bounded: bounded, index: map[string]int{}, skipped: skipped}
	t.csv.Comma = separator
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
	return t, t.readHeader(header, required, optional, ignored)
}

// otherNames are what else people and programs call the columns.
var otherNames = map[string]string{
	"e_mail": "email", "e_mail_address": "email", "email_address": "email", "user_name": "username", "organisation_code": "organisation", "organization": "organisation",
	"organization_code": "organisation", "employee_no": "employee_number", "telephone": "phone", "phone_number": "phone",
}

// columnOf is the name of a column as the header has it.
func columnOf(header string) string {
	name := strings.Join(strings.FieldsFunc(store.Fold(staffkey.TidyText(header)), func(r rune) bool { return r == ' ' || r == '-' || r == '_' }), "_")
	if known, ok := otherNames[name]; ok {
		return known
	}
	return name
}

func (t *table) readHeader(header, required, optional, ignored []string) error {
	known := slices.Concat(required, optional)
	without := make([]string, len(ignored))
	for i, name := range ignored {
		without[i] = columnOf(name)
	}
	var unknown, twice, missing []string
	for i, title := range header {
		name := columnOf(title)
		_, again := t.index[name]
		switch {
		case name == "":
		case slices.Contains(without, name):
			name = ""
			t.columns = append(t.columns, ignoredColumn)
			continue
		case !slices.Contains(known, name):
			unknown = append(unknown, fmt.Sprintf("%q", strings.ToValidUTF8(header[i], "?")))
		case again:
			twice = append(twice, name)
		}
		t.columns = append(t.columns, name)
		if name != "" {
			t.index[name] = i
		}
	}
	for _, name := range required {
		if _, ok := t.index[name]; !ok {
			missing = append(missing, name)
		}
	}
	switch {
	case len(t.index) == 0:
		return staffkey.Invalid("file", "import.header.empty")
	case len(unknown) > 0:
		return staffkey.Invalid("file", "import.header.unknown", "Columns", strings.Join(unknown, ", "), "Known", strings.Join(known, ", "))
	case len(twice) > 0:
		return staffkey.Invalid("file", "import.header.twice", "Columns", strings.Join(twice, ", "))
	case len(missing) > 0:
		return staffkey.Invalid("file", "import.header.missing", "Columns", strings.Join(missing, ", "))
	}
	return nil
}

// ignoredColumn stands for the name of a column that is not looked at. No header has it.
const ignoredColumn = "\x00"

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
			r.line, t.last = t.skipped+broken.StartLine, t.skipped+broken.Line
			return r, staffkey.Invalid("", "import.quote")
		case errors.Is(err, errRowLong):
			return r, staffkey.Invalid("file", "import.row_long", "Line", t.last)
		case err != nil:
			return r, err
		}
		if !slices.ContainsFunc(values, func(v string) bool { return strings.Trim(v, blank) != "" }) {
			continue // spreadsheets leave such rows at the end
		}
		r.line, _ = t.csv.FieldPos(0)
		r.line += t.skipped
		t.last = r.line
		return r, t.fits(&r)
	}
}

// blank is what a row without anything may hold: space, and the mark with which old programs end a file.
const blank = " \t\r\n\v\f\u00A0\x1A"

// noRows are lines that programs write among the rows: the count of psql and sqlcmd, and the dashes below their header.
var noRows = regexp.MustCompile(`^\(?\d+ rows?( affected| selected| in set.*)?\.?\)?$|^[-+]+$`)

// fits brings a row to the length of the header, and refuses one with more or less in it, and values that are no text.
func (t *table) fits(r *row) error {
	isNoRow := true
	for _, v := range r.values {
		isNoRow = isNoRow && (v == "" || noRows.MatchString(strings.TrimSpace(v)))
	}
	if isNoRow {
		return staffkey.Invalid("", "import.no_row")
	}
	have := len(r.values)
	for have > len(t.columns) && strings.Trim(r.values[have-1], blank) == "" {
		have--
	}
	r.values = r.values[:have]
	for len(r.values) < len(t.columns) && t.columns[len(r.values)] == "" { // the header alone has separators at its end
		r.values = append(r.values, "")
	}
	if len(r.values) != len(t.columns) {
		return staffkey.Invalid("", "import.columns", "Have", have, "Want", len(t.columns))
	}
	for i, v := range r.values {
		switch name := t.columns[i]; {
		case name == ignoredColumn:
		case name == "" && strings.Trim(v, blank) != "":
			return staffkey.Invalid("", "import.unnamed", "Column", i+1)
		case !utf8.ValidString(v) || strings.ContainsRune(v, 0): // a database of text does not even look it up
			return staffkey.Invalid(name, "field.characters")
		default:
			if err := refuseValue(name, strings.TrimSpace(staffkey.TidyText(v))); err != nil {
				return err
			}
		}
	}
	return nil
}

// separators are what may stand between columns, the most usual first. Spreadsheets write semicolons where the comma is the decimal sign.
const separators = ",;\t|"

// separatorOf returns what separates the columns of the header: the most frequent of the separators outside quotation marks.
func separatorOf(head []byte) rune {
	counts := map[rune]int{}
	quoted := false
	for _, c := range string(head) {
		if c == '"' {
			quoted = !quoted
		}
		if quoted {
			continue
		}
		if c == '\n' {
			break
		}
		counts[c]++
	}
	best := ','
	for _, c := range separators {
		if counts[c] > counts[best] {
			best = c
		}
	}
	return best
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
