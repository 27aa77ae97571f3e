package staffkey

import (
	"crypto/rand"
	"crypto/sha256"
	"strings"
)

// supportAlphabet is what support codes are made of: digits and capitals without those that are mistaken for another when they are read
// aloud or copied by hand (0 and O, 1, I and L, U and V).
const supportAlphabet = "23456789ABCDEFGHJKMNPQRSTVWXYZ"

// supportLength is how many characters a code has, and supportSplit after how many of them its hyphen stands. 30^6 are 729 million codes.
const (
	supportLength = 6
	supportSplit  = 4
)

// NewSupportCode makes a code that a person can read to a helpdesk ("K7QF-2M"): of what ended without success, and of a check of a device.
func NewSupportCode() string {
	var seed [32]byte
	_, _ = rand.Read(seed[:]) // never fails: crypto/rand.Read ends the program instead
	return codeFrom(seed)
}

// SupportCodeOf is the code of something that has a random id: the same each time.
func SupportCodeOf(id string) string { return codeFrom(sha256.Sum256([]byte("support code of " + id))) }

// codeFrom makes a code of random bytes. Those over the alphabet stand for no character, which would make some likelier than others; should too few
// be left, more are made of them.
func codeFrom(seed [32]byte) string {
	out := make([]byte, 0, supportLength+1)
	for ; ; seed = sha256.Sum256(seed[:]) {
		for _, b := range seed {
			if b &= 31; int(b) < len(supportAlphabet) {
				out = append(out, supportAlphabet[b])
			}
			switch len(out) {
			case supportSplit:
				out = append(out, '-')
			case supportLength + 1:
				return string(out)
			}
		}
	}
}

// asOnPaper reads letters that look like digits as those: of codes of earlier releases, where 0 and 1 occur, and O, I and L do not.
var asOnPaper = strings.NewReplacer("O", "0", "I", "1", "L", "1")

// ParseSupportCode brings a code as it was heard, typed or pasted ([TypedCode]) into its one form, or returns "": no code looks like that.
func ParseSupportCode(typed string) string {
	code := asOnPaper.Replace(TypedCode(typed))
	if len(code) != supportLength || strings.Trim(code, supportAlphabet+"01") != "" {
		return ""
	}
	return code[:supportSplit] + "-" + code[supportSplit:]
}
