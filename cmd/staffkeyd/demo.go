package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"text/tabwriter"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/signin"

	"golang.org/x/sync/errgroup"
)

type demoCommand struct {
	Listen  string `help:"Address and port to listen on." default:"localhost:8080" placeholder:"HOST:PORT"`
	Gateway string `name:"gateway-listen" help:"Address and port of the page that shows the messages that the demo sends." default:"localhost:0" placeholder:"HOST:PORT"`
	JSON    bool   `help:"Print one JSON object on one line once it is ready."`
	Metric  string `name:"metrics-listen" help:"Address and port for Prometheus metrics. Off when empty." placeholder:"HOST:PORT"`
}

// demoPerson is an account that the demo prints.
type demoPerson struct {
	Username     string `json:"username"`
	Password     string `json:"password"`
	Name         string `json:"name"`
	Role         string `json:"role"`
	Organisation string `json:"organisation"`
}

// Run serves a sample federation.
func (c *demoCommand) Run(env *environment) error {
	listener, err := listen(env.ctx, listenFlag, c.Listen)
	if err != nil {
		return err
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return err
	}
	s, err := openStore(env.ctx, env.config, true)
	if err != nil {
		return err
	}
	env.store = s
	if err := migrate(env.ctx, s, true); err != nil {
		return err
	}
	cfg := serverConfig{
		Address: "http://localhost:" + port, Listen: c.Listen, MetricsListen: c.Metric, RPName: "Staffkey", TimeZone: "Europe/London",
		PasswordQueue: 64, LogLevel: "warn", ShutdownWait: defaultShutdownWait,
	}
	set, err := cfg.settle()
	if err != nil {
		return err
	}
	if err := noteAddress(env.ctx, s, set.address); err != nil {
		return err
	}
	log, err := newLog(env.stderr, cfg.LogLevel)
	if err != nil {
		return err
	}
	gatewayListener, err := listen(env.ctx, "--gateway-listen", c.Gateway)
	if err != nil {
		return err
	}
	defer gatewayListener.Close()
	gate, err := newGateway(gatewayListener, set.location)
	if err != nil {
		return err
	}
	if set.messages.channels, err = gate.channels(); err != nil {
		return err
	}
	srv, err := wire(s, &cfg, set, log)
	if err != nil {
		return err
	}
	if err := loadSample(env.ctx, srv.directory); err != nil {
		return err
	}
	people, err := demoAccounts(env.ctx, srv)
	if err != nil {
		return err
	}
	if err := c.announce(env, set.address, gate.address, people); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(env.ctx)
	group.Go(func() error { return gate.serve(ctx, newHTTPServer(nil, log), gatewayListener) })
	group.Go(func() error { return srv.run(ctx, listener, &cfg, nil) })
	return group.Wait()
}

// demoAccounts gives the sample accounts fresh passwords, at each start.
func demoAccounts(ctx context.Context, srv *server) ([]demoPerson, error) {
	usernames := sampleAccounts()
	people := make([]demoPerson, len(usernames))
	group, ctx := errgroup.WithContext(ctx)
	for i, username := range usernames {
		group.Go(func() error {
			var err error
			people[i], err = demoAccount(ctx, srv.directory, srv.signin, username)
			return err
		})
	}
	return people, group.Wait()
}

func demoAccount(ctx context.Context, d *directory.Directory, s *signin.Service, username string) (demoPerson, error) {
	actor := staffkey.ConsoleActor()
	p, err := d.FindPerson(ctx, actor, username)
	if errors.Is(err, staffkey.ErrNotFound) {
		return demoPerson{}, &problem{cause: "the data folder holds another federation, not the sample", fix: "Choose an empty folder with --data DIR, or run staffkeyd serve.", err: err}
	}
	if err != nil {
		return demoPerson{}, err
	}
	// Four groups of five letters and digits: over 90 bits, and easy to type from a terminal.
	text := strings.ToLower(rand.Text())
	password := text[0:5] + "-" + text[5:10] + "-" + text[10:15] + "-" + text[15:20]
	if err := s.SetPassword(ctx, actor, p.ID, password); err != nil {
		return demoPerson{}, err
	}
	o, err := d.Organisation(ctx, p.Organisation)
	if err != nil {
		return demoPerson{}, err
	}
	profile, err := d.Profile(ctx, actor, p.ID)
	if err != nil {
		return demoPerson{}, err
	}
	role := "staff"
	if len(profile.Roles) > 0 {
		role = string(profile.Roles[0].Role)
	}
	return demoPerson{Username: p.Username, Password: password, Name: p.Name, Role: role, Organisation: o.Name}, nil
}

func (c *demoCommand) announce(env *environment, address, gateway string, people []demoPerson) error {
	if c.JSON {
		return json.NewEncoder(env.stdout).Encode(struct {
			URL     string       `json:"url"`
			Gateway string       `json:"gateway"`
			People  []demoPerson `json:"people"`
		}{address, gateway, people})
	}
	fmt.Fprintf(env.stdout, "Staffkey is running a sample federation at\n\n  %s\n\nSign in as one of these; the passwords are new at each start:\n\n", address)
	w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
	for _, p := range people {
		fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", p.Username, p.Password, strings.ReplaceAll(p.Role, "_", " "), p.Organisation)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(env.stdout, "\nMessages that the demo sends: %s\nThe data is in %s. Ctrl-C stops it.\n", gateway, env.config.Data)
	return err
}
