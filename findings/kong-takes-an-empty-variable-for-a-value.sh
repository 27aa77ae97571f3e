#!/usr/bin/env bash
# github.com/alecthomas/kong v1.17.0: an environment variable that is set and empty ("PORT=", as Compose, Helm and systemd write what is not set)
# is a value. A number is then refused, the default of a text is lost, and a flag of type "path" without a default becomes the working directory.
#
# Expected: that it counts as not set, as the comment in the library's source has it ("Parse the first non-empty ENV in the list"). What helps: to take
# empty variables away before the command line is parsed, and a mapper of one's own for paths.
#
# Prints what becomes of three flags, and fails when an empty variable is as if it were not there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

func parse(flags any) error {
	parser, err := kong.New(flags, kong.DefaultEnvars("FINDING"))
	if err != nil {
		return err
	}
	_, err = parser.Parse(nil)
	return err
}

func main() {
	for _, name := range []string{"FINDING_PORT", "FINDING_NAME", "FINDING_FILE"} {
		if err := os.Setenv(name, ""); err != nil {
			panic(err)
		}
	}
	var port struct {
		Port int `default:"587"`
	}
	var rest struct {
		Name string `default:"somebody"`
		File string `type:"path"`
	}
	refused := parse(&port)
	if err := parse(&rest); err != nil {
		panic(err)
	}
	here, err := os.Getwd()
	if err != nil {
		panic(err)
	}
	fmt.Printf("a number: %v\na text with a default: %q\na path is the working directory: %t\n", refused, rest.Name, rest.File == here)
	if refused == nil || rest.Name != "" || rest.File != here {
		fmt.Println("an empty variable is no value any more: look again at what was built on it")
		os.Exit(1)
	}
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26

require github.com/alecthomas/kong v1.17.0
MOD
go mod tidy >/dev/null 2>&1
go run .
