package telephone

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/notify"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	nameNotify = "notify"
	uuidLength = 36
)

// NotifyConfig is a service at GOV.UK Notify, or at one that speaks as it does.
type NotifyConfig struct {
	URL string // such as https://api.notifications.service.gov.uk
	// Key is the API key as Notify shows it: a name, the service's id and the secret, with hyphens between them.
	Key string
	// Template is the id of a text message template that says ((body)), or one that says ((code)) when nothing but codes is sent.
	Template string
	// Now is the clock; time.Now when nil. Notify refuses a token that is more than 30 seconds from its own time.
	Now func() time.Time
}

type govukNotify struct {
	config          NotifyConfig
	service, secret string
	client          *http.Client
}

// NewNotify returns the provider of texts at GOV.UK Notify. Notify makes no calls. It is told the message's id as its reference.
func NewNotify(c NotifyConfig) (notify.Channel, error) {
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	// Counted from the end: the name may have hyphens, too.
	at := len(c.Key) - 2*uuidLength - 1
	if at < 0 || c.Key[at+uuidLength] != '-' {
		return nil, errors.New("the API key does not end in the service's id and the secret, 36 characters each")
	}
	if c.Template == "" {
		return nil, errors.New("the id of the template is missing")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	c.URL = strings.TrimSuffix(c.URL, "/")
	return &govukNotify{c, c.Key[at : at+uuidLength], c.Key[at+uuidLength+1:], newClient()}, nil
}

// Kind implements notify.Channel.
func (n *govukNotify) Kind() staffkey.ChannelKind { return staffkey.ChannelText }

// Name implements notify.Channel.
func (n *govukNotify) Name() string { return nameNotify }

type notifyMessage struct {
	PhoneNumber     string              `json:"phone_number"`
	Template        string              `json:"template_id"`
	Personalisation map[string]string   `json:"personalisation"`
	Reference       staffkey.OutgoingID `json:"reference"`
}

// Send implements notify.Channel.
func (n *govukNotify) Send(ctx context.Context, m notify.Message) (string, error) {
	token, err := n.token()
	if err != nil {
		return "", err
	}
	personalisation := map[string]string{"body": m.Text} // Notify overlooks what the template does not say
	if code := m.Args["Code"]; code != "" {
		personalisation["code"] = code
	}
	body, err := json.Marshal(notifyMessage{m.To, n.config.Template, personalisation, m.ID})
	if err != nil {
		return "", err
	}
	a, err := post(ctx, n.client, n.config.URL+"/v2/notifications/sms", "application/json", string(body), func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+token)
	})
	if err != nil {
		return "", err
	}
	if a.taken() {
		var taken struct{ ID string }
		a.decode(&taken)
		return reference(taken.ID), nil
	}
	var refused struct {
		Errors []struct{ Error, Message string }
	}
	a.decode(&refused)
	err = fmt.Errorf("the service answered %d", a.status)
	// A ValidationError names the field that it is about, first; a BadRequestError blames the template, the key, or the countries that the
	// service is for.
	if a.status == http.StatusBadRequest && len(refused.Errors) == 1 && refused.Errors[0].Error == "ValidationError" && strings.HasPrefix(refused.Errors[0].Message, "phone_number ") {
		return "", notify.Permanent(err)
	}
	return "", a.failed(err)
}

// token makes the JSON Web Token (RFC 7519) of one request.
func (n *govukNotify) token() (string, error) {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.HS256, Key: []byte(n.secret)}, (&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", errors.New("the secret of the API key cannot sign")
	}
	token, err := jwt.Signed(signer).Claims(jwt.Claims{Issuer: n.service, IssuedAt: jwt.NewNumericDate(n.config.Now())}).Serialize()
	if err != nil {
		return "", errors.New("the secret of the API key cannot sign")
	}
	return token, nil
}
