package signin

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"staffkey"

	"github.com/BurntSushi/toml"
)

// What is said to people about limits names them in numbers: these are the limits that hold.
func TestNumbers_in_messages_are_the_limits(t *testing.T) {
	t.Parallel()
	days, minutes := fmt.Sprint(int(madeWithin/day)), func(d time.Duration) string { return fmt.Sprint(int(d / time.Minute)) }
	codes := []string{fmt.Sprint(codesAtOnce), minutes(codesWithin)}
	catalogues := map[string]map[string][]string{
		"../notify/locales/%s.toml": {
			"notice.method_guessed.text":   {fmt.Sprint(toldFailures)},
			"notice.password_guessed.text": {fmt.Sprint(toldFailures)},
			"notice.method_shut.text":      {fmt.Sprint(staffkey.StrangersShare)},
			"notice.codes_stopped.text":    codes,
			"admin.key_suspended.text":     {days},
		},
		"../portal/ui/locales/methods.%s.toml": {
			"code.app-late":        {minutes(staffkey.EnrolmentLife)},
			"code.many.other":      codes,
			"lost.made.hint":       {days},
			"stopped.made":         {days},
			"event.codes_stopped":  {minutes(codesWithin)},
			"event.method_guessed": {fmt.Sprint(toldFailures)},
		},
		"../portal/ui/locales/recovery.%s.toml": {
			"notme.next.3":            {days},
			"notme.undo.hint":         {minutes(undoFreezeFor)},
			"link.reset.expired.text": {minutes(ResetLinkLife)},
		},
	}
	number := regexp.MustCompile(`[0-9]+`)
	field := regexp.MustCompile(`{{[^}]*}}`)
	for path, messages := range catalogues {
		for _, language := range []string{"en", "cy"} {
			file := fmt.Sprintf(path, language)
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var texts map[string]any
			if err := toml.Unmarshal(source, &texts); err != nil {
				t.Fatal(err)
			}
			for id, want := range messages {
				text, ok := texts[id].(string)
				if id, found := strings.CutSuffix(id, ".other"); found {
					forms, _ := texts[id].(map[string]any)
					text, ok = forms["other"].(string)
				}
				got := number.FindAllString(field.ReplaceAllString(text, ""), -1)
				if !ok || strings.Join(got, " ") != strings.Join(want, " ") {
					t.Errorf("%s: %s has the numbers %v, want %v: %q", file, id, got, want, text)
				}
			}
		}
	}
}
