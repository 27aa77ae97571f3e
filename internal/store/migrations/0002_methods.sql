-- +goose Up
-- Further sign-in methods, messages to people, recovery, shared stations.

ALTER TABLE people ADD COLUMN language TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN asked_at TIMESTAMP;
ALTER TABLE people ADD COLUMN frozen_at TIMESTAMP;
ALTER TABLE people ADD COLUMN set_up_at TIMESTAMP;
UPDATE people SET set_up_at = created_at WHERE id IN (SELECT person_id FROM security_keys WHERE state <> 'pending')
    OR id IN (SELECT person_id FROM enrolments WHERE method <> 'password');

ALTER TABLE enrolments ADD COLUMN failures BIGINT NOT NULL DEFAULT 0;
ALTER TABLE enrolments ADD COLUMN disabled_at TIMESTAMP;
ALTER TABLE enrolments ADD COLUMN changed_at TIMESTAMP;

ALTER TABLE security_keys ADD COLUMN stopped_at TIMESTAMP;
ALTER TABLE security_keys ADD COLUMN stop_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE security_keys ADD COLUMN replaces_id TEXT NOT NULL DEFAULT '';

ALTER TABLE sessions ADD COLUMN recovery TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN station_id TEXT NOT NULL DEFAULT '';

-- Messages on their way. The payload (address, text, codes) is sealed, and erased when the message has gone.
CREATE TABLE outbox (
    id              TEXT NOT NULL PRIMARY KEY,
    channel         TEXT NOT NULL,
    template        TEXT NOT NULL,
    person_id       TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    payload         BYTEA NOT NULL,
    state           TEXT NOT NULL,
    attempts        BIGINT NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    next_at         TIMESTAMP NOT NULL,
    expires_at      TIMESTAMP NOT NULL,
    provider        TEXT NOT NULL,
    provider_ref    TEXT NOT NULL,
    finished_at     TIMESTAMP,
    problem         TEXT NOT NULL
);
CREATE INDEX outbox_due ON outbox (channel, next_at) WHERE state = 'waiting';
CREATE INDEX outbox_person ON outbox (person_id, id);
CREATE INDEX outbox_reference ON outbox (provider, provider_ref) WHERE provider_ref <> '';

-- Requests for a new password, as typed and sealed: who is meant is looked up later, so that a known name takes no longer.
CREATE TABLE reset_requests (
    id         TEXT NOT NULL PRIMARY KEY,
    login      BYTEA NOT NULL,
    language   TEXT NOT NULL,
    ip         TEXT NOT NULL,
    browser    TEXT NOT NULL,
    created_at TIMESTAMP NOT NULL
);

CREATE TABLE policy_exceptions (
    id         TEXT NOT NULL PRIMARY KEY,
    person_id  TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    reason     TEXT NOT NULL,
    owner_id   TEXT NOT NULL,
    owner_name TEXT NOT NULL,
    granted_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL
);
CREATE INDEX policy_exceptions_person ON policy_exceptions (person_id, expires_at);

CREATE TABLE stations (
    id              TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    name            TEXT NOT NULL,
    created_at      TIMESTAMP NOT NULL,
    created_by      TEXT NOT NULL,
    revoked_at      TIMESTAMP
);
CREATE INDEX stations_organisation ON stations (organisation_id);

CREATE TABLE device_checks (
    id         TEXT NOT NULL PRIMARY KEY,
    code       TEXT NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    report     TEXT NOT NULL
);
CREATE INDEX device_checks_expiry ON device_checks (expires_at);

-- One-time links may carry what they are about: which event, which station.
ALTER TABLE one_time_links ADD COLUMN detail TEXT NOT NULL DEFAULT '';
