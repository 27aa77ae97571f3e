// Command staffkeyd is the Staffkey server and the operator's commands on the machine itself.
//
//	staffkeyd demo                 a running sample federation, with nothing to prepare
//	staffkeyd serve                the real thing; prints a one-time set-up link at its first start
//	staffkeyd setup-link           another set-up link, until there is an operator
//	staffkeyd migrate              bring the database to this release
//	staffkeyd backup|restore FILE  a copy of the SQLite database, and back
//	staffkeyd doctor               what would keep it from working, and how to mend it
//	staffkeyd person|organisation|role|policy|metadata|model|recall|audit …
//
// Settings come from flags, from the environment (STAFFKEY_…) and from a file (--config), in this order. Whoever can run
// these commands can read the database and the sealing key, so they act as the console, above every role.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	_ "time/tzdata" // time zones on machines that have none

	"staffkey/internal/signin/password"

	"github.com/alecthomas/kong"
)

// version is set when a release is built.
var version = "development"

// hashing is the argument that makes this program hash passwords for the server that started it.
const hashing = "hash-passwords"

// hashApart is that argument in the program, and empty in tests, whose program does not know it.
var hashApart string

func main() {
	if slices.Equal(os.Args[1:], []string{hashing}) {
		if err := password.Serve(os.Stdin, os.Stdout); err != nil {
			os.Exit(exitFailed) // the server sees it and does the work itself
		}
		return
	}
	hashApart = hashing
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// commands is the whole command line.
type commands struct {
	Config configFile `help:"Settings file (TOML). Keys are the names of the flags." type:"path" placeholder:"FILE" group:"every"`

	Demo         demoCommand          `cmd:"" help:"Run a sample federation, ready to try."`
	Serve        serveCommand         `cmd:"" help:"Run the server."`
	SetupLink    setUpLinkCommand     `cmd:"" help:"Print a new one-time link for the first-run set-up."`
	Migrate      migrateCommand       `cmd:"" help:"Bring the database to this release."`
	Backup       backupCommand        `cmd:"" help:"Copy the SQLite database into a file, beside a server that runs."`
	Restore      restoreCommand       `cmd:"" help:"Put such a copy in the place of the SQLite database."`
	Doctor       doctorCommand        `cmd:"" help:"Check everything that the server needs."`
	Person       personCommands       `cmd:"" help:"People: add, import, list, open a frozen account."`
	Organisation organisationCommands `cmd:"" help:"Organisations: add, import, list."`
	Role         roleCommands         `cmd:"" help:"Roles: grant, revoke, list."`
	Policy       policyCommands       `cmd:"" help:"Policy of an organisation: show, set."`
	Pass         passCommands         `cmd:"" help:"Temporary access passes: issue, revoke."`
	Exception    exceptionCommands    `cmd:"" help:"Exceptions from policy for one person: grant, list, end."`
	Station      stationCommands      `cmd:"" help:"Shared stations: link, list, revoke."`
	Metadata     metadataCommands     `cmd:"" help:"FIDO metadata about models of keys: import, show."`
	Model        modelCommands        `cmd:"" help:"Models of security keys: list."`
	Recall       recallCommands       `cmd:"" help:"Recalls of models: preview, start, list, show, undo."`
	Audit        auditCommands        `cmd:"" help:"Audit log: list, export."`
	Version      versionCommand       `cmd:"" help:"Print the version."`

	Database databaseConfig `embed:""`
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(env *environment) error {
	_, err := fmt.Fprintln(env.stdout, "staffkeyd "+version)
	return err
}

// problem is an error that a person can mend: one line of cause, one line of fix.
type problem struct {
	cause, fix string
	err        error
}

func (p *problem) Error() string { return p.cause }
func (p *problem) Unwrap() error { return p.err }

// Exit codes: 1 failed, 2 wrong use or something to mend first.
const (
	exitFailed = 1
	exitUsage  = 2
)

// newParser reads command lines, the environment and settings files into c. exit is called where there is no more to do.
func newParser(c *commands, stdout, stderr io.Writer, exit func(code int)) (*kong.Kong, error) {
	parser, err := kong.New(c, kong.Name("staffkeyd"), kong.Description("Sign-in and FIDO2 security-key management for federated organisations."),
		kong.DefaultEnvars("STAFFKEY"), lenient(), kong.Writers(stdout, stderr), kong.Exit(exit),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 80}), kong.ValueFormatter(describe),
		kong.ExplicitGroups([]kong.Group{{Key: everyCommand, Title: "Settings of every command:"}}))
	if err != nil {
		return nil, err
	}
	return parser, tidyVariables(parser.Model.Node)
}

// everyCommand is the group of flags that help shows after those of the command itself.
const everyCommand = "every"

// describe is the help of a flag or argument: what it is for, its default, and its variable.
func describe(v *kong.Value) string {
	plain := *v
	if v.HasDefault && v.Default != "" && v.Default != "0" && !v.IsBool() {
		plain.Help = strings.TrimSuffix(v.Help, ".") + ". Default: " + v.Default + "."
	}
	return kong.DefaultHelpValueFormatter(&plain)
}

// helpFor is the command whose --help explains what was wrong in a command line.
func helpFor(err error) string {
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil {
		if at := wrong.Context.Selected(); at != nil {
			return at.FullPath() + " --help explains its flags."
		}
	}
	return "staffkeyd --help lists the commands and flags."
}

// run is the program without the process, for tests.
func run(ctx context.Context, args []string, stdin io.Reader, rawOut, rawErr io.Writer) int {
	stdout, stderr := io.Writer(&plainWriter{to: rawOut}), io.Writer(&plainWriter{to: rawErr})
	var c commands
	exited := -1
	parser, err := newParser(&c, stdout, stderr, func(code int) { exited = code })
	if err != nil {
		fmt.Fprintln(stderr, "staffkeyd:", err)
		return exitFailed
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 {
		return exited
	}
	if err != nil {
		fmt.Fprintf(stderr, "staffkeyd: %v\n  %s\n", err, helpFor(err))
		return exitUsage
	}
	env := &environment{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr, config: &c.Database, isTerminal: isTerminal(rawOut), terminal: rawErr}
	if isFile(rawOut) {
		env.file = rawOut
	}
	defer env.close()
	if err := env.prepare(kctx.Command()); err != nil {
		return report(stderr, err)
	}
	return report(stderr, kctx.Run(env))
}

// report prints an error for people and returns the exit code.
func report(stderr io.Writer, err error) int {
	var status exitStatus
	var p *problem
	err = explainPostgres(err)
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return status.ExitCode()
	case errors.As(err, &p):
		fmt.Fprintf(stderr, "staffkeyd: %s\n  %s\n", p.cause, p.fix)
		return exitUsage
	}
	fmt.Fprintln(stderr, "staffkeyd:", err)
	return exitFailed
}

// isTerminal reports whether somebody sees the stream, rather than a file or a program.
func isTerminal(stream any) bool { return modeOf(stream)&os.ModeCharDevice != 0 }

// isFile reports whether the stream is stored, rather than read by a program.
func isFile(stream any) bool { return modeOf(stream).IsRegular() }

// modeOf is what kind of file a stream is; that of no file is neither.
func modeOf(stream any) os.FileMode {
	if f, ok := stream.(*os.File); ok {
		if info, err := f.Stat(); err == nil {
			return info.Mode()
		}
	}
	return os.ModeIrregular
}
