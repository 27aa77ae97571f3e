package store

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// ErrForeignLog says that the write-ahead log beside the database file is of another one: a copy was put in its place while the log of what
// was there before had stayed. SQLite would use it all the same, which undoes the copy or damages it.
var ErrForeignLog = errors.New("staffkey.db-wal beside the database belongs to another database file")

// foreignLog returns [ErrForeignLog] when the log beside the database at path cannot be its own. Nothing is there to prove that it is: the log
// says what pages were after each commit, and no word of those before. So this looks for what never is so between a database and its own
// log, with the file formats of sqlite.org/fileformat2.html; path itself has to be closed, or open in WAL mode.
//
// The log is read before the database, so that a server that writes to both meanwhile shows nothing odd: what is in the log then comes into the
// database later, and never the other way. When the log was begun anew in between, it is read again.
func foreignLog(path string) error {
	for range maxTries {
		before, err := os.Stat(path + "-wal")
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		log, err := readLog(path + "-wal")
		if err != nil {
			return err
		}
		db, err := readFileHeader(path)
		if err != nil {
			return err
		}
		odd := log.oddWith(db)
		if odd == "" {
			return nil
		}
		again, err := readLog(path + "-wal")
		if err != nil {
			return err
		}
		if after, err := os.Stat(path + "-wal"); err == nil && after.Size() == before.Size() && again.salts == log.salts {
			return fmt.Errorf("%w: %s", ErrForeignLog, odd)
		}
	}
	return nil // a log that is begun anew so often is in use by a server, which has looked
}

// fileHeader is what page 1 of a database begins with (§1.3).
type fileHeader struct {
	empty      bool   // a file of no bytes
	rollback   bool   // it is not in WAL mode, as what VACUUM INTO makes
	pageSize   uint32 // bytes
	pages      uint32 // of the file; in a log, as the header says
	cookie     uint32 // counts changes of the schema; 1 in what the backup API makes
	generation uint32 // user_version: see begin
	previous   uint32 // application_id: the generation before while this one is brought in, and then inUse
}

const fileHeaderSize = 100

func parseFileHeader(b []byte) fileHeader {
	size := uint32(binary.BigEndian.Uint16(b[16:]))
	if size == 1 {
		size = 65536
	}
	return fileHeader{
		rollback: b[18] == 1, pageSize: size, pages: binary.BigEndian.Uint32(b[28:]), cookie: binary.BigEndian.Uint32(b[40:]),
		generation: binary.BigEndian.Uint32(b[60:]), previous: binary.BigEndian.Uint32(b[68:]),
	}
}

var fileMagic = []byte("SQLite format 3\x00")

// readFileHeader reads the head of a database file. What is none is an empty header: SQLite says the rest.
func readFileHeader(path string) (fileHeader, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fileHeader{empty: true}, nil
	}
	if err != nil {
		return fileHeader{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fileHeader{}, err
	}
	b := make([]byte, fileHeaderSize)
	if _, err := io.ReadFull(f, b); err != nil || !bytes.HasPrefix(b, fileMagic) {
		return fileHeader{empty: info.Size() == 0}, nil
	}
	h := parseFileHeader(b)
	if h.pageSize > 0 {
		h.pages = uint32(info.Size() / int64(h.pageSize))
	}
	return h, nil
}

// logSummary is what the commits of a log hold.
type logSummary struct {
	salts    [8]byte
	pageSize uint32
	pages    uint32 // of the database after the latest commit; 0 when nothing was committed
	held     map[uint32]bool
	firsts   []fileHeader // each different page 1
}

// readLog reads a log as SQLite recovers it (§4): up to the first frame that is not of this log, and then back to the latest commit.
func readLog(name string) (logSummary, error) {
	log := logSummary{held: map[uint32]bool{}}
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return log, nil
	}
	if err != nil {
		return log, err
	}
	defer f.Close()
	r := bufio.NewReaderSize(f, 1<<20)
	head := make([]byte, 32)
	if _, err := io.ReadFull(r, head); err != nil {
		return log, nil // too short: an empty log
	}
	var order binary.ByteOrder = binary.LittleEndian
	switch binary.BigEndian.Uint32(head) {
	case 0x377f0682:
	case 0x377f0683:
		order = binary.BigEndian
	default:
		return log, nil // SQLite takes it as empty
	}
	sum := logSum{order: order}
	sum.add(head[:24])
	if !sum.is(head[24:]) {
		return log, nil
	}
	copy(log.salts[:], head[16:24])
	log.pageSize = binary.BigEndian.Uint32(head[8:])
	if log.pageSize < 512 || log.pageSize > 65536 {
		return log, nil
	}
	frame := make([]byte, 24+log.pageSize)
	var pending []uint32
	var first *fileHeader
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			return log, nil // the end, or a frame that was not finished
		}
		sum.add(frame[:8])
		sum.add(frame[24:])
		if !bytes.Equal(frame[8:16], log.salts[:]) || !sum.is(frame[16:24]) {
			return log, nil
		}
		number, commit := binary.BigEndian.Uint32(frame), binary.BigEndian.Uint32(frame[4:])
		pending = append(pending, number)
		if number == 1 {
			h := parseFileHeader(frame[24:])
			first = &h
		}
		if commit == 0 {
			continue
		}
		log.pages = commit
		for _, n := range pending {
			log.held[n] = true
		}
		pending = pending[:0]
		if first != nil {
			if n := len(log.firsts); n == 0 || log.firsts[n-1] != *first {
				log.firsts = append(log.firsts, *first)
			}
			first = nil
		}
	}
}

// logSum is the checksum of a log (§4.2), which goes on from frame to frame.
type logSum struct {
	order binary.ByteOrder
	a, b  uint32
}

func (s *logSum) add(data []byte) {
	for ; len(data) >= 8; data = data[8:] {
		s.a += s.order.Uint32(data) + s.b
		s.b += s.order.Uint32(data[4:]) + s.a
	}
}

func (s *logSum) is(b []byte) bool {
	return s.a == binary.BigEndian.Uint32(b) && s.b == binary.BigEndian.Uint32(b[4:])
}

// copiedCookie is the schema cookie of a database that was made by the backup API (.backup of the sqlite3 program): that writes the one of the
// file that it fills, plus one. A database of ours has many more changes of its schema behind it once it is larger than smallDatabase pages,
// unless it was such a copy once; then its log says so too.
const (
	copiedCookie  = 1
	smallDatabase = 16
)

// pendingBytePage holds the locks and is never written (§1.2), for pages of size bytes.
func pendingBytePage(size uint32) uint32 { return 1<<30/size + 1 }

// oddWith says what cannot be so when the log is the database's own; "" when nothing is odd.
func (l logSummary) oddWith(db fileHeader) string {
	switch {
	case l.pages == 0:
		return "" // nothing was committed, so nothing is used
	case db.empty:
		return "the log holds data and the database file is empty or gone"
	case db.pageSize == 0:
		return "" // no database; SQLite says so
	case db.rollback:
		return "the database file is a copy that has not been in use yet" // before its first log, a database is put in WAL mode
	case db.pageSize != l.pageSize:
		return "the sizes of their pages differ"
	}
	for n := db.pages + 1; n <= l.pages; n++ { // a database that grew has all its new pages in the log until they are in the file
		if !l.held[n] && n != pendingBytePage(l.pageSize) {
			return "pages are missing between them"
		}
	}
	if len(l.firsts) == 0 {
		return ""
	}
	known, cookie := false, false
	for _, first := range l.firsts {
		known = known || first.generation == db.generation || first.previous == db.generation
		cookie = cookie || first.cookie == copiedCookie && first.pages > smallDatabase
	}
	switch {
	case !known:
		return "the log was begun by a later start of the server than the database file knows of, or by an earlier one"
	case !cookie && db.cookie == copiedCookie && db.pages > smallDatabase:
		return "the database file is a copy that was made while the server ran"
	}
	return ""
}

// inUse is the application_id of a database that a server has worked on.
const inUse = 0x53746166 // "Staf"

// begin gives the database another generation, a number in its header that every later log repeats: a log of another time than a copy of
// the file is told by it. The number has to be in the file before a log can hold it alone: the commit that brings it names the one before,
// so that a crash at any instant leaves a log that fits.
func (e *sqliteEngine) begin(ctx context.Context) error {
	if !e.first {
		return nil
	}
	conn, err := e.pool.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var before int32
	if err := conn.QueryRowContext(ctx, "PRAGMA user_version").Scan(&before); err != nil {
		return err
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	next := int32(binary.BigEndian.Uint32(b[:]))
	for _, step := range generationSteps(before, next) {
		if _, err := conn.ExecContext(ctx, step); err != nil {
			_ = conn.Raw(func(any) error { return driver.ErrBadConn }) // says so, and closes it with its transaction
			return err
		}
	}
	return nil
}

func generationSteps(before, next int32) []string {
	return []string{
		"BEGIN IMMEDIATE", fmt.Sprintf("PRAGMA application_id = %d", before), fmt.Sprintf("PRAGMA user_version = %d", next), "COMMIT",
		"PRAGMA wal_checkpoint(TRUNCATE)", fmt.Sprintf("PRAGMA application_id = %d", inUse),
	}
}
