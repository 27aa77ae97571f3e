package program

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"staffkey/internal/ctap/softkey"

	"golang.org/x/net/html"
)

// RegisterKey registers key under a nickname and returns the id of the new token. The key is not tried.
func (c *Client) RegisterKey(ctx context.Context, key *softkey.Key, nickname string) (id string, err error) {
	if id, err = c.TouchNewKey(ctx, key); err != nil {
		return "", err
	}
	return id, c.NameKey(ctx, id, nickname)
}

// TouchNewKey does the first half of a registration, up to the answer of the key, and returns the id of the token, which is on no list
// before [Client.NameKey]. A key that is on the list already is registered again.
func (c *Client) TouchNewKey(ctx context.Context, key *softkey.Key) (id string, err error) {
	next, err := c.create(ctx, "/me/tokens/register", key)
	if errors.Is(err, softkey.ErrExcluded) {
		next, err = c.create(ctx, "/me/tokens/register?again=1", key)
	}
	if err != nil {
		return "", err
	}
	id, isName := strings.CutSuffix(strings.TrimPrefix(next, "/me/tokens/"), "/name")
	if !isName {
		return "", fmt.Errorf("register a token: sent on to %s", next)
	}
	return id, nil
}

// NameKey does the second half of a registration: the nickname, which puts the token in use.
func (c *Client) NameKey(ctx context.Context, id, nickname string) error {
	page, err := c.Get(ctx, "/me/tokens/"+id+"/name")
	if err != nil {
		return err
	}
	form, err := page.form("name-form", "name a token")
	if err != nil {
		return err
	}
	page, err = c.Submit(ctx, page, form, map[string]string{"nickname": nickname})
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK || page.URL.Path != "/me/tokens/"+id+"/try" {
		return &Unexpected{"name a token", page}
	}
	return nil
}

// create touches a new key on the page at path and returns the path to go to.
func (c *Client) create(ctx context.Context, path string, key *softkey.Key) (string, error) {
	page, err := c.Get(ctx, path)
	if err != nil {
		return "", err
	}
	if page, err = c.Confirm(ctx, page, key); err != nil {
		return "", err
	}
	form, err := page.form("register-form", "register a token")
	if err != nil {
		return "", err
	}
	credential, err := key.Create(c.URL, []byte(form.Ceremony.Options))
	if err != nil {
		return "", err
	}
	return c.Answer(ctx, page, form.Ceremony, "", credential)
}

// Try tries a token on the last page of its registration.
func (c *Client) Try(ctx context.Context, id string, key *softkey.Key) error {
	page, err := c.Get(ctx, "/me/tokens/"+id+"/try")
	if err != nil {
		return err
	}
	next, err := c.prove(ctx, page, "try-form", key, "")
	if err != nil {
		return err
	}
	return c.arrive(ctx, next, "/me/tokens/"+id+"/done")
}

// Rename gives a token another nickname.
func (c *Client) Rename(ctx context.Context, id, nickname string) error {
	return c.change(ctx, "/me/tokens/"+id+"/edit", "edit-form", map[string]string{"nickname": nickname})
}

// Remove takes a token out of use.
func (c *Client) Remove(ctx context.Context, id string) error {
	return c.change(ctx, "/me/tokens/"+id+"/remove", "remove-form", nil)
}

// change sends the form of a page, which then leads to the list of tokens.
func (c *Client) change(ctx context.Context, path, form string, values map[string]string) error {
	page, err := c.Get(ctx, path)
	if err != nil {
		return err
	}
	f, err := page.form(form, "change a token")
	if err != nil {
		return err
	}
	page, err = c.Submit(ctx, page, f, values)
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK || page.URL.Path != "/me/tokens" {
		return &Unexpected{"send " + form, page}
	}
	return nil
}

// Restore undoes a removal, by the address that the notice of the removal has, which is good for ten minutes.
func (c *Client) Restore(ctx context.Context, id string) error {
	page, err := c.Get(ctx, "/me/tokens")
	if err != nil {
		return err
	}
	page, err = c.Submit(ctx, page, &Form{Action: "/me/tokens/" + id + "/restore"}, map[string]string{"undo": "1"})
	if err != nil {
		return err
	}
	list, err := c.Tokens(ctx)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(list, func(t Token) bool { return t.ID == id }) {
		return &Unexpected{"restore a token", page}
	}
	return nil
}

// Token is an entry of a person's list.
type Token struct{ ID, Nickname string }

// Tokens reads the list of tokens.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	page, err := c.Get(ctx, "/me/tokens")
	if err != nil {
		return nil, err
	}
	if page.Status != http.StatusOK || page.URL.Path != "/me/tokens" {
		return nil, &Unexpected{"list tokens", page}
	}
	var list []Token
	for li := range page.elements("li") {
		id, isToken := strings.CutPrefix(attribute(li, "id"), "token-")
		if !isToken {
			continue
		}
		for n := range li.Descendants() {
			if n.Type == html.ElementNode && n.Data == "h3" {
				list = append(list, Token{id, textOf(n)})
			}
		}
	}
	return list, nil
}

// MakeRecoveryCodes makes a new set of recovery codes, in place of the one before, and returns it.
func (c *Client) MakeRecoveryCodes(ctx context.Context) ([]string, error) {
	page, err := c.Get(ctx, "/me/recovery-codes")
	if err != nil {
		return nil, err
	}
	for range 2 { // a person who has codes is asked once more
		form, err := page.form("codes-form", "make recovery codes")
		if err != nil {
			return nil, err
		}
		if page, err = c.Submit(ctx, page, form, nil); err != nil {
			return nil, err
		}
		var codes []string
		for n := range page.elements("code") {
			if attribute(n, "class") == "code" && n.Parent.Data == "li" {
				codes = append(codes, textOf(n))
			}
		}
		if page.Status == http.StatusOK && len(codes) > 0 {
			return codes, nil
		}
	}
	return nil, &Unexpected{"make recovery codes", page}
}

// Activity reads the sentences of the newest page of a person's activity, newest first.
func (c *Client) Activity(ctx context.Context) ([]string, error) {
	page, err := c.Get(ctx, "/me/activity")
	if err != nil {
		return nil, err
	}
	if page.Status != http.StatusOK || page.URL.Path != "/me/activity" {
		return nil, &Unexpected{"read the activity", page}
	}
	var sentences []string
	for td := range page.elements("td") {
		if attribute(td, "class") == "table-main" {
			sentences = append(sentences, textOf(td))
		}
	}
	return sentences, nil
}
