-- +goose Up
-- What keys say of their model, the metadata about models, and recalls.

ALTER TABLE security_keys ADD COLUMN attestation_type TEXT NOT NULL DEFAULT '';
ALTER TABLE security_keys ADD COLUMN trust TEXT NOT NULL DEFAULT '';
ALTER TABLE security_keys ADD COLUMN serial TEXT NOT NULL DEFAULT '';
ALTER TABLE security_keys ADD COLUMN firmware TEXT NOT NULL DEFAULT '';
ALTER TABLE security_keys ADD COLUMN cred_protect BIGINT NOT NULL DEFAULT 0;
ALTER TABLE security_keys ADD COLUMN min_pin_length BIGINT NOT NULL DEFAULT 0;
ALTER TABLE security_keys ADD COLUMN prf BOOLEAN NOT NULL DEFAULT FALSE;
-- The number of the metadata by which trust was judged; below 0 when never.
ALTER TABLE security_keys ADD COLUMN judged_by BIGINT NOT NULL DEFAULT -1;
CREATE INDEX security_keys_model ON security_keys (aaguid, state);
CREATE INDEX security_keys_judged ON security_keys (id, judged_by);

-- The FIDO metadata, as it was signed: one row.
CREATE TABLE metadata (
    id          TEXT NOT NULL PRIMARY KEY,
    number      BIGINT NOT NULL,
    next_update TIMESTAMP NOT NULL,
    imported_at TIMESTAMP NOT NULL,
    imported_by TEXT NOT NULL,
    source      TEXT NOT NULL,
    checked_at  TIMESTAMP NOT NULL,
    problem     TEXT NOT NULL,
    blob        BYTEA NOT NULL
);

CREATE TABLE recalls (
    id              TEXT NOT NULL PRIMARY KEY,
    aaguid          TEXT NOT NULL,
    firmware_from   TEXT NOT NULL,
    firmware_below  TEXT NOT NULL,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    reason          TEXT NOT NULL,
    started_at      TIMESTAMP NOT NULL,
    started_by      TEXT NOT NULL,
    started_name    TEXT NOT NULL,
    until           TIMESTAMP NOT NULL,
    undone_at       TIMESTAMP,
    told_to         TEXT NOT NULL
);
