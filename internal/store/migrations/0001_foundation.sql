-- +goose Up
-- One text for SQLite and PostgreSQL. Ids and instants come from Go; instants are UTC with microseconds.

CREATE TABLE installation (
    name  TEXT NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);

CREATE TABLE organisations (
    id          TEXT NOT NULL PRIMARY KEY,
    parent_id   TEXT REFERENCES organisations (id),
    code        TEXT NOT NULL,
    code_folded TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    phone       TEXT NOT NULL,
    created_at  TIMESTAMP NOT NULL
);
CREATE INDEX organisations_parent ON organisations (parent_id);

-- Every organisation with itself (depth 0) and all above it, so that "this one and below" is one join on both engines.
CREATE TABLE organisation_ancestors (
    organisation_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    ancestor_id     TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    depth           BIGINT NOT NULL,
    PRIMARY KEY (organisation_id, ancestor_id)
);
CREATE INDEX organisation_ancestors_below ON organisation_ancestors (ancestor_id, organisation_id);

CREATE TABLE policies (
    organisation_id TEXT NOT NULL PRIMARY KEY REFERENCES organisations (id) ON DELETE CASCADE,
    settings        TEXT NOT NULL,
    updated_at      TIMESTAMP NOT NULL
);

CREATE TABLE people (
    id              TEXT NOT NULL PRIMARY KEY,
    organisation_id TEXT NOT NULL REFERENCES organisations (id),
    username        TEXT NOT NULL,
    username_folded TEXT NOT NULL UNIQUE,
    email           TEXT NOT NULL,
    email_folded    TEXT UNIQUE,
    name            TEXT NOT NULL,
    name_folded     TEXT NOT NULL,
    employee_number TEXT NOT NULL,
    phone           TEXT NOT NULL,
    state           TEXT NOT NULL,
    created_at      TIMESTAMP NOT NULL
);
CREATE INDEX people_organisation ON people (organisation_id, name_folded, id);

CREATE TABLE role_grants (
    person_id       TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    role            TEXT NOT NULL,
    organisation_id TEXT NOT NULL REFERENCES organisations (id) ON DELETE CASCADE,
    granted_at      TIMESTAMP NOT NULL,
    granted_by      TEXT NOT NULL,
    PRIMARY KEY (person_id, role, organisation_id)
);
CREATE INDEX role_grants_organisation ON role_grants (organisation_id, role);

CREATE TABLE enrolments (
    id           TEXT NOT NULL PRIMARY KEY,
    person_id    TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    method       TEXT NOT NULL,
    state        BYTEA NOT NULL,
    version      BIGINT NOT NULL,
    created_at   TIMESTAMP NOT NULL,
    last_used_at TIMESTAMP,
    UNIQUE (person_id, method)
);

CREATE TABLE security_keys (
    id                 TEXT NOT NULL PRIMARY KEY,
    person_id          TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    state              TEXT NOT NULL,
    state_before       TEXT NOT NULL, -- what a removed key was, for undo
    nickname           TEXT NOT NULL,
    nickname_folded    TEXT NOT NULL,
    credential_id      BYTEA NOT NULL UNIQUE,
    public_key         BYTEA NOT NULL,
    user_handle        BYTEA NOT NULL,
    sign_count         BIGINT NOT NULL,
    aaguid             TEXT NOT NULL,
    transports         TEXT NOT NULL,
    user_verified      BOOLEAN NOT NULL,
    backup_eligible    BOOLEAN NOT NULL,
    backup_state       BOOLEAN NOT NULL,
    discoverable       BOOLEAN NOT NULL,
    attestation_format TEXT NOT NULL,
    attestation_object BYTEA NOT NULL,
    client_data_json   BYTEA NOT NULL,
    same_key_as        TEXT NOT NULL,
    registered_at      TIMESTAMP NOT NULL,
    registered_by      TEXT NOT NULL,
    last_used_at       TIMESTAMP,
    last_used_where    TEXT NOT NULL,
    removed_at         TIMESTAMP
);
CREATE INDEX security_keys_person ON security_keys (person_id);
CREATE INDEX security_keys_pending ON security_keys (registered_at) WHERE state = 'pending';
CREATE UNIQUE INDEX security_keys_nickname ON security_keys (person_id, nickname_folded) WHERE state IN ('active', 'suspended');

-- Ids of ceremonies and sessions begin with the time, so that the sweep finds old rows by the primary key: an index on expires_at
-- would be one more to write at every sign-in.
CREATE TABLE spent_ceremonies (
    id         TEXT NOT NULL PRIMARY KEY,
    expires_at TIMESTAMP NOT NULL
);

CREATE TABLE sessions (
    id                 TEXT NOT NULL PRIMARY KEY,
    secret_hash        BYTEA NOT NULL,
    person_id          TEXT NOT NULL REFERENCES people (id) ON DELETE CASCADE,
    level              BIGINT NOT NULL,
    phishing_resistant BOOLEAN NOT NULL,
    methods            TEXT NOT NULL,
    security_key_id    TEXT NOT NULL,
    created_at         TIMESTAMP NOT NULL,
    proved_at          TIMESTAMP NOT NULL,
    last_seen_at       TIMESTAMP NOT NULL,
    idle_seconds       BIGINT NOT NULL,
    expires_at         TIMESTAMP NOT NULL,
    ended_at           TIMESTAMP,
    ip                 TEXT NOT NULL,
    browser            TEXT NOT NULL
);
CREATE INDEX sessions_person ON sessions (person_id);

CREATE TABLE one_time_links (
    id         TEXT NOT NULL PRIMARY KEY,
    purpose    TEXT NOT NULL,
    person_id  TEXT REFERENCES people (id) ON DELETE CASCADE,
    hash       BYTEA NOT NULL UNIQUE,
    created_at TIMESTAMP NOT NULL,
    expires_at TIMESTAMP NOT NULL,
    used_at    TIMESTAMP
);
CREATE INDEX one_time_links_expiry ON one_time_links (expires_at);

-- Failed tries by what was tried (a hash), so that guessing slows down on every node alike.
CREATE TABLE throttles (
    subject       TEXT NOT NULL PRIMARY KEY,
    failures      BIGINT NOT NULL,
    blocked_until TIMESTAMP NOT NULL,
    forget_at     TIMESTAMP NOT NULL
);
CREATE INDEX throttles_forget ON throttles (forget_at);

-- The log refers to people and organisations by id without a foreign key: it outlives them.
CREATE TABLE audit_events (
    id              TEXT NOT NULL PRIMARY KEY,
    at              TIMESTAMP NOT NULL,
    kind            TEXT NOT NULL,
    outcome         TEXT NOT NULL,
    actor_id        TEXT NOT NULL,
    actor_name      TEXT NOT NULL,
    person_id       TEXT NOT NULL,
    organisation_id TEXT NOT NULL,
    subject         TEXT NOT NULL,
    subject_name    TEXT NOT NULL,
    message         TEXT NOT NULL,
    support_code    TEXT NOT NULL,
    session_id      TEXT NOT NULL,
    ip              TEXT NOT NULL,
    browser         TEXT NOT NULL,
    detail          TEXT NOT NULL
);
CREATE INDEX audit_events_person ON audit_events (person_id, id);
CREATE INDEX audit_events_code ON audit_events (support_code) WHERE support_code <> '';
