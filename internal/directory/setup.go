package directory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// SetUp is how far the first-run set-up has come.
type SetUp struct {
	// Finished: there is no set-up under way, because it was ended or because the first operator came another way.
	Finished bool
	// Done names the tasks that are done: organisation, methods, address, key_skipped.
	Done map[string]bool
}

// SetUpTasks tells an operator how far the set-up has come; to anybody else it is finished.
func (d *Directory) SetUpTasks(ctx context.Context, actor staffkey.Actor) (SetUp, error) {
	var s SetUp
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		s, _, err = maySetUp(tx, may)
		if errors.Is(err, staffkey.ErrRefused) {
			s, err = SetUp{Finished: true}, nil
		}
		return err
	})
	if err != nil {
		return s, fmt.Errorf("set-up tasks: %w", err)
	}
	return s, nil
}

// maySetUp returns the state of the set-up and the root organisation, when the actor may work on it.
func maySetUp(tx *store.Tx, may staffkey.Authority) (SetUp, staffkey.Organisation, error) {
	var s SetUp
	root, err := tx.FindRootOrganisation()
	if err != nil {
		return s, root, err
	}
	if s, err = readSetUp(tx); err != nil {
		return s, root, err
	}
	return s, root, policy.MaySetUp(may, policy.Chain{root.ID}, s.Finished)
}

func readSetUp(tx *store.Tx) (SetUp, error) {
	s := SetUp{Done: map[string]bool{}}
	raw, err := tx.FindInstallationValue(store.SetUpTasks)
	if errors.Is(err, staffkey.ErrNotFound) {
		s.Finished = true
		return s, nil
	}
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal(raw, &s.Done); err != nil {
		return s, fmt.Errorf("read set-up tasks: %w", err)
	}
	s.Finished, err = tx.SetUpFinished()
	return s, err
}

// setUp runs one step of the set-up and marks it as done.
func (d *Directory) setUp(ctx context.Context, actor staffkey.Actor, task string, event staffkey.AuditEvent, step func(tx *store.Tx, root staffkey.Organisation) error) error {
	err := d.change(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		s, root, err := maySetUp(tx, may)
		if err != nil {
			return err
		}
		tx.Event.Organisation, tx.Event.Subject, tx.Event.SubjectName = root.ID, string(root.ID), root.Name
		if err := step(tx, root); err != nil {
			return err
		}
		s.Done[task] = true
		raw, err := json.Marshal(s.Done)
		if err != nil {
			return err
		}
		return tx.PutInstallationValue(store.SetUpTasks, raw)
	})
	if err != nil {
		return fmt.Errorf("set-up, %s: %w", task, err)
	}
	return nil
}

// MarkSetUpTask marks a task that changes nothing by itself.
func (d *Directory) MarkSetUpTask(ctx context.Context, actor staffkey.Actor, task string) error {
	event := staffkey.Event(staffkey.EventSetUp, actor)
	event.Detail = map[string]string{"task": task}
	return d.setUp(ctx, actor, task, event, func(*store.Tx, staffkey.Organisation) error { return nil })
}

// SetUpOrganisation returns the organisation above all, for the form of the set-up.
func (d *Directory) SetUpOrganisation(ctx context.Context, actor staffkey.Actor) (staffkey.Organisation, error) {
	var root staffkey.Organisation
	err := d.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		var err error
		_, root, err = maySetUp(tx, may)
		return err
	})
	if err != nil {
		return root, fmt.Errorf("set-up organisation: %w", err)
	}
	return root, nil
}

// NameSetUpOrganisation gives the organisation above all its name and code.
func (d *Directory) NameSetUpOrganisation(ctx context.Context, actor staffkey.Actor, o staffkey.Organisation) error {
	o = trimOrganisation(o)
	if err := staffkey.ValidateOrganisation(o); err != nil {
		return err
	}
	err := d.setUp(ctx, actor, "organisation", staffkey.Event(staffkey.EventOrganisationEdit, actor), func(tx *store.Tx, root staffkey.Organisation) error {
		root.Name, root.Code = o.Name, o.Code
		tx.Event.SubjectName = o.Name
		return tx.UpdateOrganisation(root)
	})
	if errors.Is(err, staffkey.ErrConflict) {
		return staffkey.Invalid("code", "organisation.code.taken")
	}
	return err
}

// ChooseSetUpMethods stores which methods people may sign in with besides their keys, and which may stand alone.
func (d *Directory) ChooseSetUpMethods(ctx context.Context, actor staffkey.Actor, methods, core []staffkey.MethodKind) error {
	return d.setUp(ctx, actor, "methods", staffkey.Event(staffkey.EventPolicyChanged, actor), func(tx *store.Tx, root staffkey.Organisation) error {
		settings, err := tx.FindPolicySettings(root.ID)
		if err != nil {
			return err
		}
		was := settings
		settings.Methods, settings.CoreMethods = &methods, &core
		// The page says that organisations can be stricter, and it is so: what is chosen here is the most that any of them allows.
		for _, lock := range []staffkey.Setting{staffkey.SettingMethods, staffkey.SettingCore} {
			if !slices.Contains(settings.Locks, lock) {
				settings.Locks = append(slices.Clone(settings.Locks), lock)
			}
		}
		if err := checkPolicy(tx, root, was, settings); err != nil {
			return err
		}
		return tx.PutPolicySettings(root.ID, settings)
	})
}

// FinishSetUp ends the set-up; from then on an operator needs a key to act for others.
func (d *Directory) FinishSetUp(ctx context.Context, actor staffkey.Actor) error {
	event := staffkey.Event(staffkey.EventSetUp, actor)
	event.Detail = map[string]string{"task": "finish"}
	return d.setUp(ctx, actor, "finish", event, func(tx *store.Tx, _ staffkey.Organisation) error { return tx.FinishSetUp() })
}

// IsNicknameTaken reports whether one of the keys has a nickname, without regard to case.
func IsNicknameTaken(keys []staffkey.SecurityKey, nickname string) bool {
	return isTaken(keys, nickname)
}

// FreeNickname returns the nickname, or with a number behind it where it is taken.
func FreeNickname(keys []staffkey.SecurityKey, nickname string) string {
	return freeNickname(keys, nickname)
}
