package crash

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"staffkey"
	"staffkey/test/program"
)

// auditLog counts the events of a round by who did what.
type auditLog map[entry]int

// entry is a result with the name of whoever did it.
type entry struct {
	actor string
	result
}

// readLog exports the audit log as an operator does, from an instant on.
func readLog(p *program.Program, from time.Time) (auditLog, error) {
	out, err := p.Command("", "audit", "export", "--format", "jsonl", "--from", from.UTC().Format(time.RFC3339Nano))
	if err != nil {
		return nil, err
	}
	log := auditLog{}
	lines := bufio.NewScanner(bytes.NewReader(out))
	for lines.Scan() {
		var e struct {
			Kind      staffkey.EventKind `json:"kind"`
			Outcome   staffkey.Outcome   `json:"outcome"`
			ActorName string             `json:"actor_name"`
			Subject   string             `json:"subject"`
			Name      string             `json:"subject_name"`
		}
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("audit export: %w: %s", err, lines.Bytes())
		}
		if e.Outcome == staffkey.OutcomeDone {
			log[entry{e.ActorName, forget(result{e.Kind, e.Subject, e.Name})}]++
		}
	}
	return log, lines.Err()
}

// forget drops from a result what the person was not told and the log knows.
func forget(r result) result {
	switch r.kind {
	case staffkey.EventSignedIn: // which token it was: the kept one
		r.subject, r.name = "", ""
	case staffkey.EventKeyRegistered:
		r.name = ""
	case staffkey.EventMethodEnrolled: // the first set of recovery codes
		r.kind = staffkey.EventMethodChanged
	}
	return r
}

// compare says what the log lacks of a person's acknowledged results, and what it has more often than it can have happened.
func (l auditLog) compare(s *staff) (problems []string) {
	want := map[result]int{}
	for _, r := range s.done {
		want[r]++
	}
	for r, n := range want {
		most := n
		if s.open != nil && *s.open == r {
			most++
		}
		if got := l[entry{s.account.Name, r}]; got < n || got > most {
			problems = append(problems, fmt.Sprintf("the log has %d of %d acknowledged events %+v", got, n, r))
		}
	}
	return problems
}
