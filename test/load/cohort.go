package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/password"
	"staffkey/internal/store"
	"staffkey/test/program"
)

// cohort is people of the mode timing who are alike.
type cohort string

const (
	complete cohort = "complete" // with an address, a password and a pass
	bare     cohort = "bare"     // with a name only
)

// name is the username of number i. Those from the size of the cohort on are nobody's, and look the same.
func (c cohort) name(i int) string { return username(string(c), i) }

// addCohort adds n people. Passwords and passes are written into the data beside the server: by the pages, a thousand would take minutes
// of hashing, and all would have to be used once before.
func (in *installation) addCohort(ctx context.Context, c cohort, n int) error {
	var table strings.Builder
	table.WriteString("username,name,organisation,email\n")
	for i := range n {
		address := ""
		if c == complete {
			address = c.name(i) + "@northmoor.example"
		}
		fmt.Fprintf(&table, "%s,Number %d,%s,%s\n", c.name(i), i, organisation, address)
	}
	if _, err := program.Command(in.binary, in.options, table.String(), "person", "import", "-"); err != nil || c == bare {
		return err
	}
	cfg := store.Config{PostgreSQL: in.options.Postgres}
	if cfg.PostgreSQL == "" {
		cfg.SQLite = filepath.Join(in.options.Data, "staffkey.db")
	}
	var err error
	if cfg.Sealer, err = store.OpenSealer(filepath.Join(in.options.Data, "sealing-key")); err != nil {
		return err
	}
	s, err := store.Open(ctx, cfg)
	if err != nil {
		return err
	}
	return errors.Join(giveMethods(ctx, s, c, n), s.Close())
}

// giveMethods gives everybody the same password, which nobody knows, and a pass.
func giveMethods(ctx context.Context, s *store.Store, c cohort, n int) error {
	passwords, err := password.New(password.Options{})
	if err != nil {
		return err
	}
	hashed, err := passwords.FinishEnrolment(ctx, signin.Enrolling{}, staffkey.Ceremony{}, []byte(rand.Text()))
	if err != nil {
		return err
	}
	passes, now := pass.New(s.Sealer()), time.Now()
	terms := signin.PassTerms{StartsAt: now, ExpiresAt: now.Add(8 * time.Hour)}
	return s.Housekeep(ctx, func(tx *store.Tx) error {
		for i := range n {
			p, err := tx.FindPersonByLogin(c.name(i))
			if err != nil {
				return err
			}
			issued, err := passes.Issue(p.ID, terms)
			if err != nil {
				return err
			}
			for kind, state := range map[staffkey.MethodKind][]byte{staffkey.MethodPassword: hashed.State, staffkey.MethodPass: issued.State} {
				e := staffkey.Enrolment{ID: store.NewID[staffkey.EnrolmentID](), Person: p.ID, Method: kind, State: state, CreatedAt: tx.Now}
				if err := tx.InsertEnrolment(e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}
