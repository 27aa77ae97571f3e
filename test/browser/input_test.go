package browser

import (
	"github.com/chromedp/cdproto/input"
)

// doubleClick presses twice on an element, as hurried people do: both presses arrive before any page can change.
func (b *tab) doubleClick(selector string, text ...string) {
	b.t.Helper()
	b.presses++
	at := b.place(selector, text...)
	for count := range int64(2) {
		for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
			call(b, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: kind, X: at.X, Y: at.Y, Button: input.MouseButtonLeft, ClickCount: count + 1})
		}
	}
}

// keyCodes are the keys that the tests press, with the codes that Chromium wants beside the name, and the text that they
// type.
var keyCodes = map[string]struct {
	code int64
	text string
}{
	"Tab": {9, ""}, "Enter": {13, "\r"}, "Escape": {27, ""}, " ": {32, " "},
}

// press presses a key of the keyboard.
func (b *tab) press(name string) { b.pressWith(name, 0) }

// shift is the bit of the Shift key in the protocol's modifiers.
const shift = 8

func (b *tab) pressWith(name string, modifiers int64) {
	b.t.Helper()
	if name != "Tab" {
		b.presses++
	}
	k := keyCodes[name]
	code := name
	if name == " " {
		code = "Space"
	}
	down := input.DispatchKeyEventTypeRawKeyDown
	if k.text != "" {
		down = input.DispatchKeyEventTypeKeyDown
	}
	for _, kind := range []input.DispatchKeyEventType{down, input.DispatchKeyEventTypeKeyUp} {
		params := input.DispatchKeyEventParams{Type: kind, Modifiers: modifiers, Key: name, Code: code, WindowsVirtualKeyCode: k.code, NativeVirtualKeyCode: k.code}
		if kind == input.DispatchKeyEventTypeKeyDown {
			params.Text, params.UnmodifiedText = k.text, k.text
		}
		call(b, input.DispatchKeyEvent, params)
	}
}

// keyboard types text as it comes from a keyboard, into whatever has the focus.
func (b *tab) keyboard(text string) {
	b.t.Helper()
	for _, r := range text {
		call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyDown, Text: string(r), UnmodifiedText: string(r), Key: string(r)})
		call(b, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: input.DispatchKeyEventTypeKeyUp, Key: string(r)})
	}
}

// tabTo presses Tab until the element of a selector has the focus, and fails when it never gets it.
func (b *tab) tabTo(selector string) {
	b.t.Helper()
	for range 60 {
		b.press("Tab")
		if eval[bool](b, "document.activeElement.matches("+quote(selector)+")") {
			return
		}
	}
	b.t.Fatalf("Tab never reached %s at %s", selector, b.where())
}
