package staffkey

import (
	"net/netip"
	"time"
)

// Role is what a person may do for others, always at a node of the organisation tree and below it (F60).
type Role string

// The roles, from the widest down.
const (
	RoleOperator           Role = "operator"            // runs the installation; granted at the root
	RoleLocalAdministrator Role = "local_administrator" // acts for the people of an organisation
	RoleHelpdesk           Role = "helpdesk"            // sees and helps, within narrower limits
	RoleAuditor            Role = "auditor"             // reads, changes nothing
)

// Roles lists every role in order of rank.
var Roles = []Role{RoleOperator, RoleLocalAdministrator, RoleHelpdesk, RoleAuditor}

// ParseRole returns the role of that name.
func ParseRole(s string) (Role, error) {
	for _, r := range Roles {
		if string(r) == s {
			return r, nil
		}
	}
	return "", Invalid("role", "role.unknown", "Role", s)
}

// RoleGrant gives a person a role at an organisation and everything below it.
type RoleGrant struct {
	Person       PersonID
	Role         Role
	Organisation OrganisationID
	GrantedAt    time.Time
	GrantedBy    PersonID // empty when granted at the console
}

// Origin is where a request came from, for audit events and for "last used where".
type Origin struct {
	IP string
	// Browser is a short description made from the User-Agent header ("Chrome on Windows"), never the header itself.
	Browser   string
	RequestID string
	// Language is that of the page, for messages to people who have not chosen one.
	Language string
	// Station is the shared station that the request comes from, or empty.
	Station StationID
	// SeenKeys are the keys that this browser remembers being used in it; nil when it is not known.
	SeenKeys []SecurityKeyID
}

// Source is the address as bounds count it: [SourceOf]; the zero address when it is not known.
func (o Origin) Source() netip.Addr {
	ip, err := netip.ParseAddr(o.IP)
	if err != nil {
		return netip.Addr{}
	}
	return SourceOf(ip)
}

// SourceOf is whom an address counts as wherever one source has a bound: itself, or of IPv6 the network of 64 bits that one household, site or
// ward has to itself (RFC 6177), by its first address.
func SourceOf(ip netip.Addr) netip.Addr {
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		ip = netip.PrefixFrom(ip, 64).Masked().Addr()
	}
	return ip
}

// Actor is who asks for an operation. It is always an argument, never read from a context.
type Actor struct {
	Person  PersonID
	Name    string
	Session SessionID
	Origin  Origin
	// Console marks the operator at the machine itself (the commands of staffkeyd): whoever can read the database and
	// the sealing key is above every rule, and is recorded as the console.
	Console bool
}

// Authority is what an actor may do as it is in one transaction: read there, by the store, and good for nothing outside of it. Rules ask
// it and never an [Actor], so that what was true when a request began decides nothing when it changes something.
type Authority struct {
	Actor
	Grants []RoleGrant
	// Assurance is the strength of the session, and ProvedAt the instant of its latest proof.
	Assurance Assurance
	ProvedAt  time.Time
	// Recovery is how the session was recovered, if it was.
	Recovery Recovery
	// Lineage is what led to the session, and Methods by what it was proved.
	Lineage Lineage
	Methods []MethodKind
}

// ConsoleActor is the actor of the commands of staffkeyd.
func ConsoleActor() Actor { return Actor{Console: true, Name: "console"} }
