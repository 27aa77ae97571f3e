package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"staffkey"

	"github.com/pressly/goose/v3"
)

// refoldVersion is the migration that tidies the names of earlier releases and folds them as [Fold] does now. A later change of [Fold] gets
// a version of its own with the same function.
const refoldVersion = 10

// foldedColumn is a text that people are shown, and its folded form beside it.
type foldedColumn struct {
	table, text, folded string
	fold                func(string) string
	// taken is the condition under which another row o keeps row r from a folded form; empty when many may have the same.
	taken string
}

var foldedColumns = []foldedColumn{
	{"organisations", "code", "code_folded", Fold, "TRUE"},
	{"people", "username", "username_folded", Fold, "TRUE"},
	{"people", "email", "email_folded", Fold, "TRUE"},
	{"people", "name", "name_folded", FoldForSearch, ""},
	{"security_keys", "nickname", "nickname_folded", Fold, "o.person_id = r.person_id AND o.state IN ('active', 'suspended') AND r.state IN ('active', 'suspended')"},
}

// refold is the migration. A name that means the same as another's now stays as it is, so that nobody is found by it who was not before:
// whoever has it already keeps it, and of several who were found by none of theirs the oldest gets it. That is told in the log.
func (s *Store) refold() *goose.Migration {
	return goose.NewGoMigration(refoldVersion, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
		q := poolQuerier{ctx: ctx, q: tx}
		for _, c := range foldedColumns {
			if err := s.refoldColumn(q, c); err != nil {
				return fmt.Errorf("fold %s of %s: %w", c.text, c.table, err)
			}
		}
		return nil
	}}, nil)
}

// foldedRow is a row whose text or folded form is not what it would be if it were stored now.
type foldedRow struct{ id, text string }

const refoldBatch = 1000

func (s *Store) refoldColumn(q querier, c foldedColumn) error {
	last := ""
	for {
		changed, end, err := foldedRowsAfter(q, c, last)
		if err != nil {
			return err
		}
		for _, r := range changed { // by id, which is by age
			if err := s.refoldRow(q, c, r); err != nil {
				return err
			}
		}
		if end == "" {
			return nil
		}
		last = end
	}
}

// foldedRowsAfter reads a batch of rows behind an id. It returns those that change, and the last id; empty when there was none.
func foldedRowsAfter(q querier, c foldedColumn, last string) (changed []foldedRow, end string, err error) {
	rows, err := q.query(fmt.Sprintf("SELECT id, %s, COALESCE(%s, '') FROM %s WHERE id > $1 ORDER BY id LIMIT $2", c.text, c.folded, c.table), last, refoldBatch)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var r foldedRow
		var folded string
		if err := rows.Scan(&r.id, &r.text, &folded); err != nil {
			return nil, "", err
		}
		if end = r.id; staffkey.TidyText(r.text) != r.text || c.fold(r.text) != folded {
			changed = append(changed, r)
		}
	}
	return changed, end, rows.Err()
}

func (s *Store) refoldRow(q querier, c foldedColumn, r foldedRow) error {
	tidy, folded := staffkey.TidyText(r.text), c.fold(r.text)
	if folded == "" { // nothing of it can be seen
		s.log.Warn("a stored name cannot be seen: give it another", "table", c.table, "column", c.text, "id", r.id)
		return nil
	}
	if c.taken != "" {
		var other string
		err := found(q.queryRow(fmt.Sprintf("SELECT o.id FROM %[1]s o, %[1]s r WHERE r.id = $1 AND o.id <> r.id AND o.%[2]s = $2 AND %[3]s", c.table, c.folded, c.taken), r.id, folded).
			Scan(&other))
		if err == nil {
			s.log.Warn("two stored names look alike: give one of them another", "table", c.table, "column", c.text, "id", r.id, "kept_by", other,
				"name", staffkey.CleanText(tidy))
			return nil
		}
		if !errors.Is(err, staffkey.ErrNotFound) {
			return err
		}
	}
	_, err := q.exec(fmt.Sprintf("UPDATE %s SET %s = $1, %s = $2 WHERE id = $3", c.table, c.text, c.folded), tidy, folded, r.id)
	return err
}
