package directory_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store/storetest"

	"github.com/google/go-cmp/cmp"
)

// counts is what became of the rows of an import.
func counts(r directory.Report) string {
	return fmt.Sprintf("%d rows: added %d, changed %d, unchanged %d, refused %d", r.Rows, r.Added, r.Changed, r.Unchanged, r.Refused)
}

// lines are the problems of a report by line, column and message.
func lines(r directory.Report) []string {
	var lines []string
	for _, p := range r.Problems {
		lines = append(lines, fmt.Sprintf("%d %s %s", p.Line, p.Column, p.Message.ID))
	}
	return lines
}

func wantReport(t *testing.T, r directory.Report, err error, want string, problems ...string) {
	t.Helper()
	if err != nil {
		t.Errorf("import: %v", err)
	}
	if got := counts(r); got != want {
		t.Errorf("want %s, got %s", want, got)
	}
	if diff := cmp.Diff(problems, lines(r)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	for _, p := range r.Problems {
		if p.Text == p.Message.ID || strings.ContainsAny(p.Text, "{}") {
			t.Errorf("line %d: %q is no English sentence", p.Line, p.Text)
		}
	}
}

func TestImportPeople(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		taken := w.person(t, "taken", "B")
		file := strings.Join([]string{
			"\uFEFFName;Organisation;USERNAME;email;employee number;state",
			`"Okafor; Amara";a1;amara.okafor;amara@x.example;1001;`,
			"Siân Llŵyd;A;sian.llwyd;;1002;active",
			";A;no.name;;;",
			"No Organisation;Z;nowhere;;;",
			"Twice;A;AMARA.OKAFOR;;;",
			"Same address;A;same;AMARA@x.example;;",
			"Taken address;A;takes;taken@x.example;;",
			"Short row;A",
			"Odd state;A;odd;;;sleeping",
			";;;;;",
			`Broken "quote;A;broken;;;`,
			`"Two`,
			`lines";A;two.lines;;;`,
			"=1+1;A;formula;;;",
			"Latin;A;ren\xe9;;;", "Nothing;A\x00;nothing;;;",
			"Left;B;leaver;;;Disabled",
		}, "\r\n")
		var progress []int
		report, err := w.ImportPeople(ctx, console, strings.NewReader(file), func(done int) { progress = append(progress, done) })
		problems := []string{
			"4 name field.empty", "5 organisation organisation.unknown", "6 username import.duplicate", "7 email import.duplicate",
			"8 email email.taken", "9  import.columns", "10 state person.state", "12  import.quote", "13 name field.characters",
			"16 username field.characters", "17 organisation field.characters",
		}
		wantReport(t, report, err, "15 rows: added 4, changed 0, unchanged 0, refused 11", problems...)
		if diff := cmp.Diff([]int{15}, progress); diff != "" {
			t.Errorf("progress (-want +got):\n%s", diff)
		}
		amara, err := w.FindPerson(ctx, console, "amara.okafor")
		want := staffkey.Person{ID: amara.ID, Organisation: w.organisations["A1"].ID, Username: "amara.okafor", Email: "amara@x.example", Name: "Okafor; Amara", EmployeeNumber: "1001", State: staffkey.PersonActive, CreatedAt: w.clock.Now()}
		if diff := cmp.Diff(want, amara); diff != "" || err != nil {
			t.Errorf("amara (-want +got):\n%s%v", diff, err)
		}
		if got := len(w.events(t, staffkey.EventPersonAdded, staffkey.OutcomeDone)); got != 5 {
			t.Errorf("want 5 person_added, got %d", got)
		}

		report, err = w.ImportPeople(ctx, console, strings.NewReader(file), nil)
		wantReport(t, report, err, "15 rows: added 0, changed 0, unchanged 4, refused 11", problems...)
		if got := len(w.events(t, staffkey.EventPersonAdded, staffkey.OutcomeDone)); got != 5 {
			t.Errorf("again: want no further event, got %d", got)
		}

		// Fewer columns leave what is stored; an empty value clears it; taken moves and gets another address.
		report, err = w.ImportPeople(ctx, console, strings.NewReader("username,name,organisation\namara.okafor,Amara Okafor,A\nsian.llwyd,Siân Llŵyd,A\n"), nil)
		wantReport(t, report, err, "2 rows: added 0, changed 1, unchanged 1, refused 0")
		report, err = w.ImportPeople(ctx, console, strings.NewReader("username,name,organisation,email,phone\ntaken,"+taken.Name+",A,,'+44 1632 960001\nnew,New,A,taken@x.example,\n"), nil)
		wantReport(t, report, err, "2 rows: added 1, changed 1, unchanged 0, refused 0")
		changed := w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeDone)
		if len(changed) != 2 || changed[0].Detail["changed"] != "name, organisation" || changed[1].Detail["changed"] != "organisation, email, phone" || changed[1].Detail["moved_from"] != string(w.organisations["B"].ID) {
			t.Errorf("want two person_changed that name the fields, got %+v", changed)
		}
		if p, err := w.FindPerson(ctx, console, "taken"); err != nil || p.Phone != "+44 1632 960001" || p.Email != "" {
			t.Errorf("want the number without the apostrophe of a list, got %+v, %v", p, err)
		}
		if amara, err := w.FindPerson(ctx, console, "amara.okafor"); err != nil || amara.EmployeeNumber != "1001" || amara.Email != "amara@x.example" {
			t.Errorf("want number and address kept, got %+v, %v", amara, err)
		}
	})
}

func TestImportPeople_by_actor(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		admin, operator := w.person(t, "la", "A"), w.person(t, "op", "A")
		w.person(t, "away", "B")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		w.grant(t, operator, staffkey.RoleOperator, "R")
		file := "username,name,organisation\nmine,Mine,A1\nother,Other,B\naway,Name of away,B\naway2,Away,R\nop,Renamed,A\n"
		report, err := w.ImportPeople(ctx, w.actor(t, admin), strings.NewReader(file), nil)
		wantReport(t, report, err, "5 rows: added 1, changed 0, unchanged 0, refused 4",
			"3  perm.organisation", "4  perm.organisation", "5  perm.organisation", "6  perm.organisation")
		added := w.events(t, staffkey.EventPersonAdded, staffkey.OutcomeRefused)
		if changed := w.events(t, staffkey.EventPersonChanged, staffkey.OutcomeRefused); len(added) != 2 || len(changed) != 2 {
			t.Errorf("want two refusals of each kind recorded, got %d and %d", len(added), len(changed))
		}
		// Takes an LA's person away to another organisation: both sides must be theirs.
		report, err = w.ImportPeople(ctx, w.actor(t, admin), strings.NewReader("username,name,organisation\nmine,Mine,B\n"), nil)
		wantReport(t, report, err, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2  perm.organisation")
	})
}

func TestImportPeople_keeps_the_last_operator(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		w.grant(t, w.person(t, "op", "R"), staffkey.RoleOperator, "R")
		report, err := w.ImportPeople(ctx, console, strings.NewReader("username,name,organisation,state\nop,Name of op,R,disabled\nnew,New,A,\n"), nil)
		wantReport(t, report, err, "2 rows: added 1, changed 0, unchanged 0, refused 1", "2  role.last_operator")
		if p, err := w.FindPerson(ctx, console, "op"); err != nil || p.State != staffkey.PersonActive {
			t.Errorf("want op active, got %+v, %v", p, err)
		}
	})
}

func TestImportPeople_refuses_whole_files(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		for _, c := range []struct{ file, message string }{
			{"", "import.header.empty"}, {"\uFEFF", "import.header.empty"}, {"username,name\n", "import.header.missing"},
			{"username,name,organisation,colour\n", "import.header.unknown"}, {"username,name,organisation,Name\n", "import.header.twice"},
			{"\xFF\xFEu\x00s\x00", "import.header.unknown"},
			{"\xFF\xFE\x00\x00u\x00\x00\x00", "import.encoding.utf32"}, {"username,name,organisation\nr,Ren\xe9,A\n", "import.encoding.windows"},
			{"username,name,organisation\nr,Ren\x81,A\n", "import.encoding"}, {"username,name,organisation,department\n", "import.header.unknown"}, {";;\n", "import.header.empty"}, {"username,\"name,organisation\n", "import.quote"},
		} {
			_, err := w.ImportPeople(t.Context(), console, strings.NewReader(c.file), nil)
			wantInvalid(t, err, "file", c.message)
		}
		// What comes before a quotation mark that nobody closes is loaded, and the rest does not fill the memory.
		long := io.MultiReader(strings.NewReader("username,name,organisation\nfirst,First,A\n\"second,"), iotest.OneByteReader(io.LimitReader(endless{}, 1<<20)))
		report, err := w.ImportPeople(t.Context(), console, long, nil)
		wantInvalid(t, err, "file", "import.row_long")
		if got := counts(report); got != "1 rows: added 1, changed 0, unchanged 0, refused 0" {
			t.Errorf("want the first loaded, got %s", got)
		}
		broken := errors.New("the disk is gone")
		if _, err := w.ImportPeople(t.Context(), console, iotest.ErrReader(broken), nil); !errors.Is(err, broken) {
			t.Errorf("want the error of the file, got %v", err)
		}
	})
}

// endless is a file of x.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// Two imports of the same people at once: each person is added once, and neither import fails.
func TestImportPeople_twice_at_once(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		file := peopleFile(1200)
		var reports [2]directory.Report
		errs := both(
			func() (err error) {
				reports[0], err = w.ImportPeople(t.Context(), console, bytes.NewReader(file), nil)
				return err
			},
			func() (err error) {
				reports[1], err = w.ImportPeople(t.Context(), console, bytes.NewReader(file), nil)
				return err
			},
		)
		if errs[0] != nil || errs[1] != nil {
			t.Fatal(errs)
		}
		if added := reports[0].Added + reports[1].Added; added != 1200 {
			t.Errorf("want 1200 added in all, got %d: %v", added, reports)
		}
		for _, r := range reports {
			if r.Added+r.Unchanged+r.Refused != r.Rows || r.Rows != 1200 || r.Refused != 0 {
				t.Errorf("want every row added or unchanged, got %s", counts(r))
			}
		}
	})
}

// peopleFile is a file of n people in the organisations of a world.
func peopleFile(n int) []byte {
	var b bytes.Buffer
	b.WriteString("username,name,organisation,email,employee_number,phone\n")
	codes := []string{"A", "B", "A1"}
	for i := range n {
		fmt.Fprintf(&b, "person.%d,Person Number %d,%s,person.%d@x.example,%d,\n", i, i, codes[i%len(codes)], i, 100000+i)
	}
	return b.Bytes()
}

func TestImportOrganisations(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		file := strings.Join([]string{
			"code,name,parent,phone",
			"C11,Ward,C1,01632 960001", // its parent comes later
			"C1,Hospital,C,",
			"C,Trust,r,",
			"R,Root,,",
			"R9,Another root,,",
			"L1,Loop,L2,", "L2,Loop,L1,", "L3,Below the loop,L2,",
			"X,Lost,nowhere,",
			"c,Again,R,",
			"A1,A Ward,B,",
			"bad code,Bad,R,",
			"B,Renamed,R,",
		}, "\n")
		problems := []string{
			"6 parent organisation.second_root", "7 parent organisation.parent.refused", "8 parent organisation.parent.refused", "9 parent organisation.parent.refused",
			"10 parent organisation.unknown", "11 code import.duplicate", "12 parent organisation.parent.fixed", "13 code organisation.code.characters",
		}
		report, err := w.ImportOrganisations(ctx, console, strings.NewReader(file), nil)
		wantReport(t, report, err, "13 rows: added 3, changed 1, unchanged 1, refused 8", problems...)
		report, err = w.ImportOrganisations(ctx, console, strings.NewReader(file), nil)
		wantReport(t, report, err, "13 rows: added 0, changed 0, unchanged 5, refused 8", problems...)
		list, err := w.ListOrganisations(ctx, console, "C")
		if err != nil || len(list) != 3 || list[2].Code != "C11" || list[2].Depth != 2 {
			t.Errorf("below C: want C, C1, C11, got %+v, %v", list, err)
		}
		admin := w.person(t, "la", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		report, err = w.ImportOrganisations(ctx, w.actor(t, admin), strings.NewReader("code,name,parent\nA2,New,A\n"), nil)
		wantReport(t, report, err, "1 rows: added 0, changed 0, unchanged 0, refused 1", "2  perm.organisation")
		if got := w.events(t, staffkey.EventOrganisationAdded, staffkey.OutcomeRefused); len(got) != 1 || got[0].Actor != admin.ID {
			t.Errorf("want the refusal recorded, got %+v", got)
		}
	})
}

// An import of whatever bytes ends, counts every row once, and does the same again.
func FuzzImportPeople(f *testing.F) {
	for _, seed := range []string{"username,name,organisation\na,A,A\n", "username;name;organisation\r\n\"a\"\"\";A;A1\r\n", "\uFEFFname,username,organisation,email\n,,,\nA,a@b,A,a@b\n", "username,name,organisation\n\"", "\n\n;\n"} {
		f.Add([]byte(seed))
	}
	w := newWorld(f, storetest.Open(f, "sqlite", storetest.NewClock().Now), storetest.NewClock())
	f.Fuzz(func(t *testing.T, file []byte) {
		first, err := w.ImportPeople(t.Context(), console, bytes.NewReader(file), nil)
		if err != nil && !errors.Is(err, staffkey.ErrInvalid) {
			t.Fatal(err)
		}
		if first.Added+first.Changed+first.Unchanged+first.Refused != first.Rows {
			t.Errorf("want every row counted once, got %s", counts(first))
		}
		again, _ := w.ImportPeople(t.Context(), console, bytes.NewReader(file), nil)
		if again.Added+again.Changed != 0 || again.Refused != first.Refused {
			t.Errorf("again: want nothing new, got %s after %s", counts(again), counts(first))
		}
	})
}

func BenchmarkImportPeople(b *testing.B) {
	const people = 100_000
	file := peopleFile(people)
	for _, engine := range storetest.Engines(b) {
		b.Run(engine, func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				clock := storetest.NewClock()
				w := newWorld(b, storetest.Open(b, engine, clock.Now), clock)
				b.StartTimer()
				report, err := w.ImportPeople(b.Context(), console, bytes.NewReader(file), nil)
				if err != nil || report.Added != people {
					b.Fatal(counts(report), err)
				}
			}
			b.ReportMetric(float64(people*b.N)/b.Elapsed().Seconds(), "people/s")
		})
	}
}

// A character that nobody sees, pasted into a file, is no part of a name.
func TestImportPeople_with_what_nobody_sees(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		file := "username,name,organisation,email\n\u00adr18\u200b,Zoe\u0308\ufeff,A\u2060,r18@x.example\u200b\n"
		report, err := w.ImportPeople(t.Context(), console, strings.NewReader(file), nil)
		wantReport(t, report, err, "1 rows: added 1, changed 0, unchanged 0, refused 0")
		for _, login := range []string{"r18", "R18\u200b", "r18@x.example"} {
			p, err := w.FindPerson(t.Context(), console, login)
			if err != nil || p.Username != "r18" || p.Name != "Zoë" || p.Email != "r18@x.example" {
				t.Errorf("%q finds %+q, %v", login, p, err)
			}
		}
		report, err = w.ImportPeople(t.Context(), console, strings.NewReader(file), nil)
		wantReport(t, report, err, "1 rows: added 0, changed 0, unchanged 1, refused 0")
		report, err = w.ImportPeople(t.Context(), console, strings.NewReader(strings.ReplaceAll(file, "r18\u200b", "r18")+"r\ufe0f18,Another,A,\n\u200b,Nobody,A,\n"), nil)
		wantReport(t, report, err, "3 rows: added 0, changed 0, unchanged 1, refused 2", "3 username import.duplicate", "4 username field.empty")
	})
}

// An address that no mail reaches is told with its row, not stored for notices that would be lost.
func TestImportPeople_refuses_addresses_that_mail_does_not_take(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		file := "username,name,organisation,email\ntwo.dots,Two Dots,A,a..b@x.example\nlast.dot,Last Dot,A,a.@x.example\nwelsh,Welsh,A,post@ŵy.example\n"
		report, err := w.ImportPeople(t.Context(), console, strings.NewReader(file), nil)
		wantReport(t, report, err, "3 rows: added 1, changed 0, unchanged 0, refused 2", "2 email email.shape", "3 email email.shape")
	})
}
