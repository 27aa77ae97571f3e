package staffkey

import "time"

// ChannelKind is a way to reach people outside of the browser.
type ChannelKind string

// The channels.
const (
	ChannelEmail ChannelKind = "email"
	ChannelText  ChannelKind = "text"  // text message
	ChannelVoice ChannelKind = "voice" // phone call that speaks
)

// OutgoingID identifies a message on its way to somebody.
type OutgoingID string

// Outgoing is a message to be sent: which text, to whom, with what values. It is put into the outbox by the change that it tells of,
// so that both happen or none, and it is written out only when it is sent.
type Outgoing struct {
	ID      OutgoingID
	Channel ChannelKind
	// To is an e-mail address, or a telephone number as E.164 writes it ("+447700900123").
	To string
	// Template is the message id family in the texts of notify: <Template>.subject and <Template>.text for e-mail, <Template>.text for
	// a text message, <Template>.asked and .spoken for a call.
	Template string
	// Language is "en", "cy", or empty for the installation's own.
	Language string
	// Args fill the text. They may hold secrets (codes, links), so they are sealed, and erased when the message has gone.
	Args map[string]string
	// Person and Organisation are whom it is about.
	Person       PersonID
	Organisation OrganisationID
	// ExpiresAt is when sending it would be of no use any more.
	ExpiresAt time.Time
	CreatedAt time.Time
	// Attempts is how often sending was tried, this time included.
	Attempts int
	// Unsure is how often it may have gone out, without anybody saying so.
	Unsure int
}

// DeliveryState is how far a message has come.
type DeliveryState string

// The states of a delivery.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliverySent      DeliveryState = "sent"      // the provider has taken it
	DeliveryDelivered DeliveryState = "delivered" // the provider says that it arrived
	DeliveryFailed    DeliveryState = "failed"
	// DeliveryUnsure is the end of a message that providers had and gave no answer about: it may have arrived, perhaps more than once.
	DeliveryUnsure DeliveryState = "unsure"
)
