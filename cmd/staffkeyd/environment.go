package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/store"
)

// environment is what every command works with.
type environment struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
	store          *store.Store
	directory      *directory.Directory
	catalogue      *securitykey.Catalogue
	// config says where the data is; prepare opens it for the commands that work on it.
	config  *databaseConfig
	signin  linkIssuer
	service *signin.Service
	now     func() time.Time
	// isTerminal says that somebody watches: lists are cut to the width of a terminal, and progress is drawn in place.
	isTerminal bool
	// file is stdout without what takes invisible characters out, where it is a file, or nil: see newCSV.
	file io.Writer
	// terminal takes the commands that draw in place; stdout and stderr take text only.
	terminal io.Writer
}

// linkIssuer makes the link with which a person chooses their first password.
type linkIssuer interface {
	IssueFirstPasswordLink(ctx context.Context, actor staffkey.Actor, person staffkey.PersonID) (string, error)
}

// exitStatus ends a command that has said everything itself: the program ends with the number and prints nothing more.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// ExitCode is the number that the program ends with.
func (e exitStatus) ExitCode() int { return int(e) }

// confirm asks whoever is at the terminal to write yes. Anything else, and nobody there, leaves everything as it is.
func (e *environment) confirm(command string) error {
	if _, err := fmt.Fprint(e.stderr, "Write yes to do it: "); err != nil {
		return err
	}
	line, err := bufio.NewReader(e.stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if strings.EqualFold(strings.TrimSpace(line), "yes") {
		return nil
	}
	return &problem{cause: command + ": people would lose something, and nobody said yes", fix: "Nothing is changed. Write yes when asked, or add --yes."}
}

// explain turns what is wrong with the input, or what policy refuses, into a sentence for a terminal. Other errors stay
// as they are.
func explain(err error) error {
	var invalid *staffkey.InvalidError
	var refusal *staffkey.Refusal
	switch {
	case errors.As(err, &invalid):
		return fmt.Errorf("%s: %s", strings.ReplaceAll(invalid.Field, "_", " "), directory.English(invalid.Message))
	case errors.As(err, &refusal):
		return errors.New(directory.English(refusal.Message))
	case errors.Is(err, staffkey.ErrNotFound):
		return fmt.Errorf("%w: check the spelling", err)
	}
	return err
}
