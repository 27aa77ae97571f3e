-- +goose Up
-- Keys that wait for a review are few among many.
CREATE INDEX security_keys_review ON security_keys (stop_reason) WHERE stop_reason = 'review';
