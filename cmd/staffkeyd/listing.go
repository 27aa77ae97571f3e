package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"staffkey"
)

// listFormat is how a list is printed: aligned columns for people, or one of the forms for programs.
type listFormat struct {
	CSV  bool `help:"Print comma-separated values with a header." xor:"format" env:"-"`
	JSON bool `help:"Print one JSON object." xor:"format" env:"-"`
}

// column is a column of a list: its name for programs, its title, and its width on a terminal in characters.
type column struct {
	name, title string
	width       int
}

// listing prints a list line by line, so that its length does not matter. Titles and widths of all columns and the two
// spaces between them make at most 80 characters.
type listing struct {
	format  listFormat
	columns []column
	cut     bool
	out     *bufio.Writer
	csv     *csv.Writer
	lines   int
}

// newListing begins a list; noun is the name of the JSON object's one member.
func newListing(env *environment, format listFormat, noun string, columns ...column) (*listing, error) {
	l := &listing{format: format, columns: columns, cut: env.isTerminal, out: bufio.NewWriter(env.stdout)}
	var titles []any
	switch {
	case format.JSON:
		_, err := fmt.Fprintf(l.out, "{%q:[", noun)
		return l, err
	case format.CSV:
		l.csv = newCSV(env, l.out)
		for _, c := range columns {
			titles = append(titles, c.name)
		}
	default:
		for _, c := range columns {
			titles = append(titles, c.title)
		}
	}
	return l, l.print(titles)
}

// line prints one line with a value for each column.
func (l *listing) line(values ...any) error {
	l.lines++
	if !l.format.JSON {
		return l.print(values)
	}
	if l.lines > 1 {
		if err := l.out.WriteByte(','); err != nil {
			return err
		}
	}
	if _, err := l.out.WriteString("\n"); err != nil {
		return err
	}
	return writeObject(l.out, l.columns, values)
}

func (l *listing) print(values []any) error {
	cells := make([]string, len(values))
	for i, v := range values {
		cells[i] = staffkey.CleanText(fmt.Sprint(v))
	}
	if l.csv != nil {
		return writeCSV(l.csv, cells)
	}
	for i, c := range l.columns {
		if n := utf8.RuneCountInString(cells[i]); n > c.width && l.cut {
			cells[i] = string([]rune(cells[i])[:c.width-1]) + "…"
		} else if n < c.width {
			cells[i] += strings.Repeat(" ", c.width-n)
		}
	}
	_, err := fmt.Fprintln(l.out, strings.TrimRight(strings.Join(cells, "  "), " "))
	return err
}

// close ends the list.
func (l *listing) close() error {
	if l.csv != nil {
		l.csv.Flush()
		if err := l.csv.Error(); err != nil {
			return err
		}
	}
	if l.format.JSON {
		if _, err := l.out.WriteString("\n]}\n"); err != nil {
			return err
		}
	}
	return l.out.Flush()
}

// writeObject writes a JSON object with its members in the order of the columns.
func writeObject(w io.Writer, columns []column, values []any) error {
	for i, c := range columns {
		text, err := json.Marshal(values[i])
		if err != nil {
			return err
		}
		before := ","
		if i == 0 {
			before = "{"
		}
		if _, err := fmt.Fprintf(w, "%s%q:%s", before, c.name, text); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "}")
	return err
}

// newCSV begins a table on stdout, which out writes to. In a file it begins with the mark by which spreadsheets know UTF-8; programs at the
// other end of a pipe would take that for a part of the first name. The file is read again by the import, which knows it, too.
func newCSV(env *environment, out *bufio.Writer) *csv.Writer {
	if env.file != nil {
		_, _ = io.WriteString(env.file, staffkey.CSVMark) // where the file cannot be written, the rows tell
	}
	return csv.NewWriter(out)
}

// writeCSV writes a record whose cells no spreadsheet takes for a formula. Names and browsers come from people we do not know, and the file
// is opened by an administrator.
func writeCSV(w *csv.Writer, cells []string) error {
	for i, c := range cells {
		cells[i] = staffkey.CSVCell(c)
	}
	return w.Write(cells)
}
