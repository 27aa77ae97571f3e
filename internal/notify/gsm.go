package notify

import (
	"strings"
	"unicode/utf16"

	"staffkey"
)

const (
	// gsmAlphabet are the characters of the GSM 7-bit default alphabet, and gsmExtension those that take two places in it (3GPP TS 23.038 §6.2.1).
	gsmAlphabet = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtension = "\f^{}\\[~]|€"

	// The places of a message of one part and of each part of a longer one, in that alphabet and in UCS-2 (3GPP TS 23.040 §9.2.3.24.1).
	gsmAlone, gsmPart   = 160, 153
	ucs2Alone, ucs2Part = 70, 67
)

// TextParts reports in how many parts a text message travels, each of which is paid for, and the characters beyond the GSM alphabet, of which
// one is enough to leave less than half the places.
func TextParts(text string) (parts int, beyond string) {
	places := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmAlphabet, r):
			places++
		case strings.ContainsRune(gsmExtension, r):
			places += 2
		case !strings.ContainsRune(beyond, r):
			beyond += string(r)
		}
	}
	alone, part := gsmAlone, gsmPart
	if beyond != "" {
		places, alone, part = len(utf16.Encode([]rune(text))), ucs2Alone, ucs2Part
	}
	if places <= alone {
		return 1, beyond
	}
	return (places + part - 1) / part, beyond
}

// CodeParts reports in how many parts the text message with a code travels from here, in the language that takes most, and which characters of
// the name of the service are beyond the GSM alphabet.
func (s *Service) CodeParts() (parts int, beyond string, err error) {
	_, beyond = TextParts(s.ServiceName)
	for _, language := range s.texts.Languages() {
		m, err := s.write(staffkey.Outgoing{Channel: staffkey.ChannelText, Template: "code.text", Language: language, Args: map[string]string{"Code": "000000"}})
		if err != nil {
			return 0, "", err
		}
		n, _ := TextParts(m.Text)
		parts = max(parts, n)
	}
	return parts, beyond, nil
}
