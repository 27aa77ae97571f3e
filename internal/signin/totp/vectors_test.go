package totp

import (
	"encoding/base64"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The secret of RFC 4226 appendix D and, for SHA-1, of RFC 6238 appendix B.
var vectorSecret = []byte("12345678901234567890")

func TestCodeAt_of_RFC_6238_appendix_B(t *testing.T) {
	t.Parallel()
	for seconds, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		step := seconds / 30
		if got := codeAt(vectorSecret, step, 8); got != want {
			t.Errorf("second %d: code %s of 8 digits, want %s", seconds, got, want)
		}
		// Fewer digits are the last ones of the same number (RFC 4226 §5.3).
		if got, want := codeAt(vectorSecret, step, digits), want[2:]; got != want {
			t.Errorf("second %d: code %s, want %s", seconds, got, want)
		}
	}
}

func TestCodeAt_of_RFC_4226_appendix_D(t *testing.T) {
	t.Parallel()
	for step, want := range []string{"755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"} {
		if got := codeAt(vectorSecret, int64(step), digits); got != want {
			t.Errorf("step %d: code %s, want %s", step, got, want)
		}
	}
}

// program finds a program of others that checks us. Only a check of everything (CI) must have it.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed: %v", name, err)
	}
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

func TestCodes_are_those_of_oathtool(t *testing.T) {
	t.Parallel()
	oathtool := program(t, "oathtool")
	m := New("Staffkey")
	for i := range 20 {
		secret, offered := begin(t, m, nil)
		at := now.Add(time.Duration(i) * 1234567 * time.Second)
		out, err := exec.CommandContext(t.Context(), oathtool, "--totp", "-b", "-N", fmt.Sprintf("@%d", at.Unix()), offered.Key).CombinedOutput()
		if err != nil {
			t.Fatalf("oathtool: %v: %s", err, out)
		}
		code := strings.TrimSpace(string(out))
		if _, err := enrol(t, m, secret, code, at); err != nil {
			t.Errorf("code %s of oathtool at %v: %v", code, at, err)
		}
	}
}

func TestQR_is_read_by_zbarimg(t *testing.T) {
	t.Parallel()
	zbarimg := program(t, "zbarimg")
	for _, name := range []struct{ issuer, username string }{
		{"Staffkey", "amara"},
		{"Ysbyty Gwynedd & Môn", "siân.o'neill+ward@nhs.example"},
		{strings.Repeat("A long name ", 8), strings.Repeat("long", 30)},
		{"Staffkey", strings.Repeat("漢", 255)},
	} {
		m := New(name.issuer)
		_, offered := beginAs(t, m, nil, name.username)
		file := filepath.Join(t.TempDir(), "qr.png")
		if err := writePNG(file, offered.QR); err != nil {
			t.Fatal(err)
		}
		out, err := exec.CommandContext(t.Context(), zbarimg, "--quiet", "--raw", "--nodbus", file).Output()
		if err != nil {
			t.Fatalf("zbarimg: %v", err)
		}
		if got := strings.TrimSuffix(string(out), "\n"); got != offered.URI {
			t.Errorf("zbarimg reads %q, want %q", got, offered.URI)
		}
	}
}

// writePNG draws the modules with the quiet zone of four modules around them that readers need (ISO/IEC 18004 §9.1).
func writePNG(name string, rows []string) error {
	const quiet, scale = 4, 4
	size := (len(rows) + 2*quiet) * scale
	picture := image.NewGray(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			row, column := y/scale-quiet, x/scale-quiet
			dark := row >= 0 && row < len(rows) && column >= 0 && column < len(rows) && rows[row][column] == '1'
			if !dark {
				picture.SetGray(x, y, color.Gray{Y: 0xff})
			}
		}
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := png.Encode(f, picture); err != nil {
		return err
	}
	return f.Close()
}

// One drawing is held here too, for where no reader is installed: its size, and the finder patterns that turn it upright.
func TestQR_is_square_and_upright(t *testing.T) {
	t.Parallel()
	_, offered := begin(t, New("Staffkey"), nil)
	for _, row := range offered.QR {
		if len(row) != len(offered.QR) || strings.Trim(row, "01") != "" {
			t.Fatalf("row %q of %d rows, want as many modules of 0 and 1", row, len(offered.QR))
		}
	}
	n := len(offered.QR)
	const finder, none = "1111111", "0000000"
	if got := offered.QR[0][:7] + offered.QR[0][n-7:] + offered.QR[n-1][:7]; got != finder+finder+finder {
		t.Errorf("corners %s, want finder patterns", got)
	}
	if got := offered.QR[n-1][n-7:]; got == finder || got == none {
		t.Errorf("last corner %s, want no finder pattern", got)
	}
}

func TestBeginEnrolment_makes_a_new_secret_each_time(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for range 20 {
		secret, _ := begin(t, New("Staffkey"), nil)
		text := base64.StdEncoding.EncodeToString(secret)
		if seen[text] || len(secret) != secretBytes {
			t.Fatalf("secret %s, want 160 bits that were not there before", text)
		}
		seen[text] = true
	}
}
