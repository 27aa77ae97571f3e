package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/notify"
	"staffkey/internal/policy"
	"staffkey/internal/portal"
	"staffkey/internal/portal/ui"
	"staffkey/internal/signin"
	"staffkey/internal/signin/pass"
	"staffkey/internal/signin/password"
	"staffkey/internal/signin/recoverycode"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"
	"staffkey/internal/signin/telephone"
	"staffkey/internal/signin/totp"
	"staffkey/internal/store"

	"github.com/prometheus/client_golang/prometheus"
)

// commandWithin bounds the wait of a command for the database: an operator can end it, and an import may wait its turn.
const commandWithin = 5 * time.Minute

// openStore opens the database of a configuration and says how to mend what keeps it from opening. The server makes what
// is missing (create); the commands beside it do not, so that a mistyped folder is not a new installation.
func openStore(ctx context.Context, c *databaseConfig, create bool) (*store.Store, error) {
	pg, err := c.postgresURL()
	if err != nil {
		return nil, err
	}
	if !create {
		if err := c.mustExist(pg); err != nil {
			return nil, err
		}
	}
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, cannotWrite(c.Data, err)
	}
	sealer, err := openSealer(c)
	if err != nil {
		return nil, err
	}
	cfg := store.Config{Sealer: sealer, PostgreSQL: pg, Log: c.log}
	if !create {
		cfg.AnswerWithin = commandWithin
	}
	if pg == "" {
		cfg.SQLite = c.sqliteFile()
	}
	s, err := store.Open(ctx, cfg)
	switch {
	case err == nil:
		return s, nil
	case pg != "":
		return nil, postgresProblem(pg, err)
	case errors.Is(err, os.ErrPermission):
		return nil, cannotWrite(c.Data, err)
	case errors.Is(err, store.ErrForeignLog):
		return nil, &problem{
			cause: lastCause(err),
			fix: "A copy was put in place while the log of the database before was still there; used together, they would undo the copy or damage it.\n" +
				"  Stop every server, move staffkey.db-wal and staffkey.db-shm in " + c.Data + " to another folder, and start again. staffkeyd restore FILE does this by itself.",
			err: err,
		}
	}
	return nil, &problem{cause: fmt.Sprintf("the database in %s cannot be opened: %s", c.Data, lastCause(err)), fix: "Check the folder in --data, its free space and who may write there.", err: err}
}

func openSealer(c *databaseConfig) (*store.Sealer, error) {
	sealer, err := store.OpenSealer(c.sealingKeyFile())
	switch {
	case err == nil:
		return sealer, nil
	case errors.Is(err, os.ErrPermission):
		return nil, cannotWrite(filepath.Dir(c.sealingKeyFile()), err)
	}
	return nil, &problem{cause: err.Error(), fix: "Check --sealing-key, or restore the file from your backup. Without it, nothing sealed can be opened.", err: err}
}

func cannotWrite(dir string, err error) error {
	return &problem{cause: fmt.Sprintf("the folder %s cannot be written: %s", dir, reason(err)), fix: "Choose another with --data DIR, or give this user the right to write there.", err: err}
}

// lastCause is the end of an error's chain of causes, on one line.
func lastCause(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	return strings.TrimPrefix(strings.TrimSpace(lines[len(lines)-1]), "open store: ")
}

// methods lists the sign-in methods of this installation: the one place where a method is added.
func methods(s *store.Store, rp securitykey.Config, workers, queue int) ([]signin.Method, error) {
	pw, err := password.New(password.Options{Workers: workers, Queue: queue, Apart: hashApart, Place: append(strings.Split(rp.ID, "."), rp.Name)})
	if err != nil {
		return nil, err
	}
	return []signin.Method{
		securitykey.New(rp),
		totp.New(rp.Name),
		telephone.NewText(s.Sealer()),
		telephone.NewCall(s.Sealer()),
		recoverycode.New(s.Sealer()),
		pass.New(s.Sealer()),
		pw,
	}, nil
}

// server is the wired program.
type server struct {
	store     *store.Store
	signin    *signin.Service
	directory *directory.Directory
	portal    *portal.Portal
	notify    *notify.Service
	public    http.Handler // what the public port serves
	metrics   *portal.Metrics
	log       *slog.Logger
	// ballast is never touched, so that it takes no memory of the machine: it only counts in the size of the heap, which decides
	// how often garbage is collected. The server's own heap is a few megabytes, and would be collected many times a second.
	ballast []byte
}

// ballastSize lets that much garbage gather between two collections, beyond what the live heap allows. Each megabyte of it takes a
// little more than one of memory, as garbage.
const ballastSize = 2 << 20

// wire connects the packages for an address.
func wire(s *store.Store, cfg *serverConfig, set settled, log *slog.Logger) (*server, error) {
	metrics := portal.NewMetrics()
	catalogue, err := cfg.newCatalogue(time.Now)
	if err != nil {
		return nil, err
	}
	observeMetadata(metrics.Registry, catalogue.Loaded, catalogue.Undecided)
	observeOutbox(metrics.Registry, s, log)
	list, err := methods(s, securitykey.Config{ID: set.rpID, Name: cfg.RPName, Origins: []string{set.address}, Reaches: catalogue.Transports}, set.workers, cfg.PasswordQueue)
	if err != nil {
		return nil, err
	}
	metrics.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "staffkey_store_retries_total", Help: "Transactions of the database that were in conflict with another and ran again.",
	}, func() float64 { return float64(s.ChangesRunAgain()) }))
	delivery, err := set.messages.newService(notify.Deps{
		Store: s, Address: set.address, Location: set.location, ServiceName: cfg.RPName, Log: log, Observe: observeMessages(metrics.Registry),
	})
	if err != nil {
		return nil, err
	}
	service := signin.New(signin.Deps{
		Store: s, Methods: list, Address: set.address, Observe: metrics.ObserveProof, Wake: delivery.Wake, HasChannel: delivery.Has,
		Models: catalogue, Networks: set.networks,
	})
	dir := directory.New(directory.Deps{Store: s, Usable: service.Usable, Refused: service.RefusedKeys, Number: service.Number, Models: catalogue, Hold: policy.HoldLimits(cfg.MetadataHold)})
	pages, err := ui.New()
	if err != nil {
		return nil, err
	}
	p, err := portal.New(portal.Deps{
		SignIn: service, Directory: dir, Sealer: s.Sealer(), UI: pages, Address: set.address, RPID: set.rpID, TrustedProxies: set.trustedProxies,
		Location: set.location, Health: s.Health, TakeProbe: takeProbe(s, time.Now), Metrics: metrics, Log: log,
	})
	if err != nil {
		return nil, err
	}
	return &server{
		store: s, signin: service, directory: dir, portal: p, notify: delivery, public: set.messages.withReceipts(p, delivery, set.address, log),
		metrics: metrics, log: log, ballast: make([]byte, ballastSize),
	}, nil
}

// prepare opens the database for the commands that work on it from the console.
func (e *environment) prepare(command string) error {
	e.now = time.Now
	name, _, _ := strings.Cut(command, " ")
	switch name {
	case "person", "organisation", "role", "policy", "audit", "setup-link", "pass", "exception", "station", "metadata", "model", "recall":
	default:
		return nil // it opens what it needs itself
	}
	s, err := openStore(e.ctx, e.config, false)
	if err != nil {
		return err
	}
	e.store = s
	if err := checkSchema(e.ctx, s); err != nil {
		return err
	}
	list, err := methods(s, securitykey.Config{}, 1, 1)
	if err != nil {
		return err
	}
	address, err := notedAddress(e.ctx, s)
	if err != nil {
		return err
	}
	service := signin.New(signin.Deps{Store: s, Methods: list, Address: address})
	e.signin, e.service = service, service
	e.catalogue = securitykey.NewCatalogue(mds.Trust{}, e.now)
	e.directory = directory.New(directory.Deps{Store: s, Usable: service.Usable, Refused: service.RefusedKeys, Number: service.Number, Models: e.catalogue})
	return nil
}

// addressName is under which the server notes its public address, so that the commands print links that open.
const addressName = "address"

func noteAddress(ctx context.Context, s *store.Store, address string) error {
	return s.Housekeep(ctx, func(tx *store.Tx) error { return tx.PutInstallationValue(addressName, []byte(address)) })
}

// notedAddress returns the public address that the server had at its latest start; empty before the first, when links are
// printed without it.
func notedAddress(ctx context.Context, s *store.Store) (string, error) {
	var address []byte
	err := s.Read(ctx, func(tx *store.Tx) error {
		var err error
		address, err = tx.FindInstallationValue(addressName)
		return err
	})
	if errors.Is(err, staffkey.ErrNotFound) {
		return "", nil
	}
	return string(address), err
}

func checkSchema(ctx context.Context, s *store.Store) error {
	err := s.CheckSchema(ctx)
	switch {
	case errors.Is(err, store.ErrSchemaOld):
		return &problem{cause: "the database is not at this release yet", fix: "Run staffkeyd migrate, or start the server once.", err: err}
	case errors.Is(err, store.ErrOtherKey):
		return otherKey(err)
	}
	return err
}

func otherKey(err error) error {
	return &problem{cause: "the sealing key is not the one that this database was sealed with", fix: "Put the right file at --sealing-key; every node of one database needs the same.", err: err}
}

// close ends what prepare opened.
func (e *environment) close() {
	if e.store != nil {
		if err := e.store.Close(); err != nil {
			fmt.Fprintln(e.stderr, "staffkeyd: close the database:", err)
		}
	}
}
