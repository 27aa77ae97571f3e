-- +goose Up
-- What a provider said of a message before we had noted that it took it. Held for an hour.
CREATE TABLE receipts (
    provider     TEXT NOT NULL,
    provider_ref TEXT NOT NULL,
    state        TEXT NOT NULL,
    problem      TEXT NOT NULL,
    received_at  TIMESTAMP NOT NULL,
    PRIMARY KEY (provider, provider_ref)
);
CREATE INDEX receipts_received ON receipts (received_at);
