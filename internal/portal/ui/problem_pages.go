package ui

import "strconv"

// ErrorPage says that a request cannot be answered.
type ErrorPage struct {
	// Message has the id of a pair of texts: "http.400", "http.403",
	// "http.404", "http.405", "http.413", "http.415", "http.421", "rate" (with
	// Count minutes), "srv.500", "srv.503", "srv.store", "srv.unknown" or "ses.lost".
	Message Text
	// SupportCode is read to the helpdesk, or "".
	SupportCode string
	// Action is the one thing to do next, or nil.
	Action *Action
}

// HostPage says that a request came by another name than the service has, and what to set where that does not end.
type HostPage struct {
	// Came is the name that came, or ""; Own is the one of Address.
	Came, Own, Address string
}

func (HostPage) layout() (string, bool) { return "problem/host", false }

func (ErrorPage) layout() (string, bool) { return "problem/error", false }

// InLogOnly reports a fault of the database, of which nothing can be kept there: its code opens nothing for who helps, and only the log has it.
func (p ErrorPage) InLogOnly() bool {
	return p.Message.ID == "srv.store" || p.Message.ID == "srv.unknown"
}

// Action is a link that looks like a button.
type Action struct {
	Href  string
	Label Text
}

// StatusMessage is the message for an HTTP status: the texts of [ErrorPage].
func StatusMessage(status int) Text {
	switch status {
	case 400, 403, 404, 405, 413, 415, 421:
		return Text{ID: "http." + strconv.Itoa(status)}
	case 429:
		return Text{ID: "rate", Count: new(1)}
	case 503:
		return Text{ID: "srv.503"}
	default:
		return Text{ID: "srv.500"}
	}
}
