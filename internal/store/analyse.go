package store

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Analyse has PostgreSQL look at how much there is in each table, which it does by itself only after a minute or more. Until then it takes
// every table for a small one and reads it from end to end, which a serializable transaction pays for twice: whoever writes to a table
// that another has read whole is in conflict with it (PostgreSQL 15 documentation, sections 13.2.3 and 14.1). Tables that the role does not own
// are left out. SQLite chooses by the indexes alone, and has nothing to do.
func (s *Store) Analyse(ctx context.Context) error {
	if s.name != "postgresql" {
		return nil
	}
	conn, err := s.engine.db().Conn(ctx)
	if err != nil {
		return fmt.Errorf("analyse: %w", err)
	}
	defer conn.Close()
	err = onPgx(conn, func(c *pgx.Conn) error {
		rows, err := c.Query(ctx, "SELECT tablename::text FROM pg_tables WHERE schemaname = current_schema() AND pg_has_role(tableowner, 'USAGE')")
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil || len(tables) == 0 {
			return err
		}
		for i, name := range tables {
			tables[i] = pgx.Identifier{name}.Sanitize()
		}
		_, err = c.Exec(ctx, "ANALYZE "+strings.Join(tables, ", "), pgx.QueryExecModeSimpleProtocol)
		return err
	})
	if err != nil {
		return fmt.Errorf("analyse: %w", err)
	}
	return nil
}
