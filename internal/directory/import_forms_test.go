package directory_test

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"

	"staffkey/internal/directory"
	"staffkey/internal/store/storetest"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// noted are the notes of a report by line, column and message.
func noted(r directory.Report) []string {
	var lines []string
	for _, p := range r.Notes {
		lines = append(lines, fmt.Sprintf("%d %s %s", p.Line, p.Column, p.Message.ID))
	}
	return lines
}

// pipe is a file that can be read once.
type pipe struct{ io.Reader }

// Files as spreadsheets, databases and staff systems write them.
func TestImport_files_as_they_come(t *testing.T) {
	t.Parallel()
	const header = "username,name,organisation,email"
	utf16 := func(e unicode.Endianness, bom unicode.BOMPolicy, s string) string {
		out, err := unicode.UTF16(e, bom).NewEncoder().String(s)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	cp1252, err := charmap.Windows1252.NewEncoder().String(header + "\r\nr1,Siân Josiâ,A,r1@x.example\r\n")
	if err != nil {
		t.Fatal(err)
	}
	row := "r1,Siân Puw,A,r1@x.example"
	rows := func(s string) string { return strings.NewReplacer(",", s).Replace(header + "\r\n" + row + "\r\n") }
	for name, test := range map[string]struct {
		file            string
		whole           string // the error of the whole file
		refused, notes  string
		taken           int
		wantName, login string
	}{
		"CRLF":                        {file: rows(","), taken: 1},
		"byte order mark, semicolons": {file: "\uFEFF" + rows(";"), taken: 1},
		"mark, quoted":                {file: "\uFEFF\"username\",\"name\",\"organisation\"\r\n\"r1\",\"Siân Puw\",\"A\"\r\n", taken: 1},
		"sep= of Excel":               {file: "sep=;\r\n" + rows(";"), taken: 1},
		"sep= in quotes, with a mark": {file: "\uFEFF\"SEP=|\"\r\n" + rows("|"), taken: 1},
		"sep= and a comma in a name":  {file: "sep=;\nusername;name;organisation\nr1;Puw, Siân;A\n", taken: 1, wantName: "Puw, Siân"},
		"#TYPE of PowerShell":         {file: "#TYPE Selected.ADUser\r\n" + rows(","), taken: 1},
		"#TYPE in quotes":             {file: "\"#TYPE System.Data.DataRow\"\r\n" + rows(","), taken: 1},
		"blank lines before":          {file: "\r\n\r\n" + rows(","), taken: 1},
		"tabs":                        {file: rows("\t"), taken: 1},
		"bars":                        {file: rows("|"), taken: 1},
		"lone carriage returns":       {file: strings.ReplaceAll(rows(","), "\r\n", "\r"), taken: 1},
		"UTF-16, little, mark":        {file: utf16(unicode.LittleEndian, unicode.UseBOM, rows("\t")), taken: 1},
		"UTF-16, big, mark":           {file: utf16(unicode.BigEndian, unicode.UseBOM, rows(",")), taken: 1},
		"UTF-16 without a mark":       {file: utf16(unicode.LittleEndian, unicode.IgnoreBOM, rows(",")), taken: 1},
		"UTF-16, big, no mark":        {file: utf16(unicode.BigEndian, unicode.IgnoreBOM, rows(",")), taken: 1},
		"columns at the end":          {file: header + ",,\r\n" + row + ",,\r\nr2,Second,A,,,\r\nr3,Third,A,\r\n", taken: 3},
		"separators in rows alone":    {file: header + "\r\n" + row + ",,,\r\n", taken: 1},
		"a value without a name":      {file: header + ",,\r\n" + row + ",x,\r\n", refused: "2  import.unnamed"},
		"a value beyond the header":   {file: header + "\r\n" + row + ",x\r\n", refused: "2  import.columns"},
		"a column without a name":     {file: "username,,name,organisation\nr1,,Siân Puw,A\nr2,x,Second,A\n", taken: 1, refused: "3  import.unnamed"},
		"rows of separators":          {file: header + "\r\n" + row + "\r\n,,,\r\n , ,\u00a0,\r\n", taken: 1},
		"Ctrl-Z":                      {file: rows(",") + "\x1a", taken: 1},
		"other names of columns":      {file: "User Name,NAME,Organisation Code,E-mail\nr1,Siân Puw,A,r1@x.example\n", taken: 1},
		"wide letters in the header":  {file: "ｕｓｅｒｎａｍｅ,name,organisation\nr1,Siân Puw,A\n", taken: 1},
		"Windows-1252":                {file: cp1252, whole: "import.encoding.windows"},
		"one letter, far down":        {file: header + "\n" + strings.Repeat("\n", 200_000) + "r1,Si\xe2n,A,\n", whole: "import.encoding.windows"},
		"one row of another encoding": {file: header + "\n" + row + "\nr2,Si\xe2n,A,\n", taken: 1, refused: "3 name field.characters"},
		"that a mark calls UTF-8":     {file: "\uFEFF" + header + "\nr2,Si\xe2n,A,\n", refused: "2 name field.characters"},
		"what databases write":        {file: header + "\r\nr1,Siân Puw,A,NULL\r\nr2,(null),A,\r\n\\N,Second,A,\r\nr4,Fourth,NULL,\r\nr5,Null,A,\r\n", taken: 1, refused: "2 email import.no_value, 3 name import.no_value, 4 username import.no_value, 5 organisation import.no_value", wantName: "Null", login: "r5"},
		"what spreadsheets write":     {file: header + "\nr1,#REF!,A,\nr2,#N/A,A,\n1.23457E+11,Third,A,\n########,Fourth,A,\nr5,#NAME?,A,\nr6,#1 Ward,A,\n", taken: 1, refused: "2 name import.no_value, 3 name import.no_value, 4 username import.scientific, 5 username import.no_value, 6 name import.no_value", login: "r6", wantName: "#1 Ward"},
		"numbers":                     {file: "username,name,organisation,employee_number,phone\nr1,A,A,1.23457E+11,\nr2,B,A,,\"4,47701E+11\"\nr3,C,A,1E5,07700 900123\nr4,D,A,nan,\nr5,E,A,#N/A,\n", taken: 1, refused: "2 employee_number import.scientific, 3 phone import.scientific, 5 employee_number import.no_value, 6 employee_number import.no_value", login: "r3", wantName: "C"},
		"letters that were lost":      {file: header + "\nr1,Si\uFFFDn,A,\nr2,Ll?yd,A,\nr3,SiÃ¢n,A,\nr4,Tŷ Ŵyr,A,\nr5,Ã,A,\n", taken: 4, refused: "2 name import.lost", notes: "3 name import.question_mark, 4 name import.twice_encoded", login: "r2", wantName: "Ll?yd"},
		"counts of sqlcmd and psql":   {file: header + "\r\n--------,----,------------,-----\r\n" + row + "\r\n\r\n(1 rows affected)\r\n(1 row)\r\n12 rows selected.\r\n--+--\r\n", taken: 1, refused: "2  import.no_row, 5  import.no_row, 6  import.no_row, 7  import.no_row, 8  import.no_row"},
		"names of a Windows domain":   {file: header + "\nAD\\r1,Siân Puw,A,r1@x.example\nr2@ad.example,Second,A,r2@x.example\n", taken: 1, refused: "3 username username.other_email", notes: "2 username import.domain", login: `AD\r1`},
		"telephone numbers":           {file: "username,name,organisation,phone\nr1,Siân Puw,A,12345\nr2,Second,A,07700 900123\nr3,Third,A,ask at desk\n", taken: 3, notes: "2 phone import.phone, 4 phone import.phone"},
		"numbers twice":               {file: "username,name,organisation,employee_number\nr1,Siân Puw,A,7\nr2,Second,A,7\nr3,Third,B,7\nr4,Fourth,a,7\n", taken: 4, notes: "3 employee_number import.same_number, 5 employee_number import.same_number"},
		"names in two lines":          {file: header + "\r\nr1,\"Siân\nPuw\",A,\r\nr2,Second,A,\r\n", taken: 1, refused: "2 name field.characters", login: "r2", wantName: "Second"},
		"spaces without a break":      {file: header + "\nr1\u00a0,\u00a0Siân Puw\u00a0,A\u00a0,r1@x.example\u200b\n", taken: 1},
		"letters in two parts":        {file: header + "\nr1,Sia\u0302n Puw,A,\n", taken: 1},
	} {
		clock := storetest.NewClock()
		w := newWorld(t, storetest.Open(t, "sqlite", clock.Now), clock) // reading is the same on every engine
		for _, once := range []bool{false, true} {
			if once && test.whole == "import.encoding.windows" && len(test.file) > 100_000 {
				continue // known only when all of it was read
			}
			var file io.Reader = strings.NewReader(test.file)
			if once {
				file = pipe{file}
			}
			report, err := w.ImportPeople(t.Context(), console, file, nil)
			if test.whole != "" {
				wantInvalid(t, err, "file", test.whole)
				if report.Rows != 0 {
					t.Errorf("%s: %s of a file that is refused", name, counts(report))
				}
				continue
			}
			if got := report.Added + report.Changed + report.Unchanged; err != nil || got != test.taken || report.Refused != report.Rows-got || strings.Join(lines(report), ", ") != test.refused {
				t.Errorf("%s: %s, %v, %v", name, counts(report), lines(report), err)
			}
			for _, p := range append(report.Problems, report.Notes...) {
				if p.Text == p.Message.ID || strings.ContainsAny(p.Text, "{}") {
					t.Errorf("%s: %q is no English sentence", name, p.Text)
				}
			}
			if got := strings.Join(noted(report), ", "); got != test.notes && !once { // the second time nothing is new
				t.Errorf("%s: notes %s, want %s", name, got, test.notes)
			} else if once && report.Unchanged == test.taken && got != "" {
				t.Errorf("%s: notes %s of rows that change nothing", name, got)
			}
			if test.taken == 0 {
				continue
			}
			login, wantName := "r1", "Siân Puw"
			if test.login != "" {
				login = test.login
			}
			if test.wantName != "" {
				wantName = test.wantName
			}
			if p, err := w.FindPerson(t.Context(), console, login); err != nil || p.Name != wantName {
				t.Errorf("%s: %s is %q, %v", name, login, p.Name, err)
			}
		}
	}
}

// The same reading serves files of organisations.
func TestImportOrganisations_as_they_come(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for name, test := range map[string]struct{ file, whole, refused, notes string }{
			"ours":         {file: "\uFEFFcode,name,parent,phone,people\nX1,Ŵyr,R,,12\n"},
			"sep=":         {file: "sep=;\r\ncode;name;parent\r\nX2;Tŷ;R\r\n"},
			"Windows-1252": {file: "code,name,parent\nX3,Cl\xeenig,R\n", whole: "import.encoding.windows"},
			"values":       {file: "code,name,parent,phone\nX4,#REF!,R,\nX5,Ll?yd,R,1234\nX6,Name,#N/A,\n", refused: "2 name import.no_value, 4 parent import.no_value", notes: "3 name import.question_mark, 3 phone import.phone"},
		} {
			report, err := w.ImportOrganisations(t.Context(), console, strings.NewReader(test.file), nil)
			if test.whole != "" {
				wantInvalid(t, err, "file", test.whole)
				continue
			}
			if err != nil || strings.Join(lines(report), ", ") != test.refused || strings.Join(noted(report), ", ") != test.notes || report.Added != report.Rows-report.Refused {
				t.Errorf("%s: %s %v %v %v", name, counts(report), lines(report), noted(report), err)
			}
		}
	})
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ encoding, file, want string }{
		"nothing said":       {"", "Si\xe2n", "Si\xe2n"},
		"Windows":            {"windows-1252", "Si\xe2n \x96", "Siân –"},
		"in capitals":        {"Windows-1252", "Si\xe2n", "Siân"},
		"Welsh":              {"iso-8859-14", "t\xfe", "tŷ"},
		"DOS":                {"ibm850", "Si\x83n", "Siân"},
		"Macintosh":          {"macintosh", "Si\x89n", "Siân"},
		"a mark says better": {"windows-1252", "\uFEFFSiân", "Siân"},
		"not in the table":   {"windows-1252", "\x81", "\uFFFD"},
	} {
		r, err := directory.Decode(strings.NewReader(test.file), test.encoding)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got, err := io.ReadAll(r); err != nil || string(got) != test.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, test.want)
		}
	}
	_, err := directory.Decode(&bytes.Buffer{}, "latin-7")
	wantInvalid(t, err, "encoding", "import.encoding.unknown")
}

// What a file has beside is named, and then not looked at.
func TestImport_columns_that_are_not_for_us(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		file := "username,Department,name,organisation,Job Title\nr1,NULL,Siân Puw,A,#REF!\n"
		_, err := w.ImportPeople(t.Context(), console, strings.NewReader(file), nil)
		wantInvalid(t, err, "file", "import.header.unknown")
		report, err := w.ImportPeopleConfirmed(t.Context(), console, strings.NewReader(file), directory.Confirmed{IgnoreColumns: []string{"department", "job_title"}}, nil)
		wantReport(t, report, err, "1 rows: added 1, changed 0, unchanged 0, refused 0")
		report, err = w.ImportPeopleConfirmed(t.Context(), console, strings.NewReader("username,name,organisation,email\nr1,Siân Puw,A,r1@x.example\n"), directory.Confirmed{IgnoreColumns: []string{"E-mail"}}, nil)
		wantReport(t, report, err, "1 rows: added 0, changed 0, unchanged 1, refused 0")
		if p, err := w.FindPerson(t.Context(), console, "r1"); err != nil || p.Email != "" {
			t.Errorf("%+v, %v", p, err)
		}
		_, err = w.ImportPeopleConfirmed(t.Context(), console, strings.NewReader(file), directory.Confirmed{IgnoreColumns: []string{"name", "department", "job title"}}, nil)
		wantInvalid(t, err, "file", "import.header.missing")
	})
}
