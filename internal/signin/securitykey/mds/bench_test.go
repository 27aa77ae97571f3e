package mds

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"runtime"
	"testing"
	"time"

	"staffkey/internal/signin/securitykey/mds/mdstest"
)

// likeTheReal returns a BLOB of the size of the Alliance's: 300 models in 10 MB, most of which are pictures and certificates.
func likeTheReal(tb testing.TB) (*mdstest.Issuer, []byte) {
	tb.Helper()
	i := mdstest.New(tb, now)
	root, key := mdstest.AttestationRoot(tb, "Maker", now)
	entries := make([]any, 300)
	for n := range entries {
		picture, id := make([]byte, 22<<10), make([]byte, 16)
		_, _ = rand.Read(picture) // never fails
		_, _ = rand.Read(id)
		m := mdstest.Model{
			AAGUID: fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:]), Description: "Model " + hex.EncodeToString(id), Icon: picture,
			Reports: []mdstest.Report{{Status: "NOT_FIDO_CERTIFIED", Since: "2019-01-01"}, {Status: "FIDO_CERTIFIED_L1", Since: "2020-01-01"}, {Status: "FIDO_CERTIFIED_L2", Since: "2022-01-01"}},
		}
		for range 3 {
			m.Roots = append(m.Roots, root, key)
		}
		entries[n] = m
	}
	return i, i.BLOB(tb, 1, next, entries...)
}

// cpuTime is what the process has used of processors, with the collection of garbage; nil where nobody tells.
var cpuTime func() time.Duration

func BenchmarkVerify(b *testing.B) {
	i, blob := likeTheReal(b)
	trust := trusting(i)
	b.ReportAllocs()
	b.SetBytes(int64(len(blob)))
	var before time.Duration
	if cpuTime != nil {
		before = cpuTime()
	}
	for b.Loop() {
		if _, err := Verify(blob, trust, now, 0); err != nil {
			b.Fatal(err)
		}
	}
	if cpuTime != nil {
		b.ReportMetric(float64((cpuTime()-before).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	}
}

func BenchmarkFind(b *testing.B) {
	i, blob := likeTheReal(b)
	p, err := Verify(blob, trusting(i), now, 0)
	if err != nil {
		b.Fatal(err)
	}
	var last string
	for e := range p.All() {
		last = e.AAGUID
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := p.Find(last); !ok {
			b.Fatal("not found")
		}
	}
}

// What stays in memory is the content, and little beside.
func TestPayload_is_small(t *testing.T) { // not parallel: it measures the heap
	i, blob := likeTheReal(t)
	trust := trusting(i)
	live := func() uint64 {
		runtime.GC()
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := live()
	p, err := Verify(blob, trust, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	after := live()
	content := uint64(len(blob)) * 3 / 4
	if grown, most := after-before, content+content/10; after > before && grown > most {
		t.Errorf("a BLOB of %d bytes takes %d bytes of memory, want %d at most", len(blob), grown, most)
	}
	if p.Len() != 300 {
		t.Errorf("got %d entries, want 300", p.Len())
	}
	runtime.KeepAlive(blob) // until here, so that its going does not count
	runtime.KeepAlive(p)
}
