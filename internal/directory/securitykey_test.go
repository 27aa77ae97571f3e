package directory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/store"
	"staffkey/internal/store/storetest"
)

// key puts an active key on a person's list.
func (w *world) key(t testing.TB, p staffkey.Person, nickname string) staffkey.SecurityKeyID {
	t.Helper()
	id := store.NewID[staffkey.SecurityKeyID]()
	err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyNamed, console), func(tx *store.Tx) error {
		return tx.InsertSecurityKey(staffkey.SecurityKey{
			ID: id, Person: p.ID, State: staffkey.SecurityKeyActive, Nickname: nickname, CredentialID: []byte(id), PublicKey: []byte("key"),
			UserHandle: []byte(id), AttestationObject: []byte("a"), ClientDataJSON: []byte("c"), RegisteredAt: tx.Now, RegisteredBy: p.ID, UserVerified: true,
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// codes sets up recovery codes that are usable or used up.
func (w *world) codes(t testing.TB, p staffkey.Person, state string) {
	t.Helper()
	err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventMethodEnrolled, console), func(tx *store.Tx) error {
		return tx.InsertEnrolment(staffkey.Enrolment{ID: store.NewID[staffkey.EnrolmentID](), Person: p.ID, Method: staffkey.MethodRecoveryCode, State: []byte(state), CreatedAt: tx.Now})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// session opens a session of a person with a key.
func (w *world) session(t testing.TB, p staffkey.Person, id staffkey.SessionID, key staffkey.SecurityKeyID) {
	t.Helper()
	now := w.clock.Now()
	err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventSignedIn, console), func(tx *store.Tx) error {
		return tx.InsertSession(staffkey.Session{ID: id, Person: p.ID, Assurance: storetest.Strong, SecurityKey: key, CreatedAt: now, ProvedAt: now, LastSeenAt: now, IdleLimit: time.Hour, ExpiresAt: now.Add(time.Hour)}, p.Organisation, string("secret of "+id))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// F81: who looks after people sees what their keys prove of themselves, and nobody else does.
func TestKeysOf(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p, other, admin := w.person(t, "amara", "A1"), w.person(t, "other", "B"), w.person(t, "admin", "A")
		w.grant(t, admin, staffkey.RoleLocalAdministrator, "A")
		k := staffkey.SecurityKey{
			ID: store.NewID[staffkey.SecurityKeyID](), Person: p.ID, State: staffkey.SecurityKeyActive, Nickname: "Blue", CredentialID: []byte("c"), PublicKey: []byte("k"),
			UserHandle: []byte("h"), AttestationObject: []byte("a"), ClientDataJSON: []byte("c"), RegisteredAt: w.clock.Now(), Serial: "0102a0", Firmware: "5.7.1", Trust: staffkey.TrustProven,
		}
		if err := w.store.Change(t.Context(), staffkey.Event(staffkey.EventKeyNamed, console), func(tx *store.Tx) error { return tx.InsertSecurityKey(k) }); err != nil {
			t.Fatal(err)
		}
		for name, actor := range map[string]staffkey.Actor{"console": console, "themselves": w.actor(t, p), "their administrator": w.actor(t, admin)} {
			keys, err := w.KeysOf(t.Context(), actor, p.ID)
			if err != nil || len(keys) != 1 || keys[0].Serial != "0102a0" || keys[0].Firmware != "5.7.1" || keys[0].Trust != staffkey.TrustProven {
				t.Errorf("%s: keys %+v, error %v, want the one with its serial number", name, keys, err)
			}
		}
		if _, err := w.KeysOf(t.Context(), w.actor(t, other), p.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("somebody else: got error %v, want not found", err)
		}
		if _, err := w.KeysOf(t.Context(), w.actor(t, admin), other.ID); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("an administrator of elsewhere: got error %v, want not found", err)
		}
		if _, err := w.KeysOf(t.Context(), console, "nobody"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("nobody: got error %v, want not found", err)
		}
	})
}

func TestListKeys(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		p, other := w.person(t, "amara", "A"), w.person(t, "other", "A")
		w.key(t, p, "Lanyard")
		w.codes(t, p, "usable")
		w.codes(t, other, "used up")
		list, err := w.ListKeys(t.Context(), w.actor(t, p), p.ID)
		if err != nil || len(list.Keys) != 1 || list.Policy.MaxKeys != staffkey.DefaultMaxKeys || !slices.Equal(list.Others, []staffkey.MethodKind{staffkey.MethodRecoveryCode}) {
			t.Errorf("want one key and recovery codes, got %+v, %v", list, err)
		}
		_, err = w.ListKeys(t.Context(), w.actor(t, other), p.ID)
		wantRefused(t, err, "scope")
		if list, err := w.ListKeys(t.Context(), w.actor(t, other), other.ID); err != nil || len(list.Others) != 0 {
			t.Errorf("used up: want no other method, got %+v, %v", list, err)
		}
		if err := w.ChangePolicy(t.Context(), console, "A", "", staffkey.PolicySettings{Methods: &[]staffkey.MethodKind{}}, directory.Consent{}); err != nil {
			t.Fatal(err)
		}
		if list, err := w.ListKeys(t.Context(), w.actor(t, p), p.ID); err != nil || len(list.Others) != 0 {
			t.Errorf("not allowed any more: want no other method, got %+v, %v", list, err)
		}
	})
}

func TestRenameKey(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p, other := w.person(t, "amara", "A"), w.person(t, "other", "A")
		lanyard := w.key(t, p, "Lanyard")
		w.key(t, p, "Drawer")
		self := storetest.SignIn(t, w.store, p, storetest.Strong, w.clock.Now().Add(-24*time.Hour)) // a nickname needs no fresh proof
		for _, name := range []string{" Blue key ", "blue KEY", "blue KEY"} {
			if err := w.RenameKey(ctx, self, p.ID, lanyard, name); err != nil {
				t.Fatalf("%q: %v", name, err)
			}
		}
		if got := w.events(t, staffkey.EventKeyRenamed, staffkey.OutcomeDone); len(got) != 2 || got[0].SubjectName != "Blue key" || got[0].Detail["before"] != "Lanyard" {
			t.Errorf("want two events, got %+v", got)
		}
		wantInvalid(t, w.RenameKey(ctx, self, p.ID, lanyard, "  "), "nickname", "name.empty")
		wantInvalid(t, w.RenameKey(ctx, self, p.ID, lanyard, strings.Repeat("é", 41)), "nickname", "name.long")
		err := w.RenameKey(ctx, self, p.ID, lanyard, "ＤＲＡＷＥＲ")
		wantInvalid(t, err, "nickname", "name.taken")
		if invalid := (*staffkey.InvalidError)(nil); errors.As(err, &invalid) && invalid.Message.Args["Nickname"] != "ＤＲＡＷＥＲ" {
			t.Errorf("want the name told, got %+v", invalid.Message)
		}
		for _, same := range []string{"Drawer\u200b", "Dra\u00adwer", "\u2060Drawer", "Drawer\ufe0f", "Dra\u034fwer", "Drawer\u200d", "Drawer\u2800"} {
			wantInvalid(t, w.RenameKey(ctx, self, p.ID, lanyard, same), "nickname", "name.taken")
		}
		if err := w.RenameKey(ctx, w.actor(t, other), other.ID, lanyard, "Mine"); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("somebody else's key: want ErrNotFound, got %v", err)
		}
		wantRefused(t, w.RenameKey(ctx, w.actor(t, other), p.ID, lanyard, "Mine"), "scope")
		if got := w.events(t, staffkey.EventKeyRenamed, staffkey.OutcomeRefused); len(got) != 1 || got[0].Actor != other.ID || got[0].Person != p.ID {
			t.Errorf("want the refusal recorded, got %+v", got)
		}
	})
}

func TestRemoveKey_and_restore(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.person(t, "amara", "A")
		lanyard, drawer := w.key(t, p, "Lanyard"), w.key(t, p, "Drawer")
		w.session(t, p, "session", lanyard) // the one that asks
		w.session(t, p, "elsewhere", lanyard)
		w.session(t, p, "other key", drawer)
		self := staffkey.Actor{Person: p.ID, Name: p.Name, Session: "session"}

		stale := storetest.SignIn(t, w.store, p, storetest.Strong, w.clock.Now().Add(-staffkey.ProofLife-time.Second))
		ended := self
		ended.Session = "gone"
		if err := w.RemoveKey(ctx, ended, p.ID, lanyard); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("in a session that has ended: want ErrExpired, got %v", err)
		}
		wantRefused(t, w.RemoveKey(ctx, stale, p.ID, lanyard), "step_up")
		preview, err := w.RemovalPreview(ctx, stale, p.ID, lanyard)
		if err != nil || preview.Blocked != nil || preview.After.DifferentKeys() != 1 || preview.Key.Nickname != "Lanyard" {
			t.Errorf("preview: want Drawer to be left, got %+v, %v", preview, err)
		}
		if err := w.RemoveKey(ctx, self, p.ID, lanyard); err != nil {
			t.Fatal(err)
		}
		err = w.store.Read(ctx, func(tx *store.Tx) error {
			sessions, err := tx.ListSessions(p.ID)
			var open []string
			for _, s := range sessions {
				open = append(open, string(s.ID))
			}
			slices.Sort(open)
			if want := []string{string(stale.Session), "other key", "session"}; !slices.Equal(open, want) {
				t.Errorf("open sessions: want %v, got %v", want, open)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.RemoveKey(ctx, self, p.ID, lanyard); !errors.Is(err, staffkey.ErrNotFound) {
			t.Errorf("removed already: want ErrNotFound, got %v", err)
		}
		preview, err = w.RemovalPreview(ctx, self, p.ID, drawer)
		if err != nil || preview.Blocked == nil || preview.Blocked.Message.ID != "key.last" {
			t.Errorf("preview of the last: want it blocked, got %+v, %v", preview, err)
		}
		wantRefused(t, w.RemoveKey(ctx, self, p.ID, drawer), "last_method")
		if got := w.events(t, staffkey.EventKeyRemoved, staffkey.OutcomeRefused); len(got) != 2 || got[1].SubjectName != "Drawer" || got[1].Message != "key.last" {
			t.Errorf("want step_up and last_method recorded, got %+v", got)
		}

		if err := w.RenameKey(ctx, self, p.ID, drawer, "lanyard"); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(staffkey.UndoRemovalFor)
		self = w.actor(t, p)
		restored, err := w.RestoreKey(ctx, self, p.ID, lanyard)
		if err != nil || restored.Nickname != "Lanyard (2)" || restored.State != staffkey.SecurityKeyActive {
			t.Errorf("want it back as Lanyard (2), got %+v, %v", restored, err)
		}
		if list, err := w.ListKeys(ctx, self, p.ID); err != nil || len(list.Keys) != 2 || list.Keys[0].Nickname != "Lanyard (2)" {
			t.Errorf("want two keys, got %+v, %v", list, err)
		}
		if err := w.RemoveKey(ctx, self, p.ID, lanyard); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(staffkey.UndoRemovalFor + time.Second)
		self = w.actor(t, p)
		if _, err := w.RestoreKey(ctx, self, p.ID, lanyard); !errors.Is(err, staffkey.ErrExpired) {
			t.Errorf("too late: want ErrExpired, got %v", err)
		}
		w.codes(t, p, "usable")
		if err := w.RemoveKey(ctx, self, p.ID, drawer); err != nil {
			t.Errorf("the last key beside recovery codes: %v", err)
		}
	})
}

func TestRestoreKey_of_a_long_nickname(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.person(t, "amara", "A")
		long := strings.Repeat("𝄞", staffkey.MaxNickname)
		first := w.key(t, p, long)
		w.key(t, p, "Drawer")
		self := w.actor(t, p)
		if err := w.RemoveKey(ctx, self, p.ID, first); err != nil {
			t.Fatal(err)
		}
		w.key(t, p, long)
		w.key(t, p, strings.Repeat("𝄞", staffkey.MaxNickname-4)+" (2)")
		restored, err := w.RestoreKey(ctx, self, p.ID, first)
		if err != nil || utf8.RuneCountInString(restored.Nickname) != staffkey.MaxNickname || !strings.HasSuffix(restored.Nickname, "𝄞 (3)") {
			t.Errorf("want 40 characters that end in (3), got %q, %v", restored.Nickname, err)
		}
	})
}

// Both keys are removed at once, from two windows: one stays, every time.
func TestRemoveKey_leaves_the_last(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		p := w.person(t, "amara", "A")
		one, two := w.key(t, p, "One"), w.key(t, p, "Two")
		self := w.actor(t, p)
		for range 10 {
			errs := both(
				func() error { return w.RemoveKey(ctx, self, p.ID, one) },
				func() error { return w.RemoveKey(ctx, self, p.ID, two) },
			)
			if (errs[0] == nil) == (errs[1] == nil) {
				t.Fatalf("want one to succeed, got %v", errs)
			}
			gone := one
			if errs[0] != nil {
				wantRefused(t, errs[0], "last_method")
				gone = two
			} else {
				wantRefused(t, errs[1], "last_method")
			}
			if _, err := w.RestoreKey(ctx, self, p.ID, gone); err != nil {
				t.Fatal(err)
			}
		}
	})
}
