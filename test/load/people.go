package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"staffkey/internal/ctap/softkey"
	"staffkey/test/program"

	"golang.org/x/sync/errgroup"
)

// organisation is the code of the sample's topmost organisation, whose policy has no exceptions.
const organisation = "NMF"

// importPeople adds n people by the operator's import; they get no password and no key.
func importPeople(binary string, options program.Options, name string, n int) error {
	if n == 0 {
		return nil
	}
	var table strings.Builder
	table.WriteString("username,name,organisation\n")
	for i := range n {
		fmt.Fprintf(&table, "%s,%s %d,%s\n", username(name, i), strings.ToUpper(name[:1])+name[1:], i, organisation)
	}
	_, err := program.Command(binary, options, table.String(), "person", "import", "-")
	return err
}

func username(name string, i int) string { return fmt.Sprintf("load.%s.%07d", name, i) }

// enrolments is how many people are given password and key at a time: each takes a process of the operator's commands and two password
// hashes of the server.
const enrolments = 4

// enrol makes people who can sign in with a key of their own: added by import, a first password by the link that the operator would send,
// a key by the pages.
func enrol(ctx context.Context, n int, address, binary string, options program.Options) ([]*person, error) {
	name := "p" + strings.ToLower(rand.Text()[:8]) // a server that runs already may have people of an earlier run
	if err := importPeople(binary, options, name, n); err != nil {
		return nil, err
	}
	people := make([]*person, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(enrolments)
	for i := range people {
		group.Go(func() error {
			key, err := enrolOne(ctx, address, binary, options, username(name, i))
			if err != nil {
				return fmt.Errorf("enrol %s: %w", username(name, i), err)
			}
			people[i], err = newPerson(address, key)
			return err
		})
	}
	return people, group.Wait()
}

func enrolOne(ctx context.Context, address, binary string, options program.Options, username string) (*softkey.Key, error) {
	out, err := program.Command(binary, options, "", "person", "link", username)
	if err != nil {
		return nil, err
	}
	lines := strings.Fields(string(out))
	if len(lines) == 0 {
		return nil, fmt.Errorf("person link printed nothing")
	}
	client := program.NewClient(address)
	defer client.Close()
	if err := client.ChoosePassword(ctx, lines[len(lines)-1], rand.Text()); err != nil {
		return nil, err
	}
	key := program.NewKey()
	_, err = client.RegisterKey(ctx, key, "Lanyard")
	return key, err
}
