package signin

import (
	"context"
	"encoding/base64"
	"net/netip"

	"staffkey"
	"staffkey/internal/store"
)

// Networks bound guessing over many names: how many names may be tried in vain in an hour from one network address.
type Networks struct {
	// Names is that number; 0 takes the default.
	Names int
	// Own are networks of the organisation's own, behind whose addresses are whole hospitals, and OwnNames is the number there.
	Own      []netip.Prefix
	OwnNames int
}

// Defaults of Networks: far above what the people behind one address mistype, and far below what guessing over many names needs.
const (
	DefaultNames    = 300
	DefaultOwnNames = 3000
)

func (n Networks) orDefaults() Networks {
	if n.Names == 0 {
		n.Names = DefaultNames
	}
	if n.OwnNames == 0 {
		n.OwnNames = DefaultOwnNames
	}
	return n
}

// of returns the bound of an address.
func (n Networks) of(ip netip.Addr) int {
	for _, own := range n.Own {
		if own.Contains(ip) {
			return max(n.Names, n.OwnNames)
		}
	}
	return n.Names
}

// place is where a name was typed, as far as guessing goes (docs/decisions/0010-who-waits.md).
type place struct {
	// own is the person whom the name means, if the place is theirs: a browser in which a key of theirs that is in use was used, or a session
	// of theirs. Nobody else's tries count there.
	own staffkey.PersonID
	// source names the station or the network; empty when the address is not known.
	source string
	// names is how many names may be tried in vain from the source in an hour.
	names int
	// station says that it is a shared station.
	station bool
}

// place finds out where a name was typed. What the browser remembers counts only while the key is in use and only for its owner; of the names
// that mean nobody it asks as much as of those that mean somebody.
func (s *Service) place(ctx context.Context, origin staffkey.Origin, login string) (place, error) {
	p, err := s.network(origin)
	if err != nil || len(origin.SeenKeys) == 0 || p.station {
		return p, err
	}
	err = s.store.Read(ctx, func(tx *store.Tx) error {
		var err error
		p.own, err = tx.FindOwnerByLogin(origin.SeenKeys, login)
		return err
	})
	return p, err
}

// network is the place of a browser that nobody owns: a shared station, or the network address, as [staffkey.SourceOf] counts it. A station is a source of its own: whoever guesses from behind the same address must not shut it out.
func (s *Service) network(origin staffkey.Origin) (place, error) {
	if origin.Station != "" {
		return place{source: "station/" + string(origin.Station), names: s.networks.Names, station: true}, nil
	}
	ip, err := netip.ParseAddr(origin.IP)
	if err != nil {
		return place{}, nil
	}
	names := s.networks.of(ip)
	digest, err := s.store.Sealer().Digest("throttle/source", []byte(staffkey.SourceOf(ip).String()))
	return place{source: base64.RawURLEncoding.EncodeToString(digest), names: names}, err
}

// turn is whose turn a password of this place takes, and whether we know them.
func (p place) turn() (source string, known bool) {
	if p.own != "" {
		return "own/" + string(p.own), true
	}
	return p.source, p.station
}
