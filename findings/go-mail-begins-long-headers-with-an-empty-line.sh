#!/usr/bin/env bash
# github.com/wneessen/go-mail v0.8.1: a header whose first word does not fit beside its name begins with an empty line. A subject that has to be
# encoded (RFC 2047) is one word of up to 75 characters, so "Subject:" is followed by a line break and the text stands on the next line. RFC 5322
# §2.2.3 allows such a line, and mail programs show the subject; some readers keep the space of the fold, and a line with a field's name alone looks like an
# empty header to simple filters.
#
# It matters to whoever reads the first line of a header. What helps: SetGenHeaderPreformatted with encoded words that fit.
#
# Prints the header as it is written and as Python's email package reads it, and fails when the text begins beside the name.
set -euo pipefail
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
cat >main.go <<'GO'
package main

import (
	"os"

	"github.com/wneessen/go-mail"
)

func main() {
	m := mail.NewMsg()
	m.Subject("Tocyn newydd: Llinyn Siân o’r dderbynfa ym Mangor")
	m.SetBodyString(mail.TypeTextPlain, "x")
	if _, err := m.WriteTo(os.Stdout); err != nil {
		os.Exit(1)
	}
}
GO
cat >go.mod <<'MOD'
module finding

go 1.26
MOD
go get github.com/wneessen/go-mail@v0.8.1 >log 2>&1 || { cat log; exit 1; }
go run . >message
grep -n -A1 '^Subject:' message
python3 - <<'PY'
import email
with open("message", "rb") as f:
    print("read by Python as", repr(email.message_from_binary_file(f)["Subject"]))
PY
grep -q $'^Subject:\r$' message
