package password

import (
	"errors"
	"strings"
	"testing"

	"staffkey"
)

// A password that is all there is must not be a phrase that somebody would try (A15). Four words that have nothing to do with each other, in
// any script and written in any way, are enough, and so is what is random.
func TestCheck_alone(t *testing.T) {
	t.Parallel()
	n := namesOf(amara, nil)
	for password, message := range map[string]string{
		"purple tram lantern seven": "", "orbit velvet canyon moss": "", "kettle giraffe lemon roof": "", "OrbitVelvetCanyonMoss": "",
		"orbit-velvet-canyon-moss": "", "blue tram nine lamp": "", "Llanfairpwll 7 defaid": "", "mae'r gath ar y to": "", "dŵr oer o'r ffynnon": "",
		"قطتي تحب السمك كثيرا": "", "私の猫は魚が大好きですよ本当に": "", "k7#Qx2!v9@Lm4$Tz": "", "7k2xp-9wqmd-r4tzb": "", "pqmzrtwxkvbdfgh": "", "839204756183927": "",

		"password password password": "password.phrase", "Password-Password-Password!": "password.phrase", "this is my password": "password.phrase",
		"one two three four five": "password.phrase", "OneTwoThreeFourFive": "password.phrase", "five four three two one": "password.phrase",
		"January2026 January2026": "password.phrase", "January2026January2027": "password.phrase", "correct horse battery staple": "password.phrase",
		"Correct-Horse-Battery-Staple1": "password.phrase", "c0rrect h0rse battery stap1e": "password.phrase", "Monday Tuesday Wednesday": "password.phrase",
		"spring summer autumn winter": "password.phrase", "i love my little dog": "password.phrase", "to be or not to be": "password.phrase",
		"red red red blue blue": "password.phrase", "welcome to the hospital": "password.phrase", "my dog is called rex": "password.phrase",
		"aaaa bbbb cccc dddd": "password.phrase", "qwerty asdfgh zxcvbn": "password.phrase", "un dau tri pedwar pump": "password.phrase",
		"passwordpasswordpassword": "password.common", "password123 password123": "password.easy", "purple tram": "password.short",
	} {
		_, err := check(password, n, MinAlone)
		var invalid *staffkey.InvalidError
		got := ""
		if errors.As(err, &invalid) {
			got = invalid.Message.ID
		}
		if got != message {
			t.Errorf("%q: %q, want %q; as a phrase it is %q, of %.1f bits", password, got, message, phrase(fold(parted(password))), phraseBits(password, ordinary))
		}
		if message == "password.phrase" {
			if _, err := check(password, n, MinLength); err != nil && bits(password, ordinary) >= leastBits {
				t.Errorf("%q beside a second factor: %v", password, err)
			}
		}
	}
}

// The table of series and that of favourites are folded as what they are compared with.
func TestPhrases_are_folded(t *testing.T) {
	t.Parallel()
	for _, list := range append(series, favourites) {
		for _, word := range list {
			if strings.Join(split(fold(word)), "") != word {
				t.Errorf("%q is compared with %q, and never met", word, strings.Join(split(fold(word)), ""))
			}
		}
	}
}
