-- +goose Up
-- Staff records say who a person is by a number.
CREATE INDEX people_employee_number ON people (employee_number) WHERE employee_number <> '';

-- Until now an import could open a frozen account although nobody had looked into it; such an account still says since when it was
-- frozen. It is frozen again.
DELETE FROM sessions WHERE person_id IN (SELECT id FROM people WHERE state = 'active' AND frozen_at IS NOT NULL);
UPDATE people SET state = 'frozen' WHERE state = 'active' AND frozen_at IS NOT NULL;
