package store

import (
	"staffkey"
)

// EachKeyInUse calls fn for each key in use of people who may sign in, in an organisation and below, a person's keys one after the other,
// with what rules for keys look at. Other fields of the key are zero.
func (tx *Tx) EachKeyInUse(below staffkey.OrganisationID, fn func(organisation staffkey.OrganisationID, k staffkey.SecurityKey) error) error {
	return tx.rows(func(rows scanner) error {
		k := staffkey.SecurityKey{State: staffkey.SecurityKeyActive}
		var organisation staffkey.OrganisationID
		if err := rows.Scan(&organisation, &k.Person, &k.AAGUID, &k.Firmware, &k.Trust, &k.BackupEligible, &k.UserVerified, &k.MinPINLength); err != nil {
			return err
		}
		return fn(organisation, k)
	}, `SELECT p.organisation_id, k.person_id, k.aaguid, k.firmware, k.trust, k.backup_eligible, k.user_verified, k.min_pin_length
		FROM security_keys k JOIN people p ON p.id = k.person_id
		WHERE k.state = 'active' AND p.state <> 'disabled'
		AND p.organisation_id IN (SELECT organisation_id FROM organisation_ancestors WHERE ancestor_id = $1)
		ORDER BY p.organisation_id, k.person_id`, below)
}
