-- +goose Up
-- What led to a session, a key or a method: so that what a stolen key or a pass in the wrong hands opened is found and stopped.
ALTER TABLE sessions ADD COLUMN lineage TEXT NOT NULL DEFAULT '';
ALTER TABLE security_keys ADD COLUMN lineage TEXT NOT NULL DEFAULT '';
ALTER TABLE enrolments ADD COLUMN lineage TEXT NOT NULL DEFAULT '';
UPDATE sessions SET lineage = 'pass:' || (SELECT e.id FROM enrolments e WHERE e.person_id = sessions.person_id AND e.method = 'pass')
    WHERE recovery = 'pass' AND person_id IN (SELECT person_id FROM enrolments WHERE method = 'pass');

-- When the password in a session was typed: it does not become younger by other proofs.
ALTER TABLE sessions ADD COLUMN known_at TIMESTAMP;
UPDATE sessions SET known_at = created_at WHERE ' ' || methods || ' ' LIKE '% password %';

-- When a key last answered with a counter that had gone back: it may have been copied.
ALTER TABLE security_keys ADD COLUMN suspected_at TIMESTAMP;

-- Whoever has ever had a key in use has set something up: no password alone for them any more. A key that waits for its review never was.
UPDATE people SET set_up_at = created_at WHERE set_up_at IS NULL AND id IN (SELECT person_id FROM security_keys
    WHERE state = 'active' OR (state IN ('suspended', 'removed') AND (stop_reason <> 'review' OR state_before = 'active' OR last_used_at IS NOT NULL)));
