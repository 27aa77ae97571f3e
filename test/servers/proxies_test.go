//go:build linux

package servers

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"staffkey"
	"staffkey/test/program"
)

const (
	// host is the name in the blocks of docs/operating.md, and publicAddress what people open.
	host          = "signin.example"
	publicAddress = "https://" + host
	// visitor is where the browsers of these tests connect from: another address of this machine than the proxies'.
	visitor = "127.0.0.2"
)

// proxy is one of the programs that stand in front of a server.
type proxy struct {
	language string   // of its block in the document
	names    []string // of the program
	// run starts it with a block in a folder; certificates are there as signin.example.pem, .key and .both.
	run func(t *testing.T, program, dir, block, port string) *process
}

var proxies = []proxy{
	{"nginx", []string{"nginx"}, runNginx},
	{"haproxy", []string{"haproxy"}, runHAProxy},
	{"apache", []string{"apache2"}, runApache},
	{"caddyfile", []string{"caddy"}, runCaddy},
}

func runNginx(t *testing.T, program, dir, block, _ string) *process {
	// As Debian's nginx.conf has it: pages are compressed where a server does not say otherwise.
	config := file(t, nil, dir, "nginx.conf", "daemon off;\nuser root;\nworker_processes 1;\npid "+dir+"/nginx.pid;\nerror_log stderr;\nevents {}\nhttp {\ngzip on;\naccess_log off;\n"+
		"client_body_temp_path "+dir+"/body;\nproxy_temp_path "+dir+"/proxy;\nfastcgi_temp_path "+dir+"/f;\nuwsgi_temp_path "+dir+"/u;\nscgi_temp_path "+dir+"/s;\n"+block+"\n}\n")
	return launch(t, nil, nil, program, "-c", config, "-e", "stderr")
}

func runHAProxy(t *testing.T, program, dir, block, _ string) *process {
	return launch(t, nil, nil, program, "-db", "-f", file(t, nil, dir, "haproxy.cfg", block))
}

func runApache(t *testing.T, program, dir, block, port string) *process {
	modules := ""
	for _, name := range []string{"mpm_event", "authz_core", "ssl", "socache_shmcb", "headers", "env", "proxy", "proxy_http", "filter", "deflate"} {
		modules += "LoadModule " + name + "_module /usr/lib/apache2/modules/mod_" + name + ".so\n"
	}
	// As Debian's deflate.conf has it.
	config := file(t, nil, dir, "apache.conf", "ServerRoot "+dir+"\nServerName localhost\nPidFile "+dir+"/apache.pid\nErrorLog /dev/stderr\nDefaultRuntimeDir "+dir+"\n"+
		"Listen 127.0.0.1:"+port+"\nUser nobody\nGroup nogroup\n"+modules+"AddOutputFilterByType DEFLATE text/html text/plain text/xml text/css\n"+block)
	return launch(t, nil, nil, program, "-DFOREGROUND", "-f", config)
}

func runCaddy(t *testing.T, program, dir, block, port string) *process {
	config := file(t, nil, dir, "Caddyfile", "{\nadmin off\nhttps_port "+port+"\nauto_https disable_redirects\n}\n"+block)
	return launch(t, nil, []string{"HOME=" + dir, "XDG_DATA_HOME=" + dir, "XDG_CONFIG_HOME=" + dir}, program, "run", "--config", config, "--adapter", "caddyfile")
}

// block is the block of a language in docs/operating.md.
func block(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile("(?s)\n```" + language + "\n(.*?)\n```\n").FindSubmatch(text)
	if m == nil {
		t.Fatalf("docs/operating.md has no block for %s", language)
	}
	return string(m[1]) + "\n"
}

// front is a proxy that runs in front of a server.
type front struct {
	port  string
	roots *x509.CertPool
	cert  string // the file of its certificate
}

// inFront starts a proxy with a block, in which the ports and files of the document become those of this test.
func inFront(t *testing.T, p proxy, block, upstream string) front {
	t.Helper()
	program, dir, f := need(t, p.names...), folder(t, nil), front{port: freePort(t)}
	f.roots, f.cert = certify(t, dir), filepath.Join(dir, host+".pem")
	block = strings.NewReplacer("127.0.0.1:8080", upstream, "listen 443", "listen 127.0.0.1:"+f.port, "bind :443", "bind 127.0.0.1:"+f.port, "*:443", "*:"+f.port,
		"/etc/ssl/", dir+"/").Replace(block)
	p.run(t, program, dir, block, f.port).await(t, func() error { return listens("127.0.0.1:" + f.port) })
	return f
}

// certify puts a certificate for the host into a folder, and returns what trusts it.
func certify(t *testing.T, dir string) *x509.CertPool {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, keyText := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	file(t, nil, dir, host+".pem", cert)
	file(t, nil, dir, host+".key", keyText)
	file(t, nil, dir, host+".both", cert+keyText)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(cert))
	return roots
}

// browser returns a browser at the public address.
func (f front) browser() *program.Client {
	c := program.NewClient(publicAddress)
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(visitor)}, Timeout: 5 * time.Second}
	c.Through(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return dialer.DialContext(ctx, network, "127.0.0.1:"+f.port)
	}, &tls.Config{RootCAs: f.roots})
	return c
}

// behind starts a server for the public address that trusts the proxies of this test.
func behind(t *testing.T, data, port string) (p *process, listen string) {
	t.Helper()
	listen = "127.0.0.1:" + port
	p = launch(t, nil, nil, program.Build(t), "serve", "--data", data, "--listen", listen, "--address", publicAddress, "--trusted-proxy", "127.0.0.1")
	p.await(t, func() error { return answers("http://" + listen + "/readyz") })
	return p, listen
}

// command runs a command of staffkeyd on the data of a server.
func command(t *testing.T, data string, args ...string) string {
	t.Helper()
	out, status := finish(t, time.Minute, program.Build(t), append(args, "--data", data)...)
	if status != 0 {
		t.Fatalf("staffkeyd %v: %d %s", args, status, out)
	}
	return out
}

func must(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// The blocks of the document, each with its program: what people see, what the server learns, and what is kept from both.
func TestProxies_as_documented(t *testing.T) {
	t.Parallel()
	for _, p := range proxies {
		t.Run(p.language, func(t *testing.T) {
			t.Parallel()
			data, port := t.TempDir(), freePort(t)
			server, listen := behind(t, data, port)
			f := inFront(t, p, block(t, p.language), listen)
			command(t, data, "organisation", "add", "top", "--name", "Top")
			command(t, data, "person", "add", "ada", "--name", "Ada", "--organisation", "top", "--no-link")
			command(t, data, "role", "grant", "ada", "operator")
			link := regexp.MustCompile(`/welcome\?t=\S+`).FindString(command(t, data, "person", "link", "ada"))
			who := f.browser()

			t.Run("pages are not compressed", func(t *testing.T) {
				for _, path := range []string{"/signin", "/device", "/unsupported"} {
					req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, publicAddress+path, nil)
					must(t, "request", err)
					req.Header.Set("Accept-Encoding", "gzip, deflate, br, zstd")
					page, err := f.browser().Send(req, nil)
					must(t, path, err)
					if page.Status != http.StatusOK || page.Header.Get("Content-Encoding") != "" || page.Heading() == "" {
						t.Errorf("%s: %d in %q: %.200s", path, page.Status, page.Header.Get("Content-Encoding"), page.Body)
					}
				}
			})
			t.Run("a password, a key and the metadata", func(t *testing.T) {
				password := rand.Text()
				must(t, "choose a password", who.ChoosePassword(t.Context(), link, password))
				key := program.NewKey()
				if _, err := who.RegisterKey(t.Context(), key, "Lanyard"); err != nil {
					t.Fatal(err)
				}
				who = f.browser()
				must(t, "sign in with the key", who.SignInPasswordless(t.Context(), key))
				page, err := who.Get(t.Context(), "/ops/metadata")
				must(t, "open the page of metadata", err)
				if page = upload(t, who, page, 10<<20); page.Status != http.StatusUnprocessableEntity || !strings.Contains(page.Text(), "signed") {
					t.Errorf("an upload of 10 MB: %d %.300s", page.Status, page.Text())
				}
			})
			t.Run("an upload without a session is answered", func(t *testing.T) {
				if page := upload(t, f.browser(), nil, 10<<20); page.Status != http.StatusUnauthorized || page.Heading() == "" {
					t.Errorf("%d %.300s", page.Status, page.Body)
				}
			})
			t.Run("an upload that is too large is answered", func(t *testing.T) { // by the server, in its own words
				page := upload(t, who, nil, staffkey.MaxMetadata+128<<10)
				if page.Status != http.StatusRequestEntityTooLarge || page.Heading() == "" {
					t.Errorf("%d %.300s", page.Status, page.Body)
				}
			})
			t.Run("long headers pass", func(t *testing.T) {
				who, typed := f.browser(), strings.Repeat("漢", 500)
				page, err := who.Get(t.Context(), "/signin?next=/"+strings.Repeat("x", 400))
				must(t, "sign-in page", err)
				form := url.Values{"lang": {"cy"}, "return": {"/signin"}, "typed-username": {typed}, "query-next": {"/" + strings.Repeat("x", 400)}}
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, publicAddress+"/language", strings.NewReader(form.Encode()))
				must(t, "request", err)
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				req.Header.Set("X-Long", strings.Repeat("x", 5000)) // of somebody's browser or filter
				page, err = who.Send(req, page)
				must(t, "change the language", err)
				if page.Status != http.StatusOK || !strings.Contains(string(page.Body), `<html lang="cy"`) || !strings.Contains(string(page.Body), typed) {
					t.Errorf("%d %.300s", page.Status, page.Body)
				}
			})
			t.Run("the address is the visitor's", func(t *testing.T) {
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, publicAddress+"/signin", strings.NewReader("username=ada&password=wrong"))
				must(t, "request", err)
				req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip"} { // which is said by whoever likes
					req.Header.Set(name, "203.0.113.9")
				}
				page, err := f.browser().Send(req, nil)
				must(t, "sign in", err)
				if page.Status != http.StatusUnauthorized {
					t.Errorf("a wrong password: %d", page.Status)
				}
				out := command(t, data, "audit", "export", "--format", "jsonl", "--person", "ada")
				if !strings.Contains(out, `"ip":"`+visitor+`"`) || strings.Contains(out, "203.0.113.9") || strings.Contains(out, `"ip":"127.0.0.1"`) {
					t.Errorf("the log says\n%s", out)
				}
			})
			t.Run("doctor asks through it", func(t *testing.T) {
				if out, _ := f.doctor(t, data); !allOK(out) {
					t.Errorf("doctor --live says\n%s", out)
				}
			})
			t.Run("a restart", func(t *testing.T) {
				server.stop(t, syscall.SIGTERM)
				answer := make(chan error, 1)
				meanwhile := f.browser()
				go func() { // while nobody is there
					page, err := meanwhile.Get(context.Background(), "/signin")
					if err == nil && page.Status != http.StatusOK {
						err = fmt.Errorf("status %d", page.Status)
					}
					answer <- err
				}()
				server, _ = behind(t, data, port)
				if err := <-answer; err != nil && p.language != "nginx" && p.language != "apache" { // which cannot wait
					t.Errorf("meanwhile: %v", err)
				}
				page, err := who.Get(t.Context(), "/me")
				must(t, "open Home", err)
				if page.Status != http.StatusOK {
					t.Errorf("after a restart: %d", page.Status)
				}
			})
			if log := server.output.String(); strings.Contains(log, `"level":"WARN","msg":"a request by`) || strings.Contains(log, "no client address") || strings.Contains(log, "trusted-proxy") {
				t.Errorf("the server warns: %s", log)
			}
		})
	}
}

// doctor runs doctor --live against the proxy, on the data of the server behind it.
func (f front) doctor(t *testing.T, data string) (output string, status int) {
	t.Helper()
	t.Logf("asking at %s", f.port)
	return finishWith(t, []string{"SSL_CERT_FILE=" + f.cert}, time.Minute, program.Build(t),
		"doctor", "--live", "--live-at", "127.0.0.1:"+f.port, "--data", data, "--address", publicAddress, "--trusted-proxy", "127.0.0.1")
}

// liveLines are what doctor tells of the public address.
var liveLines = []string{"public address: " + publicAddress, "Host", "client address", "a body of 11 MB", "compression"}

func allOK(output string) bool {
	for _, line := range liveLines {
		if !strings.Contains(output, "ok  "+line+"\n") {
			return false
		}
	}
	return true
}

// As proxies are often set up: nobody is led round in circles, the server warns once, and doctor says what to set.
func TestProxies_as_often_written(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	server, listen := behind(t, data, freePort(t))
	nginx, apache := proxies[0], proxies[2]
	for name, test := range map[string]struct {
		proxy      proxy
		block      string
		wantPage   bool // which names both hosts
		wantDoctor string
	}{
		"nginx, proxy_pass alone":       {nginx, without(t, nginx, "proxy_set_header"), true, "the proxy passes on the name"},
		"nginx, the port of its own":    {nginx, strings.ReplaceAll(block(t, "nginx"), "$http_host", "$host:$server_port"), true, "the proxy passes on the name"},
		"nginx, no address":             {nginx, without(t, nginx, "X-Forwarded-For"), false, "sends no X-Forwarded-For"},
		"nginx, pages compressed":       {nginx, without(t, nginx, "gzip off"), false, "compresses pages (gzip)"},
		"nginx, small bodies":           {nginx, without(t, nginx, "client_max_body_size"), false, "the answer was 413"},
		"Apache, no ProxyPreserveHost":  {apache, without(t, apache, "ProxyPreserveHost"), true, "the proxy passes on the name"},
		"nginx, the port of the scheme": {nginx, strings.ReplaceAll(block(t, "nginx"), "$http_host", "$host:443"), false, ""},
		"nginx, Host with a final dot":  {nginx, strings.ReplaceAll(block(t, "nginx"), "$http_host", "$host."), false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := inFront(t, test.proxy, test.block, listen)
			for _, path := range []string{"/device", "/signin?next=/me"} {
				page, err := f.browser().Get(t.Context(), path) // follows ten redirects and no more
				must(t, path, err)
				if isPage := page.Status == http.StatusMisdirectedRequest && strings.Contains(page.Text(), host); isPage != test.wantPage || !isPage && page.Status != http.StatusOK {
					t.Errorf("%s: %d %.200s", path, page.Status, page.Text())
				}
			}
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, publicAddress+"/signin", strings.NewReader("username=nobody&password=x"))
			must(t, "request", err)
			req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			page, err := f.browser().Send(req, nil)
			must(t, "a form", err)
			if isPage := page.Status == http.StatusMisdirectedRequest && strings.Contains(page.Text(), host); isPage != test.wantPage {
				t.Errorf("a form: %d %.200s", page.Status, page.Text())
			}
			out, status := f.doctor(t, data)
			if test.wantDoctor == "" && !allOK(out) || test.wantDoctor != "" && (!strings.Contains(out, test.wantDoctor) || status == 0) {
				t.Errorf("doctor --live says %q, want %q", out, test.wantDoctor)
			}
		})
	}
	if n := strings.Count(server.output.String(), "a request by another name"); n != 1 {
		t.Errorf("%d warnings of another name in the log, want one an hour", n)
	}
}

// without is the block of the document for a proxy without the lines that hold a text.
func without(t *testing.T, p proxy, text string) string {
	t.Helper()
	var kept []string
	for _, line := range strings.Split(block(t, p.language), "\n") {
		if !strings.Contains(line, text) {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "\n")
}

// upload sends so many bytes as metadata, from a page of ours or from nowhere.
func upload(t *testing.T, c *program.Client, from *program.Page, size int) *program.Page {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile("file", "blob.jwt")
	must(t, "form", err)
	_, err = io.CopyN(part, endless{}, int64(size))
	must(t, "form", err)
	must(t, "form", form.Close())
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, publicAddress+"/ops/metadata", &body)
	must(t, "request", err)
	req.Header.Set("Content-Type", form.FormDataContentType())
	page, err := c.Send(req, from)
	must(t, "upload", err)
	return page
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
