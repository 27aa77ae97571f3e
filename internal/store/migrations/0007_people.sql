-- +goose Up
-- Staff records say who a person is by a number.
CREATE INDEX people_employee_number ON people (employee_number) WHERE employee_number <> '';

-- Set-up happens once: an installation that has, or has ever had, an operator is set up.
INSERT INTO installation (name, value) SELECT 'first_operator', 'before this was noted'
    WHERE EXISTS (SELECT 1 FROM role_grants WHERE role = 'operator')
    OR EXISTS (SELECT 1 FROM audit_events WHERE kind = 'role_granted' AND outcome = 'done' AND subject = 'operator')
    OR EXISTS (SELECT 1 FROM installation WHERE name IN ('set_up', 'set_up_tasks'));

-- Until now an import could open a frozen account although nobody had looked into it; such an account still says since when it was
-- frozen. It is frozen again.
DELETE FROM sessions WHERE person_id IN (SELECT id FROM people WHERE state = 'active' AND frozen_at IS NOT NULL);
UPDATE people SET state = 'frozen' WHERE state = 'active' AND frozen_at IS NOT NULL;
