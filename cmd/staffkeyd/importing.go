package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"staffkey/internal/directory"
)

// fileForm says how the file of an import is written.
type fileForm struct {
	Encoding string `help:"Encoding of a file that is not UTF-8 and does not say so: windows-1252 (Excel on Windows), iso-8859-14, ibm850, macintosh or utf-16." default:"utf-8" enum:"utf-8,utf-16,windows-1252,iso-8859-14,ibm850,macintosh" placeholder:"NAME" env:"-"`
}

// open opens the file of an import; "-" is standard input.
func (f fileForm) open(env *environment, name string) (r io.Reader, closeFile func(), err error) {
	r, closeFile = env.stdin, func() {}
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, nil, err
		}
		r, closeFile = file, func() { _ = file.Close() } // it was only read
	}
	r, err = directory.Decode(r, f.Encoding)
	return r, closeFile, err
}

// progressLine tells on standard error, once a second, how far an import has come and how fast it is.
type progressLine struct {
	env         *environment
	began, last time.Time
	drawn       bool
	// analyseAt is the row from which on the database is to look at what it holds.
	analyseAt int
}

// firstAnalysis is the row of an import after which the database looks at what it holds, and again at each tenfold: as long as it takes the tables
// for small ones, each row costs more than the one before.
const firstAnalysis = 2000

func newProgressLine(env *environment) *progressLine {
	now := env.now()
	return &progressLine{env: env, began: now, last: now, analyseAt: firstAnalysis}
}

// report is called after each batch with the rows done.
func (p *progressLine) report(done int) {
	if done >= p.analyseAt {
		p.analyseAt *= 10
		analyse(p.env)
	}
	now := p.env.now()
	if now.Sub(p.last) < time.Second {
		return
	}
	p.last = now
	line := fmt.Sprintf("%s rows, %s a second", grouped(done), grouped(int(float64(done)/now.Sub(p.began).Seconds())))
	if p.env.isTerminal {
		fmt.Fprintf(p.env.terminal, "\r%s\x1b[K", line)
		p.drawn = true
		return
	}
	fmt.Fprintln(p.env.stderr, line)
}

// clear removes the line that was drawn in place.
func (p *progressLine) clear() {
	if p.drawn {
		fmt.Fprint(p.env.terminal, "\r\x1b[K")
	}
}

// analyse has the database look at what it holds. Without that it is slower for a while, and nothing else.
func analyse(env *environment) {
	if err := env.store.Analyse(env.ctx); err != nil && env.ctx.Err() == nil {
		fmt.Fprintln(env.stderr, "staffkeyd: the database will be slow until it has looked at its tables by itself:", lastCause(err))
	}
}

// importProblem and importResult are the JSON form of a report.
type importProblem struct {
	Line    int    `json:"line"`
	Column  string `json:"column,omitempty"`
	Message string `json:"message"`
	Text    string `json:"text"`
}

type importResult struct {
	Rows      int             `json:"rows"`
	Added     int             `json:"added"`
	Changed   int             `json:"changed"`
	Unchanged int             `json:"unchanged"`
	Refused   int             `json:"refused"`
	Problems  []importProblem `json:"problems"`
	Notes     []importProblem `json:"notes"`
	Error     string          `json:"error,omitempty"`
}

func listed(problems []directory.Problem) []importProblem {
	list := make([]importProblem, len(problems))
	for i, p := range problems {
		list[i] = importProblem{p.Line, p.Column, p.Message.ID, p.Text}
	}
	return list
}

// finishImport prints what an import did, with its notes, and returns how the command ends: with 1 when rows were refused, with the error
// that stopped the import otherwise.
func finishImport(env *environment, report directory.Report, asJSON bool, stopped error) error {
	if report.Added+report.Changed > 0 {
		analyse(env)
	}
	if asJSON {
		result := importResult{Rows: report.Rows, Added: report.Added, Changed: report.Changed, Unchanged: report.Unchanged, Refused: report.Refused, Problems: listed(report.Problems), Notes: listed(report.Notes)}
		if stopped != nil {
			result.Error = explain(stopped).Error()
		}
		if err := json.NewEncoder(env.stdout).Encode(result); err != nil {
			return err
		}
	} else {
		if report.Rows > 0 || stopped == nil {
			fmt.Fprintf(env.stdout, "added %s, changed %s, unchanged %s, refused %s\n",
				grouped(report.Added), grouped(report.Changed), grouped(report.Unchanged), grouped(report.Refused))
		}
		for _, n := range report.Notes {
			fmt.Fprintln(env.stdout, problemLine(n))
		}
		for _, p := range report.Problems {
			fmt.Fprintln(env.stderr, problemLine(p))
		}
		if more := report.Refused - len(report.Problems); more > 0 {
			fmt.Fprintf(env.stderr, "and %s more\n", grouped(more))
		}
	}
	switch {
	case stopped != nil:
		return explain(stopped)
	case report.Refused > 0:
		return exitStatus(1)
	}
	return nil
}

func problemLine(p directory.Problem) string {
	if p.Column == "" {
		return fmt.Sprintf("line %d: %s", p.Line, p.Text)
	}
	return fmt.Sprintf("line %d: %s: %s", p.Line, p.Column, p.Text)
}

// grouped writes a number with commas between the thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
