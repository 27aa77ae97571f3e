package store

import (
	"database/sql"
	"errors"
	"strings"
	"time"

	"staffkey"
)

// The columns of a key without the registration bytes, which only re-evaluation reads.
const keyColumns = `id, person_id, state, nickname, credential_id, public_key, user_handle, sign_count, aaguid, transports,
	user_verified, backup_eligible, backup_state, discoverable, attestation_format, same_key_as, registered_at, registered_by,
	last_used_at, last_used_where, removed_at, stopped_at, stop_reason, replaces_id,
	attestation_type, trust, judged_by, serial, firmware, cred_protect, min_pin_length, prf, lineage, suspected_at, rp_id`

func scanKey(row scanner) (staffkey.SecurityKey, error) {
	var k staffkey.SecurityKey
	var count int64
	var transports, lineage string
	var used, removed, stopped, suspected sql.NullTime
	err := row.Scan(&k.ID, &k.Person, &k.State, &k.Nickname, &k.CredentialID, &k.PublicKey, &k.UserHandle, &count, &k.AAGUID, &transports,
		&k.UserVerified, &k.BackupEligible, &k.BackupState, &k.Discoverable, &k.AttestationFormat, &k.SameKeyAs, &k.RegisteredAt, &k.RegisteredBy,
		&used, &k.LastUsedWhere, &removed, &stopped, &k.StopReason, &k.Replaces,
		&k.AttestationType, &k.Trust, &k.JudgedBy, &k.Serial, &k.Firmware, &k.CredProtect, &k.MinPINLength, &k.PRF, &lineage, &suspected, &k.RPID)
	k.SignCount = uint32(count)
	if transports != "" {
		k.Transports = strings.Split(transports, " ")
	}
	k.RegisteredAt, k.LastUsedAt, k.RemovedAt = k.RegisteredAt.UTC(), utc(used), utc(removed)
	k.StoppedAt, k.SuspectedAt, k.Lineage = utc(stopped), utc(suspected), staffkey.ParseLineage(lineage)
	return k, found(err)
}

// InsertSecurityKey stores a registered key. A credential id that is stored already, whoever has it, is ErrConflict
// (WebAuthn Level 3 §7.1 step 26).
func (tx *Tx) InsertSecurityKey(k staffkey.SecurityKey) error {
	k.Nickname = staffkey.TidyText(k.Nickname)
	return tx.exec(`INSERT INTO security_keys (`+keyColumns+`, nickname_folded, attestation_object, client_data_json, state_before)
		VALUES `+placeholders(1, 39), k.ID, k.Person, k.State, k.Nickname, k.CredentialID, k.PublicKey, k.UserHandle, int64(k.SignCount),
		k.AAGUID, strings.Join(k.Transports, " "), k.UserVerified, k.BackupEligible, k.BackupState, k.Discoverable, k.AttestationFormat, k.SameKeyAs,
		instant(k.RegisteredAt), k.RegisteredBy, nullTime(k.LastUsedAt), k.LastUsedWhere, nullTime(k.RemovedAt),
		nullTime(k.StoppedAt), k.StopReason, k.Replaces,
		k.AttestationType, k.Trust, k.JudgedBy, k.Serial, k.Firmware, k.CredProtect, k.MinPINLength, k.PRF,
		k.Lineage.String(), nullTime(k.SuspectedAt), k.RPID, Fold(k.Nickname),
		k.AttestationObject, k.ClientDataJSON, "")
}

// FindSecurityKey returns a key by id, if it is that person's.
func (tx *Tx) FindSecurityKey(person staffkey.PersonID, id staffkey.SecurityKeyID) (staffkey.SecurityKey, error) {
	return scanKey(tx.q.queryRow("SELECT "+keyColumns+" FROM security_keys WHERE id = $1 AND person_id = $2", id, person))
}

// KeyHolder is what a sign-in by a key needs to know of the key, its person and their policy, and no more: of the key not when
// and where it was registered and used, of the person what [Tx.InsertNotice] takes to tell them of the sign-in (F31). Fields that are
// not read are zero.
type KeyHolder struct {
	Key    staffkey.SecurityKey
	Person staffkey.Person
	// Policies are the settings that count for the person, nearest first, as from [Tx.ListPolicyChain]. Others share them.
	Policies []staffkey.PolicySettings
	// Basis is what was read of all that others may change, to be compared with what [Tx.UseSecurityKey] finds.
	Basis Basis
}

// Basis is what a decision about a sign-in by key stands on and others may change meanwhile: as long as it is the same, so is the decision. That
// the person may still sign in where they were found is asked by [Tx.InsertSession].
type Basis struct {
	// Trust is what the key's attestation is worth.
	Trust staffkey.Trust
	// Policies changes whenever anybody's policy does.
	Policies string
}

// policiesChanged names the value of the installation that is another after each change of a policy.
const policiesChanged = "policies_changed"

var (
	findKeyHolder = `SELECT k.id, k.person_id, k.state, k.nickname, k.public_key, k.user_handle, k.sign_count, k.user_verified, k.backup_eligible,
		k.removed_at, k.aaguid, k.firmware, k.trust, p.organisation_id, p.username, p.name, p.state, p.email, p.language,
		(SELECT value FROM installation WHERE name = '` + policiesChanged + `')
		FROM security_keys k JOIN people p ON p.id = k.person_id WHERE k.credential_id = $1`
	// A key that was reached in a way that its list does not have gets it (see KeyUse.Reached): only the two lists of one entry are so short that
	// a browser would not find it there again.
	useSecurityKey = `UPDATE security_keys SET sign_count = $1, backup_state = $2, last_used_at = $3, last_used_where = $4, rp_id = $7,
		transports = CASE WHEN $8 = 'cross-platform' AND transports = 'internal' THEN 'internal hybrid'
			WHEN $8 = 'platform' AND transports = 'hybrid' THEN 'hybrid internal' ELSE transports END
		WHERE id = $5 AND state = 'active' AND sign_count = $6
		RETURNING trust, (SELECT value FROM installation WHERE name = '` + policiesChanged + `')`
)

// FindKeyHolder returns the key of a credential id with its person and their policy. Every sign-in reads it, so it is one
// statement, which on PostgreSQL is one round trip, of few columns, which on SQLite cost as much as the search. The policy is read when it
// is another than before.
func (tx *Tx) FindKeyHolder(credential []byte) (KeyHolder, error) {
	h := KeyHolder{Key: staffkey.SecurityKey{CredentialID: credential}}
	k, p := &h.Key, &h.Person
	var count int64
	var removed sql.NullTime
	var changed []byte
	err := tx.q.queryRow(findKeyHolder, credential).
		Scan(&k.ID, &k.Person, &k.State, &k.Nickname, &k.PublicKey, &k.UserHandle, &count, &k.UserVerified, &k.BackupEligible,
			&removed, &k.AAGUID, &k.Firmware, &k.Trust, &p.Organisation, &p.Username, &p.Name, &p.State, &p.Email, &p.Language, &changed)
	if err != nil {
		return KeyHolder{}, found(err)
	}
	k.SignCount, k.RemovedAt, p.ID = uint32(count), utc(removed), k.Person
	h.Basis = Basis{k.Trust, string(changed)}
	h.Policies, err = tx.keptPolicyChain(h.Basis.Policies, p.Organisation)
	return h, err
}

// ListSecurityKeys returns a person's keys in the given states, oldest first.
func (tx *Tx) ListSecurityKeys(person staffkey.PersonID, states ...staffkey.SecurityKeyState) ([]staffkey.SecurityKey, error) {
	var keys []staffkey.SecurityKey
	err := tx.rows(func(r scanner) error {
		k, err := scanKey(r)
		if err != nil {
			return err
		}
		for _, s := range states {
			if k.State == s {
				keys = append(keys, k)
			}
		}
		return nil
	}, "SELECT "+keyColumns+" FROM security_keys WHERE person_id = $1 ORDER BY registered_at, id", person)
	return keys, err
}

// RenameSecurityKey changes a nickname. ErrConflict: it is taken.
func (tx *Tx) RenameSecurityKey(person staffkey.PersonID, id staffkey.SecurityKeyID, nickname string) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE security_keys SET nickname = $1, nickname_folded = $2
		WHERE id = $3 AND person_id = $4 AND state IN ('active', 'suspended')`, staffkey.TidyText(nickname), Fold(nickname), id, person)
}

// RemoveSecurityKey takes a key out of use; the row stays, so that the removal can be undone and explained.
func (tx *Tx) RemoveSecurityKey(person staffkey.PersonID, id staffkey.SecurityKeyID) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE security_keys SET state_before = state, state = $1, removed_at = $2
		WHERE id = $3 AND person_id = $4 AND state IN ('active', 'suspended')`, staffkey.SecurityKeyRemoved, tx.Now, id, person)
}

// KeyUse is what a verified answer of a key changes in its row.
type KeyUse struct {
	Key         staffkey.SecurityKeyID
	SeenCount   uint32 // the counter that verification compared with
	Count       uint32 // the counter of the answer
	BackupState bool
	Where       string
	// RPID is the RP ID that it answered for.
	RPID string
	// Reached is how the browser says it was reached: "platform", "cross-platform" or "".
	Reached string
}

// ErrOtherBasis says that a decision was made on what is no longer so.
var ErrOtherBasis = errors.New("what the decision stood on has changed")

// UseSecurityKey records a use. It applies only while the key is active and the counter is the one that was compared,
// so that of two answers with the same counter one is refused: ErrConflict. When a decision about it would stand on something else now than what was
// seen, it is ErrOtherBasis. The same statement tells both, which costs a sign-in less than reading it again.
func (tx *Tx) UseSecurityKey(u KeyUse, seen Basis) error {
	return tx.oneRow(staffkey.ErrConflict, func(row scanner) error {
		var now Basis
		var changed []byte
		if err := row.Scan(&now.Trust, &changed); err != nil {
			return err
		}
		if now.Policies = string(changed); now != seen {
			return ErrOtherBasis
		}
		return nil
	}, useSecurityKey, int64(u.Count), u.BackupState, tx.Now, u.Where, u.Key, int64(u.SeenCount), u.RPID, u.Reached)
}

// SuspectKey notes that a key has answered with a counter that had gone back, and reports whether that is news: it is told once a day.
func (tx *Tx) SuspectKey(id staffkey.SecurityKeyID) (bool, error) {
	n, err := tx.affected("UPDATE security_keys SET suspected_at = $1 WHERE id = $2 AND (suspected_at IS NULL OR suspected_at < $3)", tx.Now, id, tx.Now.Add(-24*time.Hour))
	return n == 1, err
}

// SweepPendingKeys deletes registrations that nobody named in time and returns how many.
func (tx *Tx) SweepPendingKeys(before time.Time) (int64, error) {
	return tx.affected("DELETE FROM security_keys WHERE state = 'pending' AND registered_at < $1", instant(before))
}

// DeletePendingKeys deletes a person's unnamed registrations except one: a new registration replaces what was abandoned.
func (tx *Tx) DeletePendingKeys(person staffkey.PersonID, except staffkey.SecurityKeyID) error {
	return tx.exec("DELETE FROM security_keys WHERE person_id = $1 AND state = 'pending' AND id <> $2", person, except)
}

// StopSecurityKey puts a key in use on hold. ErrNotFound: it is not in use.
func (tx *Tx) StopSecurityKey(person staffkey.PersonID, id staffkey.SecurityKeyID, reason staffkey.StopReason) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE security_keys SET state = 'suspended', stopped_at = $1, stop_reason = $2
		WHERE id = $3 AND person_id = $4 AND state = 'active'`, tx.Now, reason, id, person)
}

// StopForGood puts a key on hold that must not come into use again as it was: somebody set it up by what was in other hands, or it was
// reset. One that is on hold stays so, for this reason now; one that is off the list comes back on hold, if at all.
func (tx *Tx) StopForGood(person staffkey.PersonID, id staffkey.SecurityKeyID, reason staffkey.StopReason) error {
	return tx.one(staffkey.ErrNotFound, `UPDATE security_keys SET stopped_at = $1, stop_reason = $2,
		state = CASE state WHEN 'active' THEN 'suspended' ELSE state END,
		state_before = CASE state_before WHEN 'active' THEN 'suspended' ELSE state_before END
		WHERE id = $3 AND person_id = $4 AND state IN ('active', 'suspended', 'removed')`, tx.Now, reason, id, person)
}

// StopKeysRegisteredSince puts the keys on hold that a person has registered since an instant, and returns how many there were.
func (tx *Tx) StopKeysRegisteredSince(person staffkey.PersonID, since time.Time, reason staffkey.StopReason) (int64, error) {
	return tx.affected(`UPDATE security_keys SET state = 'suspended', stopped_at = $1, stop_reason = $2
		WHERE person_id = $3 AND registered_at >= $4 AND (state = 'active' OR state = 'suspended' AND stop_reason IN ('review', 'lost'))`, tx.Now, reason, person, instant(since))
}
