package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/store"
)

type doctorCommand struct {
	JSON   bool   `help:"Print one JSON object."`
	Live   bool   `help:"Ask the public address too, as a browser does: its TLS, whether what answers is Staffkey and nobody changes its pages, and what the server sees of the request."`
	LiveAt string `help:"Where to connect to for --live, instead of where the name leads." placeholder:"HOST:PORT" env:"-"`

	serverConfig `embed:""`
}

// databaseWait bounds what doctor waits for from a database server.
const databaseWait = 30 * time.Second

// Run checks what the server needs and says how to mend what is wrong, before the first start, beside a server that runs, or without one. It changes
// nothing.
func (c *doctorCommand) Run(env *environment) error {
	e := &examination{out: env.stdout, asJSON: c.JSON}
	set, err := c.settle()
	e.check("configuration", err)
	if err == nil {
		c.checkMessages(env.ctx, set, e.check, e.note)
	}
	runs := c.checkPort(env.ctx, e)
	if c.TLSCert != "" && c.TLSKey != "" {
		e.check("certificate", c.certificate(set.host(), env.now()))
	}
	if err := c.checkData(env, e, runs); err != nil {
		return err
	}
	e.check("sealing key file", privateFile(env.config.sealingKeyFile()))
	for _, err := range env.config.privateData() {
		e.check("data folder", err)
	}
	for _, err := range c.privateSecrets(env.config) {
		e.check("file with a secret", err)
	}
	if c.Live && set.address != "" {
		c.checkLive(env.ctx, e, set.address, c.LiveAt, nil)
		if env.store != nil {
			live{set.address, c.LiveAt, env.store.Sealer(), env.now}.run(env.ctx, e.check)
		}
	}
	return e.end()
}

// checkData looks at the database. Before the first start there is none, which is well unless a server runs all the same.
func (c *doctorCommand) checkData(env *environment, e *examination, runs bool) error {
	pg, err := env.config.postgresURL()
	if err != nil {
		e.check("database", err)
		return nil
	}
	missing := func(name string) bool {
		_, err := os.Stat(name)
		return errors.Is(err, fs.ErrNotExist)
	}
	noKey := missing(env.config.sealingKeyFile())
	const rest = "sealing key, schema, integrity, clock, metadata of keys"
	switch {
	case pg != "" && noKey:
		ctx, cancel := context.WithTimeout(env.ctx, databaseWait)
		defer cancel()
		s, err := store.Open(ctx, store.Config{PostgreSQL: pg})
		if err != nil {
			e.check("database", postgresProblem(pg, err))
			return nil
		}
		env.store = s
		server := checkServer(ctx, e, s, pg)
		switch {
		case server == nil:
		case server.Installed:
			e.check("sealing key", env.config.mustExist(pg))
		default:
			e.skip(rest, "the first start makes them; every node needs the same sealing key then")
		}
		return nil
	case pg == "" && noKey && missing(env.config.sqliteFile()) && !runs:
		e.skip("database, "+rest, "there is no installation in "+env.config.Data+" yet; the first start makes one")
		return nil
	}
	s, err := openStore(env.ctx, env.config, false)
	if err != nil {
		e.check("database", err)
		return nil
	}
	env.store = s
	ctx, cancel := context.WithTimeout(env.ctx, databaseWait)
	defer cancel()
	if pg == "" {
		e.check("database: "+env.config.sqliteFile(), nil)
	} else if server := checkServer(ctx, e, s, pg); server == nil || server.Follows || server.ReadOnly || server.Unprepared != nil {
		e.skip("schema, clock, metadata of keys", "the database server comes first")
		return nil
	}
	e.check("schema and sealing key", checkSchema(ctx, s))
	if pg == "" {
		e.check("database integrity", intact(env, s))
	} else {
		e.check("clock beside the database's", clockAgrees(ctx, s))
	}
	e.check("metadata of keys", metadataCurrent(env, s))
	return nil
}

// checkServer tells what a PostgreSQL server is; nil when it says nothing.
func checkServer(ctx context.Context, e *examination, s *store.Store, pg string) *store.Server {
	server, err := s.LookAtServer(ctx)
	if err != nil {
		e.check("database", postgresProblem(pg, err))
		return nil
	}
	what := fmt.Sprintf("database: %s (PostgreSQL %s, UTF8)", store.Postgres(pg), server.Version)
	if server.Pooled {
		what += ", by a pooler that hands out connections by transaction"
	}
	switch {
	case server.Follows:
		e.check(what, &problem{cause: "it follows another server and takes no changes", fix: "Name the one that takes changes, or all of them in one URL: postgres://user@host1:5432,host2:5432/staffkey"})
	case server.ReadOnly:
		e.check(what, &problem{cause: "it takes no changes (default_transaction_read_only is on)", fix: "Switch it off for this user and database, or name another server."})
	case server.Unprepared != nil:
		e.check(what, server.Unprepared)
	default:
		e.check(what, nil)
	}
	return server
}

// certificate looks at the pair as serve does, and then as browsers do.
func (c *serverConfig) certificate(host string, now time.Time) error {
	pair, err := readPair(c.TLSCert, c.TLSKey)
	if err != nil {
		return err
	}
	if err := judgePair(pair, c.TLSCert, host, now); err != nil {
		return err
	}
	if left := pair.Leaf.NotAfter.Sub(now); left < certificateSoon {
		return &problem{cause: fmt.Sprintf("the certificate in %s ends on %s", c.TLSCert, day(pair.Leaf.NotAfter)), fix: "Renew it, and write both files; a running server takes them within a minute."}
	}
	return nil
}

func intact(env *environment, s *store.Store) error {
	if err := s.CheckIntegrity(env.ctx); err != nil {
		return &problem{cause: lastCause(err), fix: "Stop the server, keep a copy of the data folder, and restore your latest backup.", err: err}
	}
	return nil
}

// maxClockSkew is the difference above which codes and sessions would go wrong between nodes.
const maxClockSkew = 30 * time.Second

func clockAgrees(ctx context.Context, s *store.Store) error {
	skew, err := s.ClockSkew(ctx)
	if err != nil {
		return err
	}
	if skew.Abs() > maxClockSkew {
		return &problem{cause: fmt.Sprintf("this machine and the database differ by %s", skew.Round(time.Second)), fix: "Switch on time synchronisation on both."}
	}
	return nil
}

// metadataCurrent tells metadata that is overdue or could not be fetched: what was found about keys since then is not known here. None at
// all is a choice.
func metadataCurrent(env *environment, s *store.Store) error {
	m, err := directory.New(directory.Deps{Store: s, Models: securitykey.NewCatalogue(mds.Trust{}, env.now)}).Metadata(env.ctx)
	switch {
	case err != nil:
		return err
	case m.Problem != "":
		return &problem{cause: "newer metadata could not be had: " + m.Problem, fix: "Check --metadata-url, or import a file: staffkeyd metadata import FILE."}
	case m.IsOverdue(env.now()):
		return &problem{cause: "the next issue was due on " + m.NextUpdate.Format("2 January 2006"), fix: "Get it from https://mds3.fidoalliance.org/ and import it: staffkeyd metadata import FILE."}
	}
	return nil
}
