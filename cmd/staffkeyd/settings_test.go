package main

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// parsed is what a command line becomes in the environment as it is: what was read, or what is wrong with it.
func parsed(t *testing.T, args ...string) (commands, string) {
	t.Helper()
	var c commands
	parser, err := newParser(&c, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		return c, err.Error()
	}
	return c, ""
}

// leaves are all commands, each as it is typed with something for every argument and required flag.
func leaves(n *kong.Node, path []string, visit func(args []string)) {
	for _, child := range n.Children {
		leaves(child, append(path[:len(path):len(path)], child.Name), visit)
	}
	if len(n.Children) > 0 {
		return
	}
	args := path
	for range n.Positional {
		args = append(args, "1")
	}
	for _, f := range n.AllFlags(false) {
		for _, flag := range f {
			if flag.Required {
				args = append(args, "--"+flag.Name, "1")
			}
		}
	}
	visit(args)
}

// An environment variable that is empty is as if it were not there, for every setting, in every command.
func TestSettings_empty_variables_are_absent(t *testing.T) {
	var c commands
	parser, err := newParser(&c, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	var collect func(n *kong.Node)
	collect = func(n *kong.Node) {
		for _, f := range n.Flags {
			names = append(names, f.Envs...)
		}
		for _, child := range n.Children {
			collect(child)
		}
	}
	collect(parser.Model.Node)
	if len(names) < 50 {
		t.Fatalf("%d variables, which cannot be all", len(names))
	}
	type result struct {
		Commands commands
		Problem  string
	}
	all := func() map[string]result {
		results := map[string]result{}
		leaves(parser.Model.Node, nil, func(args []string) {
			c, problem := parsed(t, args...)
			results[strings.Join(args, " ")] = result{c, problem}
		})
		return results
	}
	want := all()
	if len(want) < 20 {
		t.Fatalf("%d commands, which cannot be all", len(want))
	}
	for _, empty := range []string{"", " ", "\r"} {
		for _, name := range names {
			t.Setenv(name, empty)
		}
		if diff := cmp.Diff(want, all(), cmp.Exporter(func(reflect.Type) bool { return true })); diff != "" {
			t.Errorf("with all variables %q (-without +with):\n%s", empty, diff)
		}
	}
}

// The settings file fills what an empty variable leaves; what is empty in the file is not set either.
func TestSettings_empty_ones_give_way(t *testing.T) {
	file := filepath.Join(t.TempDir(), "settings.toml")
	if err := os.WriteFile(file, []byte("\uFEFFaddress = 'https://signin.example'\r\nlog-level = 'WARN'\r\npostgres-file = ''\r\ntls-cert = ''\r\nsmtp-port = 26\r\ntrusted-proxy = ['10.0.0.1 ', ' 10.0.0.2']\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"STAFFKEY_ADDRESS", "STAFFKEY_LOG_LEVEL", "STAFFKEY_SMTP_PORT", "STAFFKEY_POSTGRES_FILE", "STAFFKEY_DATA"} {
		t.Setenv(name, "")
	}
	t.Setenv("STAFFKEY_CONFIG", file)
	t.Setenv("STAFFKEY_RP_NAME", "  Sign in \r")
	t.Setenv("STAFFKEY_OWN_NETWORK", "192.0.2.1, 198.51.100.0/24 ,,")
	t.Setenv("STAFFKEY_TEXT_PROVIDER", "HTTP, Twilio")
	c, problem := parsed(t, "serve")
	if problem != "" {
		t.Fatal(problem)
	}
	cwd, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	s := c.Serve.serverConfig
	got := []any{s.Address, s.LogLevel, s.SMTPPort, s.TrustedProxy, s.OwnNetwork, s.TextProvider, s.TLSCert, s.RPName, c.Database.PostgresFile, c.Database.Data}
	want := []any{"https://signin.example", "warn", 26, []string{"10.0.0.1", "10.0.0.2"}, []string{"192.0.2.1", "198.51.100.0/24"}, []string{"http", "twilio"}, "", "Sign in", "", filepath.Join(cwd, "staffkey-data")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
	t.Setenv("STAFFKEY_CONFIG", " ")
	if c, problem := parsed(t, "version"); problem != "" {
		t.Errorf("an empty name of a settings file: %s, %+v", problem, c)
	}
}

// A path that is given empty is never the working directory.
func TestSettings_empty_paths(t *testing.T) {
	t.Parallel()
	var c commands
	parser, err := newParser(&c, &bytes.Buffer{}, &bytes.Buffer{}, func(int) {})
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	leaves(parser.Model.Node, nil, func(args []string) {
		ctx, err := kong.Trace(parser, args)
		if err != nil {
			t.Fatal(err)
		}
		for _, flag := range ctx.Flags() {
			if flag.Tag.Type != "path" {
				continue
			}
			count++
			c, problem := parsed(t, append(args[:len(args):len(args)], "--"+flag.Name+"=")...)
			switch {
			case flag.HasDefault && !strings.Contains(problem, "is empty"):
				t.Errorf("%v --%s=: %q, want a refusal", args, flag.Name, problem)
			case flag.Name == "postgres-file" && (c.Database.PostgresFile != "" || problem != ""):
				t.Errorf("%v --%s=: %q %s", args, flag.Name, c.Database.PostgresFile, problem)
			case flag.Name == "tls-cert" && (c.Serve.TLSCert != "" || c.Doctor.TLSCert != "" || problem != ""):
				t.Errorf("%v --%s=: %q %s", args, flag.Name, c.Serve.TLSCert+c.Doctor.TLSCert, problem)
			}
		}
	})
	if count < 50 {
		t.Errorf("%d paths were tried, which cannot be all", count)
	}
}

func TestSettings_names_of_hosts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change                 func(*serverConfig)
		address, rpID, problem string
	}{
		"letters outside ASCII":   {func(c *serverConfig) { c.Address = "https://mewngofnodi.tŷ-iechyd.example" }, "https://mewngofnodi.xn--t-iechyd-t2b.example", "mewngofnodi.xn--t-iechyd-t2b.example", ""},
		"with a port":             {func(c *serverConfig) { c.Address = "https://TŶ.example:8443/" }, "https://xn--t-foa.example:8443", "xn--t-foa.example", ""},
		"an A-label":              {func(c *serverConfig) { c.Address = "https://xn--t-foa.example" }, "https://xn--t-foa.example", "xn--t-foa.example", ""},
		"a final dot":             {func(c *serverConfig) { c.Address = "https://signin.example.:443" }, "https://signin.example", "signin.example", ""},
		"no name of a host":       {func(c *serverConfig) { c.Address = "https://sign_in.example" }, "", "", "address:"},
		"no A-label":              {func(c *serverConfig) { c.Address = "https://xn--a.example" }, "", "", "address:"},
		"keys of such a name":     {func(c *serverConfig) { c.RPID = "TŶ-iechyd.example" }, "https://signin.example", "xn--t-iechyd-t2b.example", ""},
		"keys of a single label":  {func(c *serverConfig) { c.RPID = "example" }, "", "", "rp-id:"},
		"keys of an address":      {func(c *serverConfig) { c.RPID = "192.0.2.1" }, "", "", "rp-id:"},
		"keys of a URL":           {func(c *serverConfig) { c.RPID = "https://old.example" }, "", "", "rp-id:"},
		"a mail server":           {func(c *serverConfig) { c.SMTPHost, c.MailFrom = "post.tŷ.example.", "Staffkey <noreply@tŷ.example>" }, "https://signin.example", "signin.example", ""},
		"a mail server by number": {func(c *serverConfig) { c.SMTPHost, c.MailFrom = "192.0.2.1", "noreply@tŷ.example" }, "https://signin.example", "signin.example", ""},
		"no mail server":          {func(c *serverConfig) { c.SMTPHost, c.MailFrom = "post_1.example:587", "noreply@signin.example" }, "", "", "smtp-host:"},
	} {
		c := serverConfig{Address: "https://signin.example", Listen: "localhost:0", TimeZone: "UTC", PasswordQueue: 1}
		c.SMTPSecurity = "starttls"
		test.change(&c)
		got, err := c.settle()
		if test.problem != "" {
			if err == nil || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("%s: %v, want a problem of %s", name, err, test.problem)
			}
			continue
		}
		if err != nil || got.address != test.address || got.rpID != test.rpID {
			t.Errorf("%s: %q, %q, %v", name, got.address, got.rpID, err)
		}
	}
}

func TestFileText(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{"": "", "secret": "secret", "\uFEFFsecret\r\n": "secret", " a b \n\n": "a b"} {
		if got := fileText([]byte(raw)); got != want {
			t.Errorf("%q is read as %q, want %q", raw, got, want)
		}
	}
}
