package signin_test

import (
	"testing"

	"staffkey"
	"staffkey/internal/ctap/softkey"
	"staffkey/internal/signin"
	"staffkey/internal/store/storetest"
)

// F124: one whole, durable key sign-in on SQLite, as the server does it: begun, answered, verified and committed. The key's
// own signature is made before the clock starts.
func BenchmarkFinishSignIn(b *testing.B) {
	clock := storetest.NewClock()
	w := newInstallation(b, storetest.Open(b, "sqlite", clock.Now), clock)
	o := keyOptions()
	o.Counter = softkey.Counter{} // so that answers count in any order
	key := softkey.New(o)
	p := w.person(b, "amara")
	w.addKey(b, w.Enter(b, p), key, "Blue lanyard")
	for _, run := range []struct {
		name    string
		atOnce  int
		attempt signin.Attempt
	}{{"named", 1, w.Attempt(p)}, {"passwordless", 1, signin.Attempt{}}, {"8 at once", 4, signin.Attempt{}}} {
		b.Run(run.name, func(b *testing.B) {
			answers := make(chan signin.Answer, b.N)
			for range b.N {
				started := w.begin(b, run.attempt)
				answers <- answer(started, staffkey.MethodSecurityKey, get(b, key, started.Options))
			}
			b.SetParallelism(run.atOnce)
			b.ReportAllocs()
			b.ResetTimer()
			finish := func() {
				if _, err := w.Service.FinishSignIn(b.Context(), origin, run.attempt, <-answers, nowhere); err != nil {
					b.Error(err)
				}
			}
			if run.atOnce == 1 {
				for range b.N {
					finish()
				}
				return
			}
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					finish()
				}
			})
		})
	}
}
