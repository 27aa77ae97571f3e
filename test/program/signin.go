package program

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"staffkey/internal/ctap/softkey"
)

// The walks below are what a person does, page by page. Each fails with [Unexpected] when a page is not the one that comes next.

// SignInPassword gives name and password on the first page and returns the page that follows: /me for a person who has nothing
// stronger, /signin/key for others.
func (c *Client) SignInPassword(ctx context.Context, username, password string) (*Page, error) {
	page, err := c.Get(ctx, "/signin")
	if err != nil {
		return nil, err
	}
	form, err := page.form("signin-form", "sign in")
	if err != nil {
		return nil, err
	}
	page, err = c.Submit(ctx, page, form, map[string]string{"username": username, "password": password})
	if err != nil {
		return nil, err
	}
	if page.Status != http.StatusOK {
		return page, &Unexpected{"sign in as " + username, page}
	}
	return page, nil
}

// SignInPasswordless signs in by the key alone and opens /me.
func (c *Client) SignInPasswordless(ctx context.Context, key *softkey.Key) error {
	if err := c.ProvePasswordless(ctx, key); err != nil {
		return err
	}
	return c.arrive(ctx, "/me", "/me")
}

// ProvePasswordless is [Client.SignInPasswordless] up to the answer that brings the session, without the page behind it.
func (c *Client) ProvePasswordless(ctx context.Context, key *softkey.Key) error {
	page, err := c.Get(ctx, "/signin")
	if err != nil {
		return err
	}
	next, err := c.prove(ctx, page, "key-form", key, "")
	if err == nil && next != "/me" {
		err = fmt.Errorf("sign in with a key: sent on to %s", next)
	}
	return err
}

// SignInByNickname gives name and password, presses the token of that nickname, and opens /me.
func (c *Client) SignInByNickname(ctx context.Context, username, password string, key *softkey.Key, nickname string) error {
	page, err := c.SignInPassword(ctx, username, password)
	if err != nil {
		return err
	}
	next, err := c.prove(ctx, page, "key-form", key, nickname)
	if err != nil {
		return err
	}
	return c.arrive(ctx, next, "/me")
}

// prove runs the ceremony of a form with a key, by the button of a nickname or by any, and returns the path to go to.
func (c *Client) prove(ctx context.Context, page *Page, id string, key *softkey.Key, nickname string) (string, error) {
	form, err := page.form(id, "use a key")
	if err != nil {
		return "", err
	}
	if form.Ceremony == nil {
		return "", &Unexpected{"find a ceremony", page}
	}
	i := slices.IndexFunc(form.Buttons, func(b Button) bool { return nickname == "" || b.Nickname == nickname })
	if i < 0 {
		return "", fmt.Errorf("no token called %q: %w", nickname, &Unexpected{"choose a token", page})
	}
	button := form.Buttons[i]
	options := form.Ceremony.Options
	if button.Credential != "" {
		if options, err = only(options, button.Credential); err != nil {
			return "", err
		}
	}
	credential, err := key.Get(c.URL, []byte(options))
	if err != nil {
		return "", err
	}
	return c.Answer(ctx, page, form.Ceremony, button.Value, credential)
}

// only narrows the options to the one credential that a row stands for, as the page's script does.
func only(options, credential string) (string, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(options), &members); err != nil {
		return "", fmt.Errorf("options of the ceremony: %w", err)
	}
	var allowed []map[string]any
	if err := json.Unmarshal(members["allowCredentials"], &allowed); err != nil {
		return "", fmt.Errorf("options of the ceremony: %w", err)
	}
	allowed = slices.DeleteFunc(allowed, func(descriptor map[string]any) bool { return descriptor["id"] != credential })
	if len(allowed) == 0 {
		return "", fmt.Errorf("options of the ceremony do not allow credential %s", credential)
	}
	narrowed, err := json.Marshal(allowed)
	if err != nil {
		return "", err
	}
	members["allowCredentials"] = narrowed
	text, err := json.Marshal(members)
	return string(text), err
}

// arrive opens the path that an answer named and checks that it is the one expected.
func (c *Client) arrive(ctx context.Context, next, want string) error {
	page, err := c.Get(ctx, next)
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK || page.URL.Path != want {
		return &Unexpected{"get to " + want, page}
	}
	return nil
}

// Confirm proves again who it is with the key, when page asks for that, and returns the page that it then leads to; otherwise page.
func (c *Client) Confirm(ctx context.Context, page *Page, key *softkey.Key) (*Page, error) {
	if page.URL.Path != "/me/confirm" {
		return page, nil
	}
	next, err := c.prove(ctx, page, "key-form", key, "")
	if err != nil {
		return nil, err
	}
	return c.Get(ctx, next)
}

// SignInByCode gives name, password and a recovery code, and opens /me.
func (c *Client) SignInByCode(ctx context.Context, username, password, code string) error {
	if _, err := c.SignInPassword(ctx, username, password); err != nil {
		return err
	}
	page, err := c.Get(ctx, "/signin/recovery-code")
	if err != nil {
		return err
	}
	form, err := page.form("code-form", "give a recovery code")
	if err != nil {
		return err
	}
	page, err = c.Submit(ctx, page, form, map[string]string{"code": code})
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK || page.URL.Path != "/me" {
		return &Unexpected{"give a recovery code", page}
	}
	return nil
}

// IsSignedIn reports whether the browser has a live session: the profile opens instead of the first page.
func (c *Client) IsSignedIn(ctx context.Context) (bool, error) {
	page, err := c.Get(ctx, "/me/profile")
	if err != nil {
		return false, err
	}
	switch page.URL.Path {
	case "/me/profile":
		return page.Status == http.StatusOK, nil
	case "/signin", "/session-ended":
		return false, nil
	}
	return false, &Unexpected{"open the profile", page}
}

// SignOut presses the button in the header.
func (c *Client) SignOut(ctx context.Context) error {
	page, err := c.Get(ctx, "/me/profile")
	if err != nil {
		return err
	}
	form, err := page.form("signout-form", "sign out")
	if err != nil {
		return err
	}
	page, err = c.Submit(ctx, page, form, nil)
	if err != nil {
		return err
	}
	if page.URL.Path != "/signed-out" {
		return &Unexpected{"sign out", page}
	}
	return nil
}

// ChoosePassword opens a one-time link and chooses a first password, which signs the person in.
func (c *Client) ChoosePassword(ctx context.Context, link, password string) error {
	page, err := c.Get(ctx, strings.TrimPrefix(link, c.URL))
	if err != nil {
		return err
	}
	form, err := page.form("welcome-form", "open a link")
	if err != nil {
		return err
	}
	page, err = c.Submit(ctx, page, form, map[string]string{"password": password})
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK || page.URL.Path != "/me" {
		return &Unexpected{"choose a password", page}
	}
	return nil
}
