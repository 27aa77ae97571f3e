-- +goose Up
-- How often a message may have gone out although nobody said so: a provider that had it and gave no answer in time.
ALTER TABLE outbox ADD COLUMN unsure BIGINT NOT NULL DEFAULT 0;
