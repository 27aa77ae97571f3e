package main

import (
	"time"

	"staffkey"
)

type personKeys struct {
	Person string `arg:"" help:"Username or e-mail address."`
	listFormat

	metadataConfig `embed:""`
}

// Run lists somebody's keys with what they say of themselves: the serial number is of the key in the hand, where its attestation tells it.
func (c *personKeys) Run(env *environment) error {
	actor := staffkey.ConsoleActor()
	p, err := env.directory.FindPerson(env.ctx, actor, c.Person)
	if err != nil {
		return explain(err)
	}
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	keys, err := env.directory.KeysOf(env.ctx, actor, p.ID)
	if err != nil {
		return explain(err)
	}
	columns := []column{{"nickname", "NICKNAME", 16}, {"state", "STATE", 9}, {"model", "MODEL", 15}, {"serial", "SERIAL", 12}, {"firmware", "FIRMWARE", 8}, {"trust", "TRUST", 7}}
	if c.CSV || c.JSON {
		columns = []column{
			{name: "id"}, {name: "nickname"}, {name: "state"}, {name: "aaguid"}, {name: "model"}, {name: "serial"}, {name: "firmware"}, {name: "attestation"},
			{name: "trust"}, {name: "registered_at"}, {name: "verifies_person"}, {name: "discoverable"}, {name: "synced"}, {name: "cred_protect"},
			{name: "min_pin_length"}, {name: "prf"},
		}
	}
	list, err := newListing(env, c.listFormat, "keys", columns...)
	if err != nil {
		return err
	}
	for _, k := range keys {
		model := env.catalogue.Model(k.AAGUID).Name
		values := []any{k.Nickname, string(k.State), model, k.Serial, k.Firmware, string(k.Trust)}
		if c.CSV || c.JSON {
			values = []any{
				string(k.ID), k.Nickname, string(k.State), k.AAGUID, model, k.Serial, k.Firmware, k.AttestationFormat, string(k.Trust),
				k.RegisteredAt.Format(time.RFC3339), k.UserVerified, k.Discoverable, k.BackupEligible, k.CredProtect, k.MinPINLength, k.PRF,
			}
		}
		if err := list.line(values...); err != nil {
			return err
		}
	}
	return list.close()
}
