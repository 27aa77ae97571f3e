package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"runtime"
	"syscall"
	"time"

	"staffkey"
	"staffkey/internal/store"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
)

type serveCommand struct {
	serverConfig `embed:""`
}

// Run runs the server until it is told to stop.
func (c *serveCommand) Run(env *environment) error {
	set, err := c.settle()
	if err != nil {
		return err
	}
	log, err := newLog(env.stderr, c.LogLevel)
	if err != nil {
		return err
	}
	env.config.log = log
	hangUps := make(chan os.Signal, 1) // from here on, they end nothing
	signal.Notify(hangUps, syscall.SIGHUP)
	defer signal.Stop(hangUps)
	var certificate *liveCertificate
	if c.TLSCert != "" {
		if certificate, err = openCertificate(c.TLSCert, c.TLSKey, set.host(), time.Now, log); err != nil {
			return err
		}
	}
	// With the sealing key, a copy of the database opens: whoever starts a server that shows it to others has to know.
	if err := privateFile(env.config.sealingKeyFile()); err != nil {
		return err
	}
	listener, err := listen(env.ctx, listenFlag, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	s, err := openStore(env.ctx, env.config, true)
	if err != nil {
		return err
	}
	env.store = s
	if err := migrate(env.ctx, s, c.Migrate); err != nil {
		return err
	}
	c.warnOfExposure(env.config, log)
	if p := set.messages.noMail(); p != nil {
		log.Warn(p.cause, "fix", p.fix)
	}
	if err := noteAddress(env.ctx, s, set.address); err != nil {
		return err
	}
	srv, err := wire(s, &c.serverConfig, set, log)
	if err != nil {
		return err
	}
	needs, err := srv.signin.NeedsSetUp(env.ctx)
	if err != nil {
		return err
	}
	if needs {
		link, err := srv.signin.IssueSetUpLink(env.ctx, staffkey.ConsoleActor())
		if err != nil {
			return err
		}
		printSetUpLink(env.stdout, link)
	} else if has, err := srv.signin.HasOperator(env.ctx); err != nil {
		return err
	} else if !has {
		log.Warn("no operator can sign in", "help", noOperatorHelp)
	}
	log.Info("listening", "address", set.address, "listen", listener.Addr().String(), "engine", s.Engine(), "version", version)
	most, each := c.connectionLimits(openFiles())
	bound := newBoundListener(listener, most, each, set.trustedProxies)
	bound.observe(srv.metrics.Registry)
	if certificate != nil {
		certificate.observe(srv.metrics.Registry)
	}
	go reloadOn(env.ctx, hangUps, certificate, log)
	return srv.run(env.ctx, bound, &c.serverConfig, certificate)
}

// reloadOn looks at the files of TLS at each signal. All other files and settings are read at start only, which the log says.
func reloadOn(ctx context.Context, signals <-chan os.Signal, certificate *liveCertificate, log *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-signals:
			if certificate != nil {
				certificate.look()
			}
			log.Info("SIGHUP: looked at the files of tls-cert and tls-key; other settings need a restart", "tls", certificate != nil)
		}
	}
}

// noOperatorHelp is the way back where nobody can sign in to make somebody else an operator: set-up is once, so it is the console.
const noOperatorHelp = "staffkeyd role list shows the operators. One whose account is frozen: staffkeyd person unfreeze USERNAME --reason TEXT, " +
	"then staffkeyd pass issue USERNAME --reason TEXT. Somebody else: staffkeyd role grant USERNAME operator."

// warnOfExposure tells of other files that not only this user may read: what they hold is sealed, hashed or of use elsewhere, and a server
// that does not start after a restore would be worse.
func (c *serverConfig) warnOfExposure(db *databaseConfig, log *slog.Logger) {
	for _, err := range append(db.privateData(), c.privateSecrets(db)...) {
		var p *problem
		if errors.As(err, &p) {
			log.Warn(p.cause, "fix", p.fix)
			continue
		}
		log.Warn("who may read a file is not known", "error", err)
	}
}

func printSetUpLink(w io.Writer, link string) {
	fmt.Fprintf(w, "Open this once within 30 minutes:\n  %s\nAnother one: staffkeyd setup-link\n", link)
}

// migrate brings the database to this release, or refuses one that is not.
func migrate(ctx context.Context, s *store.Store, may bool) error {
	if !may {
		return checkSchema(ctx, s)
	}
	err := s.Migrate(ctx)
	if errors.Is(err, store.ErrOtherKey) {
		return otherKey(err)
	}
	return explainPostgres(err)
}

// newLog writes JSON lines. Secrets never reach it: nothing logs a header, a body or a cookie.
func newLog(w io.Writer, level string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, err
	}
	return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: l, ReplaceAttr: cleanAttribute})), nil
}

// cleanAttribute keeps what commands a terminal or hides out of the log: JSON writes the controls of ASCII as escapes, and no others.
func cleanAttribute(_ []string, a slog.Attr) slog.Attr {
	v := a.Value.Any()
	if err, ok := v.(error); ok {
		a.Value = slog.StringValue(staffkey.CleanLines(err.Error()))
	} else if text := reflect.ValueOf(v); text.Kind() == reflect.String {
		a.Value = slog.StringValue(staffkey.CleanLines(text.String()))
	}
	return a
}

// listenFlag names the public port.
const listenFlag = "--listen"

// listen opens the port that a flag gives, and says how to mend what keeps it from opening.
func listen(ctx context.Context, flag, address string) (net.Listener, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", address)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, &problem{cause: "the port of " + address + " is in use by another program", fix: "Choose another with " + flag + " HOST:PORT, or stop that program.", err: err}
	case errors.Is(err, syscall.EACCES):
		return nil, &problem{cause: "this user may not listen on " + address, fix: "Choose a port above 1023 with " + flag + " HOST:PORT, or grant the right to low ports.", err: err}
	case err != nil:
		return nil, &problem{cause: "cannot listen on " + address + ": " + lastCause(err), fix: "Check " + flag + " HOST:PORT.", err: err}
	}
	return l, nil
}

// Limits of a connection. A slow or silent client costs no more than these.
const (
	headerWait = 10 * time.Second
	bodyWait   = 30 * time.Second // and less, by its length, where a page takes it
	answerWait = 60 * time.Second
	idleWait   = 2 * time.Minute
	maxHeaders = 32 << 10
)

func newHTTPServer(h http.Handler, log *slog.Logger) *http.Server {
	return &http.Server{
		Handler: drained(h), ReadHeaderTimeout: headerWait, ReadTimeout: bodyWait, WriteTimeout: answerWait, IdleTimeout: idleWait, MaxHeaderBytes: maxHeaders,
		ErrorLog:  slog.NewLogLogger(log.Handler(), slog.LevelDebug), // a client that breaks off is no news
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		// What HTTP/2 keeps of bodies that nobody has read yet, which is 1 MB a connection otherwise.
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 100, MaxReceiveBufferPerConnection: 128 << 10, MaxReceiveBufferPerStream: 64 << 10},
	}
}

// run serves and does the jobs of a node until ctx ends, and then lets requests under way finish.
// Without a certificate it speaks plain HTTP.
func (s *server) run(ctx context.Context, listener net.Listener, cfg *serverConfig, certificate *liveCertificate) error {
	// Before the first sign-in: a key of a model with a finding must not get in because this node has just started.
	if err := s.directory.RefreshModels(ctx); err != nil {
		s.log.Error("metadata not loaded", "error", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	public := newHTTPServer(s.public, s.log)
	servers := []*http.Server{public}
	group.Go(func() error {
		if certificate == nil {
			return unlessClosed(public.Serve(listener))
		}
		public.TLSConfig.GetCertificate = certificate.get
		return unlessClosed(public.ServeTLS(listener, "", ""))
	})
	if cfg.MetricsListen != "" {
		l, err := listen(ctx, "--metrics-listen", cfg.MetricsListen)
		if err != nil {
			return errors.Join(err, public.Close())
		}
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", promhttp.HandlerFor(s.metrics.Registry, promhttp.HandlerOpts{}))
		side := newHTTPServer(mux, s.log)
		servers = append(servers, side)
		group.Go(func() error { return unlessClosed(side.Serve(l)) })
	}
	group.Go(func() error {
		newWorker(s.store, s.metrics.Registry, s.log).run(ctx, s.jobs(&cfg.metadataConfig))
		return nil
	})
	group.Go(func() error {
		<-ctx.Done()
		wait, cancel := context.WithTimeout(context.WithoutCancel(ctx), cfg.ShutdownWait)
		defer cancel()
		var errs []error
		for _, srv := range servers {
			errs = append(errs, srv.Shutdown(wait))
		}
		return errors.Join(errs...)
	})
	err := group.Wait()
	runtime.KeepAlive(s.ballast)
	return err
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

type setUpLinkCommand struct{}

// Run prints another set-up link.
func (setUpLinkCommand) Run(env *environment) error {
	link, err := env.service.IssueSetUpLink(env.ctx, staffkey.ConsoleActor())
	if errors.Is(err, staffkey.ErrRefused) {
		return setUpDone(env, err)
	}
	if err != nil {
		return err
	}
	printSetUpLink(env.stdout, link)
	return nil
}

// setUpDone says why there is no set-up link any more, and what helps instead.
func setUpDone(env *environment, refused error) error {
	has, err := env.service.HasOperator(env.ctx)
	switch {
	case err != nil:
		return err
	case has:
		return &problem{cause: "there is an operator already, so the set-up is done", fix: "Sign in as that operator; a new first password comes from: staffkeyd person link USERNAME", err: refused}
	}
	return &problem{cause: "this was set up before, although no operator can sign in now", fix: noOperatorHelp, err: refused}
}

type migrateCommand struct{}

// Run migrates the database.
func (migrateCommand) Run(env *environment) error {
	log, err := newLog(env.stderr, "info")
	if err != nil {
		return err
	}
	env.config.log = log
	s, err := openStore(env.ctx, env.config, true)
	if err != nil {
		return err
	}
	env.store = s
	if err := migrate(env.ctx, s, true); err != nil {
		return err
	}
	fmt.Fprintf(env.stdout, "The %s database is at this release.\n", s.Engine())
	return nil
}
