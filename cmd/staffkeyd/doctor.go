package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"staffkey/internal/directory"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/store"
)

type doctorCommand struct {
	serverConfig `embed:""`
}

// Run checks what the server needs and says how to mend what is wrong. It changes nothing. What has an exclamation mark is a choice that
// costs people something.
func (c *doctorCommand) Run(env *environment) error {
	failed, choices := 0, 0
	check := func(what string, err error) {
		var p *problem
		switch {
		case err == nil:
			fmt.Fprintf(env.stdout, "ok  %s\n", what)
		case errors.As(err, &p):
			failed++
			fmt.Fprintf(env.stdout, "x   %s: %s\n    %s\n", what, p.cause, strings.ReplaceAll(p.fix, "\n  ", "\n    "))
		default:
			failed++
			fmt.Fprintf(env.stdout, "x   %s: %v\n", what, err)
		}
	}
	set, err := c.settle()
	check("configuration", err)
	if err == nil {
		c.checkMessages(env.ctx, set, check, func(what string, p *problem) {
			choices++
			fmt.Fprintf(env.stdout, "!   %s: %s\n    %s\n", what, p.cause, p.fix)
		})
	}
	check("port", portFree(env, c.Listen))
	if c.TLSCert != "" && c.TLSKey != "" {
		check("certificate", c.certificate(set.host(), env.now()))
	}
	s, err := openStore(env.ctx, env.config, false)
	check("database", err)
	if err == nil {
		env.store = s
		check("schema and sealing key", checkSchema(env.ctx, s))
		check("database integrity", intact(env, s))
		check("clock beside the database's", clockAgrees(env, s))
		check("metadata of keys", metadataCurrent(env, s))
		check("sealing key file", privateFile(env.config.sealingKeyFile()))
		for _, err := range env.config.privateData() {
			check("data folder", err)
		}
		for _, err := range c.privateSecrets(env.config) {
			check("file with a secret", err)
		}
	}
	if failed > 0 {
		fmt.Fprintf(env.stdout, "%d to mend.\n", failed)
		return exitStatus(exitFailed)
	}
	if choices > 0 {
		fmt.Fprintln(env.stdout, "All is well but for what has an exclamation mark.")
		return nil
	}
	fmt.Fprintln(env.stdout, "All is well.")
	return nil
}

// portFree reports whether the port can be opened. A server that runs already holds it: that is said, too.
func portFree(env *environment, address string) error {
	l, err := listen(env.ctx, listenFlag, address)
	if err != nil {
		return err
	}
	return l.Close()
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

func clockAgrees(env *environment, s *store.Store) error {
	skew, err := s.ClockSkew(env.ctx)
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
