package password

import (
	"encoding/gob"
	"io"
	"os/exec"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"
)

// Hashing in this process takes processors from key sign-ins in ways that a bounded pool does not prevent: Go's scheduler treats all
// goroutines alike, argon2 starts some of its own whose threads nobody can choose, and each hash leaves 19 MB of garbage. A process
// of its own has a priority, a scheduler and a heap of its own.

// question is one hash to compute, as it goes to the other process.
type question struct {
	Password       string
	Salt           []byte
	Passes, Memory uint32
	Lanes          uint8
	Length         uint32
}

func (q question) answer() []byte {
	return argon2.IDKey([]byte(q.Password), q.Salt, q.Passes, q.Memory, q.Lanes, q.Length)
}

// Serve computes hashes for the process that started this one, until in ends. A program that sets [Options.Apart] calls it on its standard
// input and output when it is started with that argument, and then ends.
//
// It gives way to everything else on the machine that wants the processor, and does not end by signals that are meant for
// the whole service: that process ends it when it has let its requests finish.
func Serve(in io.Reader, out io.Writer) error {
	giveWay()
	runtime.GOMAXPROCS(1)
	questions, answers := gob.NewDecoder(in), gob.NewEncoder(out)
	for {
		var q question
		if err := questions.Decode(&q); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := answers.Encode(q.answer()); err != nil {
			return err
		}
	}
}

// answerWithin bounds a hash in the other process. It is far above what one takes on a machine that is busy with other things.
const answerWithin = 20 * time.Second

// worker computes one hash at a time: in a process of its own, which it starts when it is needed, or in this one.
type worker struct {
	argument string // that starts the other process; empty for none
	other    *process
}

// process is the other side of Serve.
type process struct {
	cmd       *exec.Cmd
	end       io.Closer
	questions *gob.Encoder
	answers   *gob.Decoder
}

// compute answers a question. When the other process cannot be had, this one does it: slower for others is better than nobody coming in.
func (w *worker) compute(q question) []byte {
	if w.argument == "" {
		return q.answer()
	}
	if w.other == nil {
		var err error
		if w.other, err = start(w.argument); err != nil {
			return q.answer()
		}
	}
	sum, err := w.other.ask(q)
	if err != nil {
		w.other.stop()
		w.other = nil
		return q.answer()
	}
	return sum
}

func start(argument string) (*process, error) {
	program, err := ownProgram()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(program, argument)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &process{cmd: cmd, end: in, questions: gob.NewEncoder(in), answers: gob.NewDecoder(out)}, nil
}

func (p *process) ask(q question) ([]byte, error) {
	overdue := time.AfterFunc(answerWithin, p.kill)
	defer overdue.Stop()
	if err := p.questions.Encode(q); err != nil {
		return nil, err
	}
	var sum []byte
	err := p.answers.Decode(&sum)
	return sum, err
}

func (p *process) kill() { _ = p.cmd.Process.Kill() } // fails only when it has ended already

func (p *process) stop() {
	p.kill()
	_ = p.end.Close() // nobody reads it any more
	_ = p.cmd.Wait()  // it says that it was killed
}
