package portal

import (
	"strings"

	"staffkey"
	"staffkey/internal/portal/ui"
)

// describeBrowser names browser and system from a User-Agent header ("Chrome on Windows"). It is for people to recognise
// their own sign-ins by, so it stays coarse; the header itself is kept nowhere.
func describeBrowser(agent string) string {
	browser, system := first(agent, browserMarks), first(agent, systemMarks)
	switch {
	case browser != "" && system != "":
		return browser + " on " + system
	case browser != "":
		return browser
	}
	return system
}

// browserNamed is a description of describeBrowser in the language of the page. The log keeps it in English.
func (p *Portal) browserNamed(r *request, description string) string {
	browser, system, both := strings.Cut(description, " on ")
	if !both {
		return description
	}
	return p.UI.Text(r.lang(), ui.Text{ID: "browser.on", Args: map[string]any{"Browser": browser, "System": system}})
}

type mark struct{ sign, name string }

// In order: many browsers also carry the signs of those below them.
var browserMarks = []mark{
	{"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"}, {"Edge/", "old Edge"}, {"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"},
	{"Firefox/", "Firefox"}, {"FxiOS/", "Firefox"}, {"CriOS/", "Chrome"}, {"HeadlessChrome/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"},
	{"Version/", "Safari"}, {"MSIE ", "Internet Explorer"}, {"Trident/", "Internet Explorer"},
}

var systemMarks = []mark{
	{"Windows", "Windows"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Android", "Android"}, {"Linux", "Linux"},
}

func first(agent string, marks []mark) string {
	for _, m := range marks {
		if strings.Contains(agent, m.sign) {
			return m.name
		}
	}
	return ""
}

// asksTwice reports a browser that may ask a second question after the touch, whether the page may know what kind of key it is: Firefox on
// computers, when attestation is asked for (seen in ESR 153.8; without an answer it waits, and "Block" makes a key that proves nothing).
func asksTwice(agent string, rules staffkey.KeyRules) bool {
	return strings.Contains(agent, "Firefox/") && first(agent, browserMarks) == "Firefox" && first(agent, systemMarks) != "Android" &&
		(rules.Conveyance == nil || *rules.Conveyance != staffkey.ConveyNone)
}

// unsupported reports a browser that can never use a security key: Internet Explorer, Edge before it was Chromium, and
// browsers inside other apps, which hand no keys through. ie tells the first, whose page offers to open Edge.
func unsupported(agent string) (yes, ie bool) {
	if strings.Contains(agent, "MSIE ") || strings.Contains(agent, "Trident/") {
		return true, true
	}
	for _, sign := range []string{"Edge/", "; wv)", "FBAN/", "FBAV/", "Instagram ", "Line/", "MicroMessenger/"} {
		if strings.Contains(agent, sign) {
			return true, false
		}
	}
	// On iPhone and iPad, a view inside an app leaves out the sign that every browser there carries.
	inApp := (strings.Contains(agent, "iPhone") || strings.Contains(agent, "iPad")) && strings.Contains(agent, "AppleWebKit") && !strings.Contains(agent, "Safari/")
	return inApp, false
}
