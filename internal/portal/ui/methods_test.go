package ui_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"staffkey/internal/portal/ui"
	"staffkey/internal/portal/ui/gallery"
)

// show renders a page for somebody who is signed in and returns its elements.
func show(t *testing.T, frame ui.Frame, page ui.Page) []*html.Node {
	t.Helper()
	frame.SignedIn, frame.Now = true, gallery.Now
	return elements(t, render(t, newUI(t), gallery.State{Name: "page", Frame: frame, Page: page}))
}

// links returns where the links of a page lead that begin with prefix.
func links(all []*html.Node, prefix string) []string {
	var hrefs []string
	for _, n := range all {
		if href := attr(n, "href"); n.Data == "a" && strings.HasPrefix(href, prefix) {
			hrefs = append(hrefs, href)
		}
	}
	return hrefs
}

func TestTokenCard_offers_what_fits_its_state(t *testing.T) {
	t.Parallel()
	const card = "/me/tokens/t1/"
	tests := []struct {
		name  string
		token ui.TokenCard
		want  []string
		told  string
	}{
		{"in use", ui.TokenCard{}, []string{"edit", "pin", "lost", "remove"}, ""},
		{"lost", ui.TokenCard{Suspended: true, StopReason: "lost", StoppedAt: gallery.Now, Findable: true}, []string{"edit", "pin", "found", "remove"}, "Stopped today 07:45 because it is lost."},
		{"misused", ui.TokenCard{Suspended: true, StopReason: "misused", StoppedAt: gallery.Now, Findable: true}, []string{"edit", "pin", "found", "remove"}, "Stopped today 07:45 because someone may have used it."},
		{"frozen", ui.TokenCard{Suspended: true, StopReason: "frozen", StoppedAt: gallery.Now}, []string{"edit", "pin", "remove"}, "On hold since your account was frozen, today 07:45. Ask a Local Administrator."},
		{"reset", ui.TokenCard{Suspended: true, StopReason: "reset", StoppedAt: gallery.Now}, []string{"edit", "pin", "replace", "remove"}, "The key was reset today 07:45: this entry cannot sign you in any more."},
		{"of a model that is refused", ui.TokenCard{Refused: true}, []string{"edit", "pin", "lost", "remove"}, "It does not sign you in: keys of this kind are not allowed here. Ask a Local Administrator"},
		{"on hold by an administrator", ui.TokenCard{Suspended: true}, []string{"edit", "pin", "remove"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.token.ID, tt.token.Nickname, tt.token.Registered = "t1", "Lanyard", gallery.Now.Add(-time.Hour)
			all := show(t, ui.Frame{}, ui.HomePage{Tokens: []ui.TokenCard{tt.token}, Limit: 5})
			var got []string
			for _, href := range links(all, card) {
				got = append(got, strings.TrimPrefix(href, card))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("links (-want +got):\n%s", diff)
			}
			told := ""
			for _, n := range all {
				if attr(n, "class") == "card-note" {
					told = text(n)
				}
			}
			if told != tt.told {
				t.Errorf("the card says %q, want %q", told, tt.told)
			}
		})
	}
}

func TestSelfService_asks_about_the_device_only_where_it_can_be_somebodys_own(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		page ui.SelfServicePage
		want []string
	}{
		{"not marked", ui.SelfServicePage{}, []string{"yes"}},
		{"marked", ui.SelfServicePage{PersonalDevice: true}, []string{"no"}},
		{"shared station", ui.SelfServicePage{Station: true}, nil},
	} {
		var got []string
		for _, n := range show(t, ui.Frame{}, tt.page) {
			if n.Data == "button" && attr(n, "name") == "own" {
				got = append(got, attr(n, "value"))
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: buttons (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestAppPage_opens_apps_only(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string][]string{
		"otpauth://totp/Northmoor:amara?secret=JBSWY3DP&issuer=Northmoor": {"otpauth://totp/Northmoor:amara?secret=JBSWY3DP&issuer=Northmoor"},
		"javascript:alert(1)": nil,
	} {
		all := show(t, ui.Frame{}, ui.AppPage{QR: []string{"10", "01"}, Key: "JBSW Y3DP", URI: uri})
		var got []string
		for _, n := range all {
			if href := attr(n, "href"); n.Data == "a" && strings.Contains(text(n), "app on this device") {
				got = append(got, href)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", uri, diff)
		}
		picture := slices.IndexFunc(all, func(n *html.Node) bool { return attr(n, "role") == "img" })
		if picture < 0 || attr(all[picture], "aria-label") == "" {
			t.Errorf("%s: the QR code has no text alternative", uri)
		}
	}
}

func TestPINPage_offers_the_reset_only_with_another_way_in(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		page ui.PINPage
		want []string
	}{
		{"another way in", ui.PINPage{ID: "t1", Base: "/me/tokens/t1/pin", Question: "blocked", CanReplace: true}, []string{"/me/tokens/t1/replace"}},
		{"no other way", ui.PINPage{ID: "t1", Base: "/me/tokens/t1/pin", Nickname: "Blue & tap", Question: "forgotten"}, []string{"/me/request?reason=blocked&token=t1"}},
		{"any token", ui.PINPage{Base: "/pin", Question: "blocked", CanReplace: true}, []string{"/pin?about=forgotten"}},
		{"no token named", ui.PINPage{Base: "/pin", Question: "forgotten"}, []string{"/me/request?reason=blocked"}},
	} {
		all := show(t, ui.Frame{SignedIn: true}, tt.page)
		got := slices.Concat(links(all, "/me/tokens/t1/replace"), links(all, "/pin?about=forgotten"), links(all, "/me/request"))
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s: links (-want +got):\n%s", tt.name, diff)
		}
	}
}

func TestRecoveryCodes_on_paper_tell_whose_they_are_and_since_when(t *testing.T) {
	t.Parallel()
	codes := []string{"4TJ9-QX2M-8VKD", "7RWC-H3NP-5YGA"}
	var paper []string
	boxes := 0
	for _, n := range show(t, ui.Frame{PersonName: "Amara Okafor"}, ui.RecoveryCodesPage{Left: 2, Total: 2, Codes: codes}) {
		class := strings.Fields(attr(n, "class"))
		switch {
		case slices.Contains(class, "tick"):
			boxes++
		case slices.Contains(class, "print-only"):
			paper = append(paper, text(n))
		}
	}
	if boxes != len(codes) {
		t.Errorf("there are %d boxes to tick, want %d", boxes, len(codes))
	}
	all := strings.Join(paper, " ")
	for _, want := range []string{"Amara Okafor", "23 November 2026", "not with your key"} {
		if !strings.Contains(all, want) {
			t.Errorf("the paper says %q, want %q in it", all, want)
		}
	}
}
