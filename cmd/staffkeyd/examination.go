package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// examination is what doctor finds, told line by line or as one JSON object at the end.
type examination struct {
	out      io.Writer
	asJSON   bool
	findings []finding
}

// finding is one thing that was looked at.
type finding struct {
	Check string `json:"check"`
	State state  `json:"state"`
	Cause string `json:"cause,omitempty"`
	Fix   string `json:"fix,omitempty"`
}

// state is what was found.
type state string

const (
	well     state = "ok"
	choice   state = "choice" // it works, and costs people something
	toMend   state = "to_mend"
	notTried state = "not_tried"
)

var marks = map[state]string{well: "ok", choice: "!", toMend: "x", notTried: "-"}

// check tells of a check that passed, or of its error.
func (e *examination) check(what string, err error) {
	var p *problem
	switch err = explainPostgres(err); {
	case err == nil:
		e.tell(finding{Check: what, State: well})
	case errors.As(err, &p):
		e.tell(finding{what, toMend, p.cause, p.fix})
	default:
		e.tell(finding{what, toMend, err.Error(), ""})
	}
}

// note tells of a choice that costs people something.
func (e *examination) note(what string, p *problem) { e.tell(finding{what, choice, p.cause, p.fix}) }

// skip tells of what could not be looked at.
func (e *examination) skip(what, why string) {
	e.tell(finding{Check: what, State: notTried, Cause: why})
}

func (e *examination) tell(f finding) {
	e.findings = append(e.findings, f)
	if e.asJSON {
		return
	}
	text := f.Check
	if f.Cause != "" {
		text += ": " + f.Cause
	}
	fmt.Fprintf(e.out, "%-3s %s\n", marks[f.State], text)
	if f.Fix != "" {
		fmt.Fprintf(e.out, "    %s\n", strings.ReplaceAll(f.Fix, "\n  ", "\n    "))
	}
}

// end sums up. The program ends with 1 when something is to be mended, and else with 0.
func (e *examination) end() error {
	count := map[state]int{}
	for _, f := range e.findings {
		count[f.State]++
	}
	switch {
	case e.asJSON:
		text, err := json.MarshalIndent(struct {
			Well     bool      `json:"ok"`
			Findings []finding `json:"findings"`
		}{count[toMend] == 0, e.findings}, "", "  ")
		if err != nil {
			return err
		}
		fmt.Fprintln(e.out, string(text))
	case count[toMend] > 0:
		fmt.Fprintf(e.out, "%d to mend.\n", count[toMend])
	case count[notTried] > 0:
		fmt.Fprintln(e.out, "Nothing to mend in what could be tried.")
	case count[choice] > 0:
		fmt.Fprintln(e.out, "All is well but for what has an exclamation mark.")
	default:
		fmt.Fprintln(e.out, "All is well.")
	}
	if count[toMend] > 0 {
		return exitStatus(exitFailed)
	}
	return nil
}
