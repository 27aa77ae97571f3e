package program

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"staffkey/internal/ctap/softkey"

	"golang.org/x/net/html"
)

// Agent is the User-Agent of a new client: a browser that the product knows.
const Agent = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/148.0.0.0 Safari/537.36"

// Client is one browser: it keeps cookies and one set of connections, and follows redirects. It may be used by one goroutine at a time.
type Client struct {
	// URL is the address of the server. A test that starts the server again at another port changes it; the cookies stay.
	URL string
	// Agent is the User-Agent header.
	Agent string
	// OnRedirect, when set, is told of each answer that sends the browser on to another page, before that page is opened: the moment at
	// which the server has acknowledged what a form asked for. method and path are of the request, location is where it leads.
	OnRedirect func(method, path, location string)

	http *http.Client
}

// NewClient returns a browser without cookies.
func NewClient(address string) *Client {
	jar, err := cookiejar.New(nil)
	if err != nil { // it fails for a broken list of public suffixes, and there is none here
		panic(err)
	}
	transport := &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext, MaxIdleConnsPerHost: 2}
	c := &Client{URL: address, Agent: Agent, http: &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}}
	c.http.CheckRedirect = c.redirected
	return c
}

// Through has the browser reach every address by connections of dial, with TLS as config says: a proxy in front of the server.
func (c *Client) Through(dial func(ctx context.Context, network, address string) (net.Conn, error), config *tls.Config) {
	c.http.CloseIdleConnections()
	c.http.Transport = &http.Transport{DialContext: dial, TLSClientConfig: config, MaxIdleConnsPerHost: 2, ForceAttemptHTTP2: true, DisableCompression: true}
}

// Send sends a request of the test's own making, as a page of the server's would when page is not nil, and follows redirects.
func (c *Client) Send(req *http.Request, page *Page) (*Page, error) {
	if page != nil {
		c.from(req, page)
	}
	return c.do(req)
}

// maxRedirects is where a browser gives up on pages that lead to each other.
const maxRedirects = 10

func (c *Client) redirected(next *http.Request, before []*http.Request) error {
	if len(before) >= maxRedirects {
		return errors.New("too many redirects")
	}
	if from := before[len(before)-1]; c.OnRedirect != nil {
		c.OnRedirect(from.Method, from.URL.Path, next.URL.Path)
	}
	return nil
}

// NewKey returns a security key as staff have: it verifies the person, keeps discoverable credentials and counts its uses.
func NewKey() *softkey.Key {
	return softkey.New(softkey.Options{UserVerification: true, Resident: true, Counter: softkey.Counter{Step: 1}, Transports: []string{"usb"}})
}

// Close lets go of the connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Cookies returns what the browser would send.
func (c *Client) Cookies() []*http.Cookie {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil
	}
	return c.http.Jar.Cookies(u)
}

// Unexpected says that a page was not the one that a person would have got to.
type Unexpected struct {
	// Doing is what was tried.
	Doing string
	// Page is where it ended.
	Page *Page
}

func (e *Unexpected) Error() string {
	return fmt.Sprintf("%s: got to %s, status %d, %q", e.Doing, e.Page.URL.RequestURI(), e.Page.Status, e.Page.Heading())
}

// Get opens a page. A path that redirects leads to the page behind it. The error is about the connection only: see [Page.Status].
func (c *Client) Get(ctx context.Context, path string) (*Page, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+path, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Sec-Fetch-Site", "none")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	return c.do(req)
}

// Submit sends a form of page with values, by its only or first button, and returns where it leads.
func (c *Client) Submit(ctx context.Context, page *Page, form *Form, values map[string]string) (*Page, error) {
	body := url.Values{}
	for name, list := range form.Fields {
		body[name] = append([]string(nil), list...)
	}
	if len(form.Buttons) > 0 {
		body.Set(form.Buttons[0].Name, form.Buttons[0].Value)
	}
	for name, value := range values {
		body.Set(name, value)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+form.Action, strings.NewReader(body.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	c.from(req, page)
	return c.do(req)
}

// Answer brings the answer of a key back, as the page's script does, and returns the path to go to. token is the value of the button
// that was pressed. A status other than 200 is an error.
func (c *Client) Answer(ctx context.Context, page *Page, ceremony *Ceremony, token string, credential []byte) (next string, err error) {
	return c.PostJSON(ctx, page, ceremony.Action, map[string]any{
		"ceremony": ceremony.Sealed, "token": token, "credential": json.RawMessage(credential),
	})
}

// PostJSON sends what the page's script sends, and returns the path to go to.
func (c *Client) PostJSON(ctx context.Context, page *Page, path string, value any) (next string, err error) {
	body, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL+path, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("Sec-Fetch-Mode", "cors")
	c.from(req, page)
	answer, err := c.do(req)
	if err != nil {
		return "", err
	}
	var reply struct {
		Next string `json:"next"`
	}
	if err := json.Unmarshal(answer.Body, &reply); err != nil || reply.Next == "" {
		return "", &Unexpected{"post to " + path, answer}
	}
	if answer.Status != http.StatusOK {
		return reply.Next, &Unexpected{"post to " + path, answer}
	}
	return reply.Next, nil
}

// from sets the headers by which a browser says that one of the server's own pages sent the request.
func (c *Client) from(req *http.Request, page *Page) {
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	req.Header.Set("Origin", c.URL)
	if page != nil {
		req.Header.Set("Referer", page.URL.String())
	}
}

func (c *Client) do(req *http.Request) (*Page, error) {
	req.Header.Set("User-Agent", c.Agent)
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // the body was read, or its error is reported
	page := &Page{URL: resp.Request.URL, Status: resp.StatusCode, Header: resp.Header}
	if page.Body, err = io.ReadAll(resp.Body); err != nil {
		return nil, err
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		if page.Root, err = html.Parse(bytes.NewReader(page.Body)); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// form returns the form with that id, or what page came instead.
func (p *Page) form(id, doing string) (*Form, error) {
	f, ok := p.Form(id)
	if !ok || p.Status != http.StatusOK {
		return nil, &Unexpected{doing, p}
	}
	return f, nil
}
