-- +goose Up
-- Keys that wait for a review are few among many.
CREATE INDEX security_keys_review ON security_keys (stop_reason) WHERE stop_reason = 'review';
-- Who has a model is counted without reading the keys.
DROP INDEX security_keys_model;
CREATE INDEX security_keys_model ON security_keys (aaguid, state, person_id);
