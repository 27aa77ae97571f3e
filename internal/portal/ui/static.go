package ui

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed static
var staticSources embed.FS

// bundles lists what is served and what each file is made of. The scripts of every
// page travel as one, so that a page is three requests: itself, style, script.
var bundles = []struct {
	name, contentType string
	parts             []string
}{
	{"app.css", "text/css; charset=utf-8", []string{"app.css"}},
	{"app.js", "text/javascript; charset=utf-8", []string{"forms.js", "session.js", "ceremony.js"}},
	// Only the page Check this device has this one.
	{"device.js", "text/javascript; charset=utf-8", []string{"device.js"}},
	{"icon.svg", "image/svg+xml", []string{"icon.svg"}},
}

// staticFiles serves files whose names carry a hash of their content.
type staticFiles struct {
	// paths maps a plain name to the path it is served under.
	paths map[string]string
	files map[string]staticFile
}

type staticFile struct {
	contentType  string
	body, zipped []byte
}

func loadStatic() (*staticFiles, error) {
	s := &staticFiles{paths: make(map[string]string), files: make(map[string]staticFile)}
	for _, b := range bundles {
		var body []byte
		for _, part := range b.parts {
			text, err := staticSources.ReadFile(path.Join("static", part))
			if err != nil {
				return nil, err
			}
			body = append(body, text...)
		}
		zipped, err := compress(body)
		if err != nil {
			return nil, fmt.Errorf("compress %s: %w", b.name, err)
		}
		sum := sha256.Sum256(body)
		stem, ext, _ := strings.Cut(b.name, ".")
		served := "/static/" + stem + "." + hex.EncodeToString(sum[:8]) + "." + ext
		s.paths[b.name] = served
		s.files[served] = staticFile{contentType: b.contentType, body: body, zipped: zipped}
	}
	return s, nil
}

func compress(body []byte) ([]byte, error) {
	var buf bytes.Buffer
	w, err := gzip.NewWriterLevel(&buf, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

// ServeHTTP answers GET and HEAD for the known names and 404 for all others.
func (s *staticFiles) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := s.files[r.URL.Path]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("Vary", "Accept-Encoding")
	h.Set("X-Content-Type-Options", "nosniff")
	body := file.body
	if acceptsGzip(r.Header.Get("Accept-Encoding")) {
		h.Set("Content-Encoding", "gzip")
		body = file.zipped
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		// The status is sent: an error here means that the browser has gone.
		_, _ = w.Write(body)
	}
}

// acceptsGzip reads an Accept-Encoding header (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		if !strings.EqualFold(strings.TrimSpace(name), "gzip") {
			continue
		}
		q, found := strings.CutPrefix(strings.ToLower(strings.TrimSpace(params)), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		return !found || err != nil || weight > 0
	}
	return false
}
