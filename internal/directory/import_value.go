package directory

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"staffkey"

	"golang.org/x/text/encoding/charmap"
)

// This file judges the values of an imported file: what a spreadsheet or a database wrote in place of a value is refused, and what looks as if
// something was lost on the way is told.

// noValues are what spreadsheets and databases write where there is no value, or a formula has failed.
var noValues = map[string]bool{
	"NULL": true, "(null)": true, "<null>": true, "(NULL)": true, "<NULL>": true, "[NULL]": true, `\N`: true,
	"#N/A": true, "#REF!": true, "#NAME?": true, "#VALUE!": true, "#DIV/0!": true, "#NUM!": true, "#NULL!": true, "#SPILL!": true, "#CALC!": true, "#FIELD!": true,
	"#BLOCKED!": true, "#CONNECT!": true, "#BUSY!": true, "#UNKNOWN!": true, "#PYTHON!": true, "#EXTERNAL!": true, "#GETTING_DATA": true, "#NV": true, "#BEZUG!": true, "#ERROR!": true,
}

// noOptionalValues are what programs write for nothing, in small letters, where it is nobody's name.
var noOptionalValues = map[string]bool{"null": true, "nan": true, "nil": true, "n/a": true, "na": true, "undefined": true}

var (
	// scientific is a number that a spreadsheet has shortened: its last digits are lost.
	scientific = regexp.MustCompile(`^[+-]?\d([.,]\d+)?[Ee][+-]\d{1,3}$|^[+-]?\d[.,]\d+[Ee]\d{1,3}$`)
	// narrow is what a spreadsheet shows of a number in a column that is too narrow.
	narrow = regexp.MustCompile(`^#{2,}$`)
)

// refuseValue refuses what stands in place of a value.
func refuseValue(column, v string) error {
	isOptional := column == "email" || column == "employee_number" || column == "phone"
	switch {
	case v == "":
	case noValues[v], narrow.MatchString(v), isOptional && noOptionalValues[strings.ToLower(v)]:
		return staffkey.Invalid(column, "import.no_value", "Value", v)
	case column != "name" && scientific.MatchString(v):
		return staffkey.Invalid(column, "import.scientific", "Value", v)
	case strings.ContainsRune(v, utf8.RuneError):
		return staffkey.Invalid(column, "import.lost", "Value", v)
	}
	return nil
}

// A doubt is what a row that was taken should be looked at for.
type doubt struct {
	column  string
	message staffkey.Message
}

// doubtsOf tells what looks as if it were not meant.
func doubtsOf(r row) []doubt {
	var doubts []doubt
	add := func(column, id string, args ...any) {
		doubts = append(doubts, doubt{column, staffkey.Msg(id, args...)})
	}
	for _, column := range []string{"username", "name", "email", "employee_number", "phone", "code"} {
		v, _ := r.get(column)
		if v == "" {
			continue
		}
		if meant := onceEncoded(v); meant != "" {
			add(column, "import.twice_encoded", "Value", v, "Meant", meant)
		}
		if strings.Contains(v, "?") {
			add(column, "import.question_mark", "Value", v)
		}
		switch column {
		case "username":
			if strings.Contains(v, `\`) {
				add(column, "import.domain", "Username", v)
			}
		case "phone":
			if n := digitsIn(v); n < 7 || n > 15 || strings.ContainsFunc(v, unicode.IsLetter) {
				add(column, "import.phone", "Value", v)
			}
		}
	}
	if r.sameNumber > 0 {
		add("employee_number", "import.same_number", "Line", r.sameNumber)
	}
	return doubts
}

// digitsIn counts the digits of a text. A telephone number has 7 to 15 (ITU-T E.164 §6); a shorter one may be an extension.
func digitsIn(s string) (n int) {
	for _, r := range s {
		if unicode.IsDigit(r) {
			n++
		}
	}
	return n
}

// onceEncoded is what a text was before it was read in the encoding of Windows and written as UTF-8 although it was UTF-8 already ("SiÃ¢n"
// is "Siân"), or "".
func onceEncoded(s string) string {
	raw, err := charmap.Windows1252.NewEncoder().String(s)
	if err != nil || len(raw) == len(s) || !utf8.ValidString(raw) || utf8.RuneCountInString(raw) == len(raw) {
		return ""
	}
	return raw
}
