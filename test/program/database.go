package program

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
)

// NewDatabase makes an empty database on the PostgreSQL server at address, as [staffkey/internal/pgtest.Start] hands it out, and returns
// its URL and a function that removes it with whatever is still connected to it.
func NewDatabase(ctx context.Context, address string) (databaseURL string, drop func() error, err error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", nil, errors.New("the address of the PostgreSQL server cannot be read")
	}
	name := "program_" + strings.ToLower(rand.Text())
	if err := execute(ctx, address, "CREATE DATABASE "+name); err != nil {
		return "", nil, fmt.Errorf("make a database: %w", err)
	}
	u.Path = "/" + name
	drop = func() error {
		return execute(context.WithoutCancel(ctx), address, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	}
	return u.String(), drop, nil
}

func execute(ctx context.Context, address, statement string) error {
	connection, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	_, err = connection.Exec(ctx, statement)
	return errors.Join(err, connection.Close(ctx))
}
