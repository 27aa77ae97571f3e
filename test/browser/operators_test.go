package browser

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/dom"
)

// An operator sees which models people have, asks what a rule would do, decides, recalls the model, and takes it back.
func TestOperators(t *testing.T) {
	t.Parallel()
	chromium(t)
	p := demoOn(t, "sqlite")
	b := open(t, p.url)
	b.newcomer = newcomer{demo: p, key: b.plugIn(), account: b.welcome(p)}
	b.register("Lanyard")
	b.goTo("/ops")
	b.has("h1", "You do not look after this")
	p.run(t, "role", "grant", b.account.Username, "operator", "--organisation", "NMF")
	b.signOut()
	b.byKey("Lanyard")
	b.follow("a", "Operator")
	b.at("/ops", "Operator")
	b.has("main", "Import FIDO metadata")
	b.inspect()

	b.follow(".tabs a", "Models")
	b.at("/ops/models", "Models of security keys")
	b.inspect()
	b.fill("#q", "no such model")
	b.follow("#search-form button")
	b.has("main", "No model matches")
	b.goTo("/ops/models")
	b.follow(".table a")
	b.inspect()
	model := strings.TrimPrefix(eval[string](b, "location.pathname"), "/ops/models/")
	b.click("#rule-deny")
	b.follow("#model-form button")
	b.has("h1", "Check before you save")
	b.has("main", "1 person would have a key refused. 1 of them would have no key left")
	b.has("main", "Your own key is one of them (Lanyard), and you would have no other key that is taken.")
	b.has("main", "No operator would have a key that is taken")
	if eval[int](b, "document.querySelectorAll('#save-form [name=save]').length") != 0 {
		t.Error("there is a button that locks everyone out")
	}
	b.inspect()
	b.follow("#who-form button[value=refused]")
	b.has("h1", "People with a key refused")
	b.has(".table", "Lanyard")
	b.inspect()
	b.follow("a", "Back")
	b.goTo("/ops/models/" + model)
	b.click("#rule-deny")
	b.follow("#model-form button")
	b.follow("#save-form a", "Cancel")
	b.at("/ops/models/"+model, b.text("h1"))
	b.click("#rule-review")
	b.follow("#model-form button")
	b.has("main", "0 people would have a key refused.")
	b.away(func() { b.doubleClick("#save-form button") })
	b.is("#flash", "Saved. It holds from now on.")
	b.focused("#flash")

	b.follow("a", "Back")
	b.follow(".tabs a", "Rules for keys")
	b.at("/ops/rules", "Rules for security keys")
	b.has(".table", "Needs a review")
	b.fill("#min_pin", "many")
	b.follow("#rules-form button")
	b.focused("#error-summary")
	b.has("#error-summary", "Enter a number from 0 to 63")
	b.inspect()

	b.goTo("/ops/metadata")
	b.at("/ops/metadata", "FIDO metadata")
	b.inspect()
	b.upload("#file", "<html>not signed</html>")
	b.follow("#metadata-form button")
	b.focused("#error-summary")
	b.has("#error-summary", "This is no signed metadata")

	b.goTo("/ops/recalls")
	b.follow("main a", "Recall a model")
	b.follow("#recall-form button")
	b.focused("#error-summary")
	b.inspect()
	eval[any](b, "document.querySelector('#aaguid').value = "+quote(model))
	b.fill("#reason", "Advisory <26-3>")
	eval[any](b, "document.querySelector('#until').value = "+quote(time.Now().AddDate(0, 0, 14).Format(time.DateOnly)))
	b.follow("#recall-form button")
	b.has("h1", "Check before you recall")
	b.has("main", "1 person has such a key.")
	b.inspect()
	b.away(func() { b.doubleClick("#start-form button[name=start]") })
	b.at("/ops/recalls/*", b.text("h1"))
	b.has("main", "0% replaced. 1 person of 1 still has such a key.")
	b.inspect()
	b.goTo("/ops")
	b.follow(".tasks a", "1 person still has a recalled key")
	b.follow("main a", "Take the recall back")
	b.inspect()
	b.follow("#undo-form button")
	b.has("main", "Taken back")

	// A new key of the model waits for a review, which nobody does for themselves.
	b.goTo("/me/tokens/register?again=1")
	b.follow("button", "Start")
	b.fill("#nickname", "Second")
	b.follow("#name-form button[name=save]")
	b.at("/me/tokens", "Manage FIDO2 Tokens")
	b.has("#flash", "on hold")
	b.goTo("/ops/reviews")
	b.has("main", "Second")
	b.inspect()
	b.follow("main form button")
	b.has("h1", "Someone with a higher role has to do this")
}

// upload chooses a file with that content in a field.
func (b *tab) upload(selector, content string) {
	b.t.Helper()
	file := filepath.Join(b.t.TempDir(), "file")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		b.t.Fatal(err)
	}
	document := call(b, dom.GetDocument, dom.GetDocumentParams{})
	node := call(b, dom.QuerySelector, dom.QuerySelectorParams{NodeID: document.Root.NodeID, Selector: selector})
	call(b, dom.SetFileInputFiles, dom.SetFileInputFilesParams{Files: []string{file}, NodeID: node.NodeID})
}
