package store

import (
	"database/sql"
	"strings"

	"staffkey"
)

const stationColumns = "s.id, s.organisation_id, s.name, s.created_at, s.created_by, s.revoked_at"

func scanStation(row scanner) (staffkey.Station, error) {
	var s staffkey.Station
	var revoked sql.NullTime
	err := row.Scan(&s.ID, &s.Organisation, &s.Name, &s.CreatedAt, &s.CreatedBy, &revoked)
	s.CreatedAt, s.RevokedAt = s.CreatedAt.UTC(), utc(revoked)
	return s, found(err)
}

// InsertStation stores a shared station.
func (tx *Tx) InsertStation(s staffkey.Station) error {
	return tx.exec("INSERT INTO stations (id, organisation_id, name, created_at, created_by) VALUES "+placeholders(1, 5),
		s.ID, s.Organisation, staffkey.TidyText(s.Name), instant(s.CreatedAt), s.CreatedBy)
}

// FindStation returns a shared station, revoked or not.
func (tx *Tx) FindStation(id staffkey.StationID) (staffkey.Station, error) {
	return scanStation(tx.q.queryRow("SELECT "+stationColumns+" FROM stations s WHERE s.id = $1", id))
}

// ListStations returns the stations of the organisations within a scope that are not revoked. An empty scope returns none.
func (tx *Tx) ListStations(scope []staffkey.OrganisationID) ([]staffkey.Station, error) {
	if len(scope) == 0 {
		return nil, nil
	}
	args := make([]any, len(scope))
	for i, id := range scope {
		args[i] = id
	}
	var list []staffkey.Station
	err := tx.rows(func(r scanner) error {
		s, err := scanStation(r)
		list = append(list, s)
		return err
	}, "SELECT "+stationColumns+` FROM stations s WHERE s.revoked_at IS NULL AND s.organisation_id IN (SELECT organisation_id FROM organisation_ancestors
		WHERE ancestor_id IN (`+strings.Trim(placeholders(1, len(scope)), "()")+")) ORDER BY s.name, s.id", args...)
	return list, err
}

// RevokeStation makes a station an ordinary browser again. ErrNotFound: it is none.
func (tx *Tx) RevokeStation(id staffkey.StationID) error {
	return tx.one(staffkey.ErrNotFound, "UPDATE stations SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL", tx.Now, id)
}

// EndSessionsOfStation ends the sessions that run on a station, and returns how many were open.
func (tx *Tx) EndSessionsOfStation(id staffkey.StationID) (int64, error) {
	return tx.affected("UPDATE sessions SET ended_at = $1 WHERE station_id = $2 AND ended_at IS NULL AND expires_at > $1", tx.Now, id)
}
