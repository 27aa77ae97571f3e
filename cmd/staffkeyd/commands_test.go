package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/securitykey/mds/mdstest"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"

	"github.com/alecthomas/kong"
	"github.com/rogpeppe/go-internal/testscript"
)

// linkFor issues links that name the person instead of a secret.
type linkFor struct{}

func (linkFor) IssueFirstPasswordLink(_ context.Context, _ staffkey.Actor, person staffkey.PersonID) (string, error) {
	return "https://staffkey.example/welcome/" + string(person), nil
}

// administration is the part of the command line that the scripts of testdata/administration are about.
type administration struct {
	Person       personCommands       `cmd:""`
	Organisation organisationCommands `cmd:""`
	Role         roleCommands         `cmd:""`
	Policy       policyCommands       `cmd:""`
	Audit        auditCommands        `cmd:""`
	Pass         passCommands         `cmd:""`
	Exception    exceptionCommands    `cmd:""`
	Station      stationCommands      `cmd:""`
	Metadata     metadataCommands     `cmd:""`
	Model        modelCommands        `cmd:""`
	Recall       recallCommands       `cmd:""`
	SetupLink    setUpLinkCommand     `cmd:""`
}

// TestAdministration runs each script of testdata/administration on an empty store of each engine. "staffkeyd" runs a
// command and sets $status to its exit code; "terminal" does so as on a terminal; "freeze" is a person who presses "This was not me" in
// a mail.
func TestAdministration(t *testing.T) {
	t.Parallel()
	for _, engine := range storetest.Engines(t) {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			testscript.Run(t, testscript.Params{
				Dir: filepath.Join("testdata", "administration"),
				Setup: func(e *testscript.Env) error {
					clock := storetest.NewClock()
					tb := e.T().(testing.TB)
					s := storetest.Open(tb, engine, clock.Now)
					catalogue := securitykey.NewCatalogue(mds.Trust{}, clock.Now)
					e.Values["environment"] = &environment{
						ctx: context.Background(), stdin: bytes.NewReader(nil), store: s, signin: linkFor{}, now: clock.Now,
						catalogue: catalogue, directory: directory.New(directory.Deps{Store: s, Models: catalogue}),
						service: signin.New(signin.Deps{Store: s, Methods: []signin.Method{pass.New(s.Sealer())}, Address: "https://staffkey.example", Now: clock.Now}),
					}
					return putMetadata(tb, e.WorkDir, clock.Now())
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"staffkeyd": func(ts *testscript.TestScript, neg bool, args []string) { administer(ts, neg, args, false) },
					"freeze":    freeze,
					"terminal":  func(ts *testscript.TestScript, neg bool, args []string) { administer(ts, neg, args, true) },
				},
			})
		})
	}
}

// putMetadata puts metadata where scripts find it: two issues, signed under roots.pem, and one under another root.
func putMetadata(t testing.TB, dir string, now time.Time) error {
	issuer, other := mdstest.New(t, now), mdstest.New(t, now)
	due := now.AddDate(0, 0, 30)
	model := mdstest.Model{AAGUID: "ee882879-721c-4913-9775-3dfcce97072a", Description: "Test key"}
	revoked := model
	revoked.Reports = []mdstest.Report{{Status: "REVOKED", Since: "2026-01-05"}}
	var errs []error
	for name, content := range map[string][]byte{
		"roots.pem": issuer.RootPEM(), "57.jwt": issuer.BLOB(t, 57, due, model), "58.jwt": issuer.BLOB(t, 58, due, revoked), "other.jwt": other.BLOB(t, 99, due, model),
	} {
		errs = append(errs, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	return errors.Join(errs...)
}

func freeze(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(freezeByMail(ts.Value("environment").(*environment), args[0]))
}

func freezeByMail(env *environment, username string) error {
	p, err := env.directory.FindPerson(env.ctx, staffkey.ConsoleActor(), username)
	if err != nil {
		return err
	}
	secret := rand.Text()
	err = env.store.Change(env.ctx, staffkey.Event(staffkey.EventLinkIssued, staffkey.ConsoleActor()), func(tx *store.Tx) error {
		return tx.InsertLinkAbout(store.LinkNotMe, p.ID, "notice.codes_made", secret, tx.Now.Add(time.Hour))
	})
	if err != nil {
		return err
	}
	_, err = env.service.FreezeByLink(env.ctx, staffkey.Origin{}, secret)
	return err
}

func administer(ts *testscript.TestScript, neg bool, args []string, terminal bool) {
	env := *ts.Value("environment").(*environment)
	env.stdout, env.stderr, env.terminal, env.isTerminal = ts.Stdout(), ts.Stderr(), ts.Stderr(), terminal
	for i, a := range args { // kong opens files from here, the script from its own folder
		if _, err := os.Stat(ts.MkAbs(a)); err == nil && a != "" {
			args[i] = ts.MkAbs(a)
		}
	}
	err := func() error {
		parser, err := kong.New(&administration{}, lenient(), kong.Name("staffkeyd"), kong.Exit(func(int) {}), kong.Writers(env.stdout, env.stderr))
		if err != nil {
			return err
		}
		kctx, err := parser.Parse(args)
		if err != nil {
			return err
		}
		return kctx.Run(&env)
	}()
	status := 0
	var exit exitStatus
	switch {
	case errors.As(err, &exit):
		status = exit.ExitCode()
	case err != nil:
		status = 1
		fmt.Fprintln(env.stderr, "staffkeyd:", err)
	}
	ts.Setenv("status", strconv.Itoa(status))
	if neg == (status == 0) {
		ts.Fatalf("exit status %d: %v", status, err)
	}
}
