-- +goose Up
-- What metadata says against a model and would refuse many waits here until an operator has decided: the keys go on being taken.
CREATE TABLE metadata_holds (
    model      TEXT NOT NULL, -- its AAGUID, or the key identifier of its attestation certificate
    kind       TEXT NOT NULL,
    firmware   TEXT NOT NULL, -- of the finding, a number
    aaguid     TEXT NOT NULL,
    level      BIGINT NOT NULL,
    number     BIGINT NOT NULL,
    people     BIGINT NOT NULL,
    held_at    TIMESTAMP NOT NULL,
    taken_at   TIMESTAMP,
    taken_by   TEXT NOT NULL,
    taken_name TEXT NOT NULL,
    PRIMARY KEY (model, kind, firmware)
);

-- The reason of a recall as people whose keys it concerns read it. Reasons from before were written for operators alone.
ALTER TABLE recalls ADD COLUMN told_reason TEXT NOT NULL DEFAULT '';
