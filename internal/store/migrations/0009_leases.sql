-- +goose Up
-- Which node does a job at present; a lease that has run out is anybody's.
CREATE TABLE leases (
    name   TEXT NOT NULL PRIMARY KEY,
    holder TEXT NOT NULL,
    until  TIMESTAMP NOT NULL
);
-- Keys to judge come first in their index; those that are removed are not judged.
DROP INDEX security_keys_judged;
CREATE INDEX security_keys_judged ON security_keys (judged_by, id) WHERE state IN ('active', 'suspended');
