-- +goose Up
-- Wrong answers given in places of the person's own are counted apart from those of strangers (docs/decisions/0010-who-waits.md).
ALTER TABLE enrolments ADD COLUMN own_failures BIGINT NOT NULL DEFAULT 0;
-- Where a wish for a new password came from, and whose own place that was, if anybody's.
ALTER TABLE reset_requests ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE reset_requests ADD COLUMN own_of TEXT NOT NULL DEFAULT '';
