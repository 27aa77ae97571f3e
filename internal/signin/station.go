package signin

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"staffkey"
	"staffkey/internal/policy"
	"staffkey/internal/store"
)

// linkStation is the purpose of the links that make a browser a shared station (F6).
const (
	linkStation     = "station"
	StationLinkLife = 24 * time.Hour
)

// offeredStation is what a station's link is about.
type offeredStation struct {
	Organisation staffkey.OrganisationID `json:"o"`
	Name         string                  `json:"n"`
	By           staffkey.PersonID       `json:"b,omitempty"`
	Expires      time.Time               `json:"e"`
}

// IssueStationLink makes the link with which a browser becomes a shared station of an organisation.
func (s *Service) IssueStationLink(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID, name string) (string, error) {
	if err := staffkey.ValidateText("name", name, staffkey.MaxStationName); err != nil {
		return "", err
	}
	secret := rand.Text()
	event := staffkey.Event(staffkey.EventLinkIssued, actor)
	event.Organisation, event.Subject, event.SubjectName = organisation, linkStation, name
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		chain, err := tx.ListAncestors(organisation)
		if err != nil {
			return err
		}
		if len(chain) == 0 {
			return staffkey.ErrNotFound
		}
		if err := policy.MayRunStation(may, chain); err != nil {
			return err
		}
		expires := tx.Now.Add(StationLinkLife)
		about, err := json.Marshal(offeredStation{organisation, name, actor.Person, expires})
		if err != nil {
			return err
		}
		return tx.InsertLinkAbout(linkStation, "", string(about), secret, expires)
	})
	return s.address + "/station?t=" + secret, s.refuse(ctx, event, nil, err)
}

// OfferedStation is what a station's link would make of a browser.
type OfferedStation struct {
	Name, Organisation string
	Expires            time.Time
}

// CheckStationLink tells what a link would do, without using it up; ErrExpired when it is not good.
func (s *Service) CheckStationLink(ctx context.Context, secret string) (OfferedStation, error) {
	var out OfferedStation
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		o, err := findOffered(tx, secret)
		if err != nil {
			return err
		}
		organisation, err := tx.FindOrganisation(o.Organisation)
		out = OfferedStation{o.Name, organisation.Name, o.Expires}
		return err
	})
	return out, err
}

func findOffered(tx *store.Tx, secret string) (offeredStation, error) {
	var o offeredStation
	detail, err := tx.FindLinkDetail(linkStation, secret)
	if err == nil {
		err = json.Unmarshal([]byte(detail), &o)
	}
	return o, err
}

// UseStationLink makes the browser that holds it a shared station. The link counts once.
func (s *Service) UseStationLink(ctx context.Context, origin staffkey.Origin, secret string) (staffkey.Station, error) {
	var station staffkey.Station
	event := staffkey.Event(staffkey.EventStationAdded, staffkey.Actor{Origin: origin})
	err := s.store.Change(ctx, event, func(tx *store.Tx) error {
		o, err := findOffered(tx, secret)
		if err != nil {
			return err
		}
		if _, err := tx.TakeLink(linkStation, secret); err != nil {
			return err
		}
		station = staffkey.Station{ID: store.NewID[staffkey.StationID](), Organisation: o.Organisation, Name: o.Name, CreatedAt: tx.Now, CreatedBy: o.By}
		tx.Event.Organisation, tx.Event.Actor, tx.Event.Subject, tx.Event.SubjectName = o.Organisation, o.By, string(station.ID), o.Name
		return tx.InsertStation(station)
	})
	return station, err
}

// FindStation returns a shared station; ErrNotFound when there is none, or when it is none any more.
func (s *Service) FindStation(ctx context.Context, id staffkey.StationID) (staffkey.Station, error) {
	var station staffkey.Station
	err := s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		station, err = tx.FindStation(id)
		if err == nil && !station.RevokedAt.IsZero() {
			return staffkey.ErrNotFound
		}
		return err
	})
	return station, err
}

// ListStations returns the stations of an organisation and those below it.
func (s *Service) ListStations(ctx context.Context, actor staffkey.Actor, organisation staffkey.OrganisationID) ([]staffkey.Station, error) {
	var list []staffkey.Station
	err := s.store.ReadAs(ctx, actor, func(tx *store.Tx, may staffkey.Authority) error {
		chain, err := tx.ListAncestors(organisation)
		if err != nil {
			return err
		}
		if err := policy.MayRunStation(may, chain); err != nil {
			return err
		}
		list, err = tx.ListStations([]staffkey.OrganisationID{organisation})
		return err
	})
	return list, err
}

// RevokeStation makes a station an ordinary browser again, and ends the sessions that run on it.
func (s *Service) RevokeStation(ctx context.Context, actor staffkey.Actor, id staffkey.StationID) error {
	event := staffkey.Event(staffkey.EventStationRevoked, actor)
	event.Subject = string(id)
	err := s.store.ChangeAs(ctx, actor, event, func(tx *store.Tx, may staffkey.Authority) error {
		station, err := tx.FindStation(id)
		if err != nil {
			return err
		}
		tx.Event.Organisation, tx.Event.SubjectName = station.Organisation, station.Name
		chain, err := tx.ListAncestors(station.Organisation)
		if err != nil {
			return err
		}
		if err := policy.MayRunStation(may, chain); err != nil {
			return err
		}
		if err := tx.RevokeStation(id); err != nil {
			return err
		}
		_, err = tx.EndSessionsOfStation(id)
		return err
	})
	return s.refuse(ctx, event, nil, err)
}
