package directory

import (
	"errors"
	"slices"

	"staffkey"
)

// Report is what an import did.
type Report struct {
	// Rows are all rows of the file but the header; every row is in exactly one of the counts below.
	Rows, Added, Changed, Unchanged, Refused int
	// Problems tell why rows were refused, in the order of the file; at most [MaxProblems] are kept.
	Problems []Problem
	// Notes tell what else there is to know about rows that were taken, in the order of the file; at most [MaxProblems] are kept.
	Notes []Problem
}

// MaxProblems bounds the problems that a report keeps, so that a file of nothing but bad rows does not fill the memory.
// The count of refused rows goes on.
const MaxProblems = 10_000

// Problem is one row that an import did not take, or has something to say about.
type Problem struct {
	// Line is where the row begins in the file; the header is line 1.
	Line int
	// Column is the column at fault, as named in the header; empty when the row as a whole is.
	Column string
	// Message is the reason for pages, and Text the same in English for a terminal.
	Message staffkey.Message
	Text    string
}

// refuse counts a refused row and keeps why.
func (r *Report) refuse(line int, err error) {
	r.Refused++
	if len(r.Problems) < MaxProblems {
		r.Problems = append(r.Problems, problemOf(line, err))
	}
}

// note keeps what there is to know about a row that was taken.
func (r *Report) note(line int, column string, m staffkey.Message) {
	if len(r.Notes) < MaxProblems {
		r.Notes = append(r.Notes, Problem{Line: line, Column: column, Message: m, Text: English(m)})
	}
}

// doubt notes what the row that was taken should be looked at for.
func (r *Report) doubt(of row) {
	for _, d := range doubtsOf(of) {
		r.note(of.line, d.column, d.message)
	}
}

// problemOf turns the error of a row into a problem: ErrInvalid, a refusal, or else a conflict with somebody's change.
func problemOf(line int, err error) Problem {
	p := Problem{Line: line}
	var invalid *staffkey.InvalidError
	var refusal *staffkey.Refusal
	switch {
	case errors.As(err, &invalid):
		p.Column, p.Message = invalid.Field, invalid.Message
	case errors.As(err, &refusal):
		p.Message = refusal.Message
	default:
		p.Message = staffkey.Msg("import.conflict")
	}
	p.Text = English(p.Message)
	return p
}

// add counts what became of a batch.
func (r *Report) add(b Report) {
	r.Added += b.Added
	r.Changed += b.Changed
	r.Unchanged += b.Unchanged
	r.Refused += b.Refused
	r.Problems = append(r.Problems, b.Problems[:min(len(b.Problems), MaxProblems-len(r.Problems))]...)
	r.Notes = append(r.Notes, b.Notes[:min(len(b.Notes), MaxProblems-len(r.Notes))]...)
}

// sort brings problems into the order of the file: some are found when a row is read, others when its batch is stored.
func (r *Report) sort() {
	for _, list := range [][]Problem{r.Problems, r.Notes} {
		slices.SortStableFunc(list, func(a, b Problem) int { return a.Line - b.Line })
	}
}
