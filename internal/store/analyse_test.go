package store_test

import (
	"testing"

	"staffkey/internal/store"
)

// PostgreSQL knows how much is in the tables when they have been migrated, and again when somebody who has filled them says so.
func TestAnalyse(t *testing.T) {
	t.Parallel()
	s, _ := onPostgreSQL(t, "", "")
	rows := func() (n float64) {
		read(t, s, func(tx *store.Tx) error {
			return store.ScanRow(tx, "SELECT reltuples FROM pg_class WHERE oid = 'people'::regclass", &n)
		})
		return n
	}
	if n := rows(); n != 0 { // -1 is "not known", section 53.11 of the documentation
		t.Errorf("after the migration it takes people for a table of %v rows, want 0", n)
	}
	w := plant(t, s)
	for _, name := range []string{"amara", "bryn", "carys"} {
		addPerson(t, s, w.trust.ID, name)
	}
	if err := s.Analyse(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := rows(); n != 3 {
		t.Errorf("it takes people for a table of %v rows, want 3", n)
	}
}
