-- +goose Up
-- The RP ID that a key was registered under; empty for keys of earlier releases, until they are used.
ALTER TABLE security_keys ADD COLUMN rp_id TEXT NOT NULL DEFAULT '';
-- What attestations are held to has changed: those that came out badly are judged again.
UPDATE security_keys SET judged_by = -1 WHERE trust = 'broken' OR trust = 'unknown' AND aaguid = '00000000-0000-0000-0000-000000000000';
-- Certificates that the operators of the installation trust to attest keys of a model, beside those of the FIDO metadata.
CREATE TABLE trust_anchors (
    id          TEXT NOT NULL PRIMARY KEY,
    aaguid      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    certificate BYTEA NOT NULL,
    source      TEXT NOT NULL DEFAULT '',
    added_by    TEXT NOT NULL DEFAULT '',
    added_at    TIMESTAMP NOT NULL,
    UNIQUE (aaguid, fingerprint)
);
