package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/signin"
)

// databaseConfig says where the data is. Every command takes it.
type databaseConfig struct {
	Data         string `help:"Folder for the SQLite database and the sealing key." default:"staffkey-data" type:"path" placeholder:"DIR" group:"every"`
	Postgres     string `help:"URL of a PostgreSQL database, instead of SQLite. It may hold a password: prefer --postgres-file." placeholder:"URL" group:"every"`
	PostgresFile string `help:"File that holds the URL of the PostgreSQL database." type:"path" placeholder:"FILE" group:"every"`
	SealingKey   string `help:"File with the keys that seal secrets; made at the first start. Default: sealing-key in the data folder. All nodes need the same." type:"path" placeholder:"FILE" group:"every"`

	log *slog.Logger // what a migration has to tell
}

// serverConfig is what an operator of one machine sets. What organisations differ in is policy, in the database.
type serverConfig struct {
	Address         string        `help:"Public address that people open, such as https://signin.example. Keys are bound to its host name for good." placeholder:"URL"`
	Listen          string        `help:"Address and port to listen on." default:"localhost:8080" placeholder:"HOST:PORT"`
	TLSCert         string        `help:"Certificate chain (PEM). Without it, run behind a proxy that ends TLS." type:"path" placeholder:"FILE"`
	TLSKey          string        `help:"Private key of the certificate (PEM)." type:"path" placeholder:"FILE"`
	TrustedProxy    []string      `help:"Address or network of a proxy whose X-Forwarded-For is believed. May be given more than once." placeholder:"CIDR"`
	OwnNetwork      []string      `help:"Network of your own whose people share an address towards Staffkey. From each address in it, own-network-names may be tried in vain in an hour. May be given more than once." placeholder:"CIDR"`
	NetworkNames    int           `help:"How many different names may be tried with a wrong password in an hour from one network address; 0 is the default." default:"300" placeholder:"N"`
	OwnNetworkNames int           `help:"The same for an address in own-network; 0 is the default." default:"3000" placeholder:"N"`
	MetricsListen   string        `help:"Address and port for Prometheus metrics, apart from the public one. Off when empty." placeholder:"HOST:PORT"`
	RPName          string        `help:"Name that browsers show when a key is used, and that messages begin with. Letters beyond GSM 03.38, such as ŷ, make each text message with it two or three, and each is paid for." default:"Staffkey" placeholder:"NAME"`
	RPID            string        `name:"rp-id" help:"Host name that keys are bound to, when it is not that of the address: a domain above it, or where the address was before. Never change it once people have keys." placeholder:"HOST"`
	TimeZone        string        `help:"Time zone of the times on pages." default:"Europe/London" placeholder:"ZONE"`
	PasswordWorkers int           `help:"How many password hashes may run at once. 0 is half of the processors." default:"0" placeholder:"N"`
	PasswordQueue   int           `help:"How many passwords may wait before further ones are told to come back." default:"64" placeholder:"N"`
	MaxConnections  int           `help:"How many connections to the public port may be open; further ones wait. 0 is three quarters of the files that the process may open, at most 10,000." default:"0" placeholder:"N"`
	MaxPerAddress   int           `name:"max-connections-per-address" help:"How many of them may come from one address (of IPv6, one /64); further ones are closed. Trusted proxies have no limit. 0 is a quarter of all. A large site behind one address may need more." default:"0" placeholder:"N"`
	LogLevel        string        `help:"debug, info, warn or error." default:"info" enum:"debug,info,warn,error" placeholder:"LEVEL"`
	Migrate         bool          `help:"Bring the database to this release at start." default:"true" negatable:""`
	ShutdownWait    time.Duration `help:"How long requests under way may take to finish when the server stops." default:"10s" placeholder:"TIME"`

	messageConfig  `embed:""`
	metadataConfig `embed:""`
}

// settled is the server's configuration after it was checked.
type settled struct {
	address        string
	rpID           string
	trustedProxies []netip.Prefix
	networks       signin.Networks
	location       *time.Location
	workers        int
	messages       messages
}

// host is the host name of the address.
func (s *settled) host() string {
	u, err := url.Parse(s.address)
	if err != nil {
		return "" // settle has read it
	}
	return u.Hostname()
}

// settle checks everything and reports all problems at once.
func (c *serverConfig) settle() (settled, error) {
	var s settled
	var problems []string
	add := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	u, err := url.Parse(c.Address)
	switch {
	case c.Address == "":
		add("address: say which address people open, such as https://signin.example")
	case err != nil || u.Host == "" || u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.User != nil:
		add("address: %q is not scheme and host only, such as https://signin.example", c.Address)
	case net.ParseIP(u.Hostname()) != nil:
		add("address: keys work with a host name, not with a number: %q", c.Address)
	default:
		host, err := staffkey.HostName(u.Hostname())
		switch {
		case err != nil:
			add("address: %v: %q", err, c.Address)
		case u.Scheme != "https" && host != "localhost":
			add("address: keys work over https only (or on http://localhost): %q", c.Address)
		default:
			s.address, s.rpID = origin(u.Scheme, host, u.Port()), host
		}
	}
	if c.RPID != "" {
		if s.rpID, err = staffkey.HostName(c.RPID); err != nil {
			add("rp-id: %v", err)
		} else if s.rpID != "localhost" && !strings.Contains(s.rpID, ".") { // WebAuthn Level 3 §5.1.2
			add("rp-id: %q is no name of two parts or more", c.RPID)
		}
	}
	for _, f := range []struct{ name, value string }{{"listen", c.Listen}, {"metrics-listen", c.MetricsListen}} {
		if _, _, err := net.SplitHostPort(f.value); err != nil && f.value != "" {
			add("%s: %q is not host:port", f.name, f.value)
		}
	}
	if c.Listen == "" {
		add("listen: is empty")
	}
	if (c.TLSCert == "") != (c.TLSKey == "") {
		add("tls-cert and tls-key: give both or none")
	}
	s.trustedProxies = prefixes("trusted-proxy", c.TrustedProxy, add)
	s.networks = signin.Networks{Names: c.NetworkNames, Own: prefixes("own-network", c.OwnNetwork, add), OwnNames: c.OwnNetworkNames}
	if c.NetworkNames < 0 || c.OwnNetworkNames < 0 {
		add("network-names and own-network-names: must not be negative")
	}
	if s.location, err = time.LoadLocation(c.TimeZone); err != nil {
		add("time-zone: %q is not known", c.TimeZone)
	}
	if c.PasswordWorkers < 0 || c.PasswordQueue < 1 {
		add("password-workers and password-queue: must not be negative, and the queue at least 1")
	}
	if c.MaxConnections < 0 || c.MaxPerAddress < 0 {
		add("max-connections and max-connections-per-address: must not be negative")
	}
	s.workers = c.PasswordWorkers
	if s.workers == 0 {
		s.workers = max(1, runtime.NumCPU()/2)
	}
	if c.MetadataURL != "" && c.MetadataInterval < leastMetadataInterval {
		add("metadata-interval: at least %s", leastMetadataInterval)
	}
	if u, err := url.Parse(c.MetadataURL); c.MetadataURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Hostname() != "localhost") {
		add("metadata-url: %q is no https address", c.MetadataURL)
	}
	s.messages = c.messageConfig.settle(s.address, add)
	if len(problems) > 0 {
		return s, &problem{cause: "the configuration has problems:\n  - " + strings.Join(problems, "\n  - "), fix: "Set them by flag, environment (STAFFKEY_…) or file (--config); staffkeyd serve --help explains each."}
	}
	return s, nil
}

// prefixes reads networks, or single addresses, of a setting.
func prefixes(setting string, values []string, add func(format string, args ...any)) []netip.Prefix {
	var list []netip.Prefix
	for _, v := range values {
		prefix, err := netip.ParsePrefix(v)
		if addr, addrErr := netip.ParseAddr(v); addrErr == nil {
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		if err != nil {
			add("%s: %q is no address or network", setting, v)
			continue
		}
		list = append(list, prefix)
	}
	return list
}

// connectionLimits are the most connections, in all and from one address, of a process that may open so many files (0: not known).
func (c *serverConfig) connectionLimits(files int) (most, each int) {
	if most = c.MaxConnections; most == 0 {
		if most = mostConnections; files > 0 {
			most = min(most, files/4*3)
		}
	}
	if each = c.MaxPerAddress; each == 0 {
		each = most / 4
	}
	return max(1, most), max(1, each)
}

// origin writes an address as browsers write an origin: without the port that its scheme implies (RFC 6454 §6.1). With it, no browser's
// origin and no Host header would ever match.
func origin(scheme, host, port string) string {
	if implied := map[string]string{"https": "443", "http": "80"}[scheme]; port != "" && port != implied {
		host += ":" + port
	}
	return scheme + "://" + host
}

// postgresURL returns the URL from the setting or its file.
func (c *databaseConfig) postgresURL() (string, error) {
	if c.PostgresFile == "" {
		return c.Postgres, nil
	}
	if c.Postgres != "" {
		return "", &problem{cause: "postgres and postgres-file are both set", fix: "Keep one of them."}
	}
	raw, err := os.ReadFile(c.PostgresFile)
	if err != nil {
		return "", &problem{cause: "the file with the PostgreSQL URL cannot be read: " + reason(err), fix: "Check --postgres-file and who may read it.", err: err}
	}
	return fileText(raw), nil
}

func (c *databaseConfig) sqliteFile() string { return filepath.Join(c.Data, "staffkey.db") }

// mustExist refuses a configuration that no server has started with.
func (c *databaseConfig) mustExist(pg string) error {
	needed := []string{c.sealingKeyFile()}
	if pg == "" {
		needed = append(needed, c.sqliteFile())
	}
	for _, name := range needed {
		if _, err := os.Stat(name); err != nil {
			return &problem{cause: "there is no installation here: " + name + ": " + reason(err), fix: "Check --data (and --sealing-key), or start the server once.", err: err}
		}
	}
	return nil
}

func (c *databaseConfig) sealingKeyFile() string {
	if c.SealingKey != "" {
		return c.SealingKey
	}
	return filepath.Join(c.Data, "sealing-key")
}

// reason is the system's word for an error, without the path that the sentence names already.
func reason(err error) string {
	var path *os.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}

// defaultShutdownWait is the default of --shutdown-wait, for the demo, which has no such flag.
const defaultShutdownWait = 10 * time.Second
