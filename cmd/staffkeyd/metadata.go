package main

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"staffkey"
	"staffkey/internal/directory"
	"staffkey/internal/policy"
	"staffkey/internal/signin/securitykey"
	"staffkey/internal/signin/securitykey/mds"

	"github.com/prometheus/client_golang/prometheus"
)

// metadataConfig says where the FIDO metadata about models of keys comes from, and whom it must be signed by.
type metadataConfig struct {
	MetadataURL      string        `help:"Address to fetch FIDO metadata from, such as https://mds3.fidoalliance.org/. Off when empty: import a file by staffkeyd metadata import." placeholder:"URL"`
	MetadataInterval time.Duration `help:"How often to look there, a fifth more or less." default:"24h" placeholder:"TIME"`
	MetadataRoots    string        `help:"Root certificates (PEM) that the metadata's signature must lead to, in place of those of the FIDO Alliance." type:"path" placeholder:"FILE"`
	MetadataRevoked  []string      `help:"File with a list of revoked certificates (CRL, PEM or DER) that the metadata's signature must not be made with. May be given more than once." type:"path" placeholder:"FILE"`
	MetadataHold     holdLimits    `help:"When what newly imported metadata says against keys waits for an operator: more people than the first number would have a key refused, or more than one and more than the second number in a hundred of all who have a key." default:"25,10%" placeholder:"PEOPLE,SHARE"`
	MetadataName     string        `help:"Host name in the certificate of the metadata's signature, in place of mds.fidoalliance.org." placeholder:"NAME"`
}

// leastMetadataInterval keeps a mistyped interval from asking somebody else's server all the time.
const leastMetadataInterval = time.Hour

// trust returns whom metadata must be signed by.
func (c *metadataConfig) trust() (mds.Trust, error) {
	t := mds.Trust{Name: c.MetadataName}
	for _, name := range c.MetadataRevoked {
		raw, err := os.ReadFile(name)
		if err != nil {
			return t, &problem{cause: "a list of revoked certificates cannot be read: " + reason(err), fix: "Check --metadata-revoked and who may read it.", err: err}
		}
		if block, _ := pem.Decode(raw); block != nil {
			raw = block.Bytes
		}
		list, err := x509.ParseRevocationList(raw)
		if err != nil {
			return t, &problem{cause: name + " is no list of revoked certificates", fix: "Give CRLs in PEM or DER by --metadata-revoked.", err: err}
		}
		t.Revoked = append(t.Revoked, list)
	}
	if c.MetadataRoots == "" {
		return t, nil
	}
	roots, err := os.ReadFile(c.MetadataRoots)
	if err != nil {
		return t, &problem{cause: "the root certificates of the metadata cannot be read: " + reason(err), fix: "Check --metadata-roots and who may read it.", err: err}
	}
	t.Roots = x509.NewCertPool()
	if !t.Roots.AppendCertsFromPEM(roots) {
		return t, &problem{cause: c.MetadataRoots + " holds no certificate", fix: "Give certificates in PEM by --metadata-roots."}
	}
	return t, nil
}

// newCatalogue returns the catalogue of models, without metadata until it is loaded.
func (c *metadataConfig) newCatalogue(now func() time.Time) (*securitykey.Catalogue, error) {
	trust, err := c.trust()
	return securitykey.NewCatalogue(trust, now), err
}

// metadataWait is how long fetching may take.
const metadataWait = 2 * time.Minute

// fetchMetadata fetches a BLOB. It follows no way to plain http: the signature would still tell, but not whom we asked for.
func fetchMetadata(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, metadataWait)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	secure := request.URL.Scheme == "https"
	client := &http.Client{CheckRedirect: func(next *http.Request, via []*http.Request) error {
		if secure && next.URL.Scheme != "https" || len(via) > 5 {
			return fmt.Errorf("refused to follow to %s", next.URL.Redacted())
		}
		return nil
	}}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = answer.Body.Close() }() // only read
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s answered %s", request.URL.Redacted(), answer.Status)
	}
	return readMetadata(answer.Body)
}

// readMetadata reads a BLOB up to the longest that there may be.
func readMetadata(r io.Reader) ([]byte, error) {
	blob, err := io.ReadAll(io.LimitReader(r, mds.MaxSize+1))
	if err == nil && len(blob) > mds.MaxSize {
		err = fmt.Errorf("it has more than %d MB", mds.MaxSize>>20)
	}
	return blob, err
}

// observeMetadata lets an operator's alarm know when metadata is overdue, and which one is in use.
func observeMetadata(registry *prometheus.Registry, loaded func() staffkey.Metadata, held func() int) {
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "staffkey_metadata_held", Help: "What the FIDO metadata says against models in use and would refuse many, and waits for an operator to decide.",
		}, func() float64 { return float64(held()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "staffkey_metadata_number", Help: "Number of the FIDO metadata in use, 0 without any.",
		}, func() float64 { return float64(loaded().Number) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "staffkey_metadata_next_update_timestamp_seconds", Help: "When the next issue of the FIDO metadata is due, 0 without any.",
		}, func() float64 {
			if m := loaded(); m.Number > 0 {
				return float64(m.NextUpdate.Unix())
			}
			return 0
		}),
	)
}

// jittered is an interval or a fifth more or less, so that installations do not all ask at once.
func jittered(interval time.Duration) time.Duration {
	var b [1]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand.Read ends the program instead
	return interval - interval/5 + interval*2/5*time.Duration(b[0])/255
}

// metadataCommands are about what the FIDO Alliance publishes of models of keys.
type metadataCommands struct {
	Import metadataImport `cmd:"" help:"Import FIDO metadata (a BLOB of the Metadata Service, version 3) from a file."`
	Show   metadataShow   `cmd:"" help:"Show which metadata is there, and when the next is due."`

	Anchors anchorCommands `cmd:"" help:"Trust anchors of your own, for models whose makers are not in the metadata: add, list, remove."`
}

type metadataImport struct {
	File      string `arg:"" help:"The file, or - for the standard input."`
	RefuseNow bool   `help:"Let all that the file says count at once, however many people it concerns. Otherwise what concerns many waits until an operator decides." env:"-"`
	Preview   bool   `help:"Say whom it would concern, and change nothing." env:"-"`
	Yes       bool   `help:"Do not ask when people would have a key refused at once." env:"-"`
	Anyway    bool   `name:"even-if-nobody-can-sign-in" help:"Also when no operator could act any more. The audit log tells that it was known." env:"-"`

	metadataConfig `embed:""`
}

// Run says whom the file concerns, and imports it.
func (c *metadataImport) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	blob, err := c.read(env.stdin)
	if err != nil {
		return &problem{cause: "the metadata cannot be read: " + reason(err), fix: "Check the file and who may read it.", err: err}
	}
	p, err := env.directory.PreviewMetadata(env.ctx, staffkey.ConsoleActor(), blob)
	if err != nil {
		return aboutMetadata(c.File, err)
	}
	if err := printCauses(env.stdout, p, c.RefuseNow); err != nil {
		return err
	}
	if c.Preview {
		return nil
	}
	effect := p.Held
	if c.RefuseNow {
		effect = p.Now
	}
	if effect.Total.Takes() && !c.Yes {
		if err := env.confirm("metadata import"); err != nil {
			return err
		}
	}
	choice := directory.ImportChoice{RefuseNow: c.RefuseNow, Consent: directory.Consent{NoOperator: c.Anyway}}
	m, err := env.directory.ImportMetadata(env.ctx, staffkey.ConsoleActor(), blob, c.File, choice)
	if err != nil {
		return aboutMetadata(c.File, err)
	}
	_, err = fmt.Fprintf(env.stdout, "Metadata number %d: %d models, the next is due on %s.\n", m.Number, m.Models, m.NextUpdate.Format("2 January 2006"))
	if err == nil && m.Skipped > 0 {
		_, err = fmt.Fprintf(env.stdout, "%d entries could not be read and are left out.\n", m.Skipped)
	}
	return err
}

// aboutMetadata says of which file it is that something is wrong with.
func aboutMetadata(file string, err error) error {
	var refusal *staffkey.Refusal
	if !errors.As(err, &refusal) || !strings.HasPrefix(refusal.Rule, "mds_") {
		return explain(err)
	}
	if file == "-" {
		file = "the metadata on standard input"
	}
	return fmt.Errorf("%s %w", file, explain(err))
}

// printCauses tells what of an issue would refuse whom.
func printCauses(w io.Writer, p directory.MetadataPreview, now bool) error {
	var out strings.Builder
	for _, cause := range p.Causes {
		name := cause.Model.Name
		if name == "" {
			name = "a model without a name"
		}
		becomes := "refused from now on"
		if cause.Held && !now {
			becomes = "held: taken until an operator decides"
		}
		fmt.Fprintf(&out, "%s people  %s (%s)  %s  %s\n", grouped(cause.People), name, cause.Model.AAGUID, cause.Kind, becomes)
	}
	effect := p.Held
	if now {
		effect = p.Now
	}
	switch {
	case p.Known:
		out.WriteString("This issue is in use already.\n")
	case effect.Total.Refused == 0:
		out.WriteString("Nobody would have a key refused.\n")
	default:
		fmt.Fprintf(&out, "%s of %s people with a key would have one refused, %s of them would have no key left, %s no way to sign in.\n",
			grouped(effect.Total.Refused), grouped(effect.People), grouped(effect.Total.Stranded), grouped(effect.Total.ShutOut))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// holdLimits are limits as text: 25,10%.
type holdLimits policy.HoldLimits

// UnmarshalText reads a number of people and a share in a hundred.
func (l *holdLimits) UnmarshalText(text []byte) error {
	people, share, ok := strings.Cut(strings.ReplaceAll(string(text), " ", ""), ",")
	n, err := strconv.Atoi(people)
	percent, wrong := strconv.Atoi(strings.TrimSuffix(share, "%"))
	if !ok || err != nil || wrong != nil || n < 1 || percent < 0 || percent > 100 {
		return fmt.Errorf("%q is no number of people from 1 and share from 0 to 100, as in 25,10%%", text)
	}
	l.People, l.Percent = n, percent
	return nil
}

func (c *metadataImport) read(stdin io.Reader) ([]byte, error) {
	if c.File == "-" {
		return readMetadata(stdin)
	}
	file, err := os.Open(c.File)
	if err != nil {
		return nil, err
	}
	blob, err := readMetadata(file)
	return blob, errors.Join(err, file.Close())
}

type metadataShow struct {
	JSON bool `help:"Print one JSON object." env:"-"`

	metadataConfig `embed:""`
}

// Run shows what is there. Metadata whose successor is overdue is told, because what was found since is not in it; and so is metadata that
// cannot be read with the trust that this command was given, because a server that was given the same does not use it either.
func (c *metadataShow) Run(env *environment) error {
	unread := env.knowModels(&c.metadataConfig)
	if refusal := (*staffkey.Refusal)(nil); unread != nil && !errors.As(unread, &refusal) {
		return unread
	}
	m, err := env.directory.Metadata(env.ctx)
	if err != nil {
		return explain(err)
	}
	if unread != nil {
		m.Problem = "not in use here: " + unread.Error()
		m.CheckedAt = env.now()
	}
	overdue := m.IsOverdue(env.now())
	if c.JSON {
		return json.NewEncoder(env.stdout).Encode(struct {
			Number     int       `json:"number"`
			Models     int       `json:"models"`
			Skipped    int       `json:"skipped"`
			NextUpdate time.Time `json:"next_update"`
			Overdue    bool      `json:"overdue"`
			ImportedAt time.Time `json:"imported_at"`
			Source     string    `json:"source"`
			CheckedAt  time.Time `json:"checked_at"`
			Problem    string    `json:"problem"`
		}{m.Number, m.Models, m.Skipped, m.NextUpdate, overdue, m.ImportedAt, m.Source, m.CheckedAt, m.Problem})
	}
	if m.Number == 0 {
		_, err := fmt.Fprintln(env.stdout, "There is no metadata. Get the BLOB from https://mds3.fidoalliance.org/ and import it: staffkeyd metadata import FILE")
		return err
	}
	state := ""
	if overdue {
		state = " (OVERDUE: what was found about keys since then is not known here)"
	}
	models := strconv.Itoa(m.Models) + " models"
	if unread != nil {
		models = "not read"
	}
	_, err = fmt.Fprintf(env.stdout, "number    %d, %s\nimported  %s from %s\nnext      %s%s\n", m.Number, models,
		m.ImportedAt.Local().Format("2 January 2006 15:04"), m.Source, m.NextUpdate.Format("2 January 2006"), state)
	if err == nil && m.Problem != "" {
		_, err = fmt.Fprintf(env.stdout, "problem   %s (%s)\n", m.Problem, m.CheckedAt.Local().Format("2 January 2006 15:04"))
	}
	return err
}

// modelCommands are about the models of keys that people have.
type modelCommands struct {
	List modelList `cmd:"" help:"List the models in use, and with --all those of the metadata too."`
}

type modelList struct {
	Organisation string `help:"Only of this organisation and all below it, by code." placeholder:"CODE" env:"-"`
	All          bool   `help:"Also the models that nobody uses." env:"-"`
	JSON         bool   `help:"Print a JSON object for each." env:"-"`

	metadataConfig `embed:""`
}

// Run lists the models, most used first.
func (c *modelList) Run(env *environment) error {
	if err := env.knowModels(&c.metadataConfig); err != nil {
		return err
	}
	list, err := env.directory.ListModels(env.ctx, staffkey.ConsoleActor(), staffkey.OrganisationID(c.Organisation))
	if err != nil {
		return explain(err)
	}
	for _, m := range list {
		if m.Keys == 0 && !c.All {
			continue
		}
		if err := c.print(env.stdout, m); err != nil {
			return err
		}
	}
	return nil
}

func (c *modelList) print(w io.Writer, m directory.ModelUse) error {
	var findings []string
	for _, f := range m.Findings {
		findings = append(findings, string(f.Kind))
	}
	if c.JSON {
		return json.NewEncoder(w).Encode(struct {
			AAGUID   string   `json:"aaguid"`
			Name     string   `json:"name"`
			Level    string   `json:"level"`
			Findings []string `json:"findings,omitempty"`
			Rule     string   `json:"rule,omitempty"`
			People   int      `json:"people"`
			Keys     int      `json:"keys"`
		}{m.AAGUID, m.FullName(), m.Level.String(), findings, string(m.Rule), m.People, m.Keys})
	}
	name := m.FullName()
	if name == "" {
		name = "unknown model"
	}
	_, err := fmt.Fprintf(w, "%s  %-4s  %6d people  %s", m.AAGUID, m.Level, m.People, name)
	if err == nil && m.Rule != "" {
		_, err = fmt.Fprintf(w, "  [%s]", m.Rule)
	}
	for _, f := range findings {
		if err == nil {
			_, err = fmt.Fprintf(w, "  %s", f)
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}

// knowModels loads the metadata for a command of the console.
func (e *environment) knowModels(cfg *metadataConfig) error {
	trust, err := cfg.trust()
	if err != nil {
		return err
	}
	e.catalogue.Believe(trust)
	e.directory.SetHoldLimits(policy.HoldLimits(cfg.MetadataHold))
	err = e.directory.RefreshModels(e.ctx)
	if refusal := (*staffkey.Refusal)(nil); errors.As(err, &refusal) {
		return &problem{
			cause: "the metadata that was imported cannot be read again: " + directory.English(refusal.Message),
			fix:   "Give --metadata-roots, --metadata-name and --metadata-revoked as at the import, here and to the server.", err: err,
		}
	}
	return err
}
