package redis

import (
	"fmt"
	"net"
	"strconv"
)

// bounded is a connection that breaks where the server answers more than a source asks for: the
// client would make room for whatever length an answer claims to have, and go down into lists
// within lists.
type bounded struct {
	net.Conn
	line []byte // what of a line has come
	skip int    // how much of a text is still to come
	// lists are those that are not whole yet, the outermost first: how many members of each are
	// still to come.
	lists []int
}

const (
	// maxLine is the longest line of an answer, maxText the longest text, in bytes, maxList the
	// longest list, and maxLists how deep lists are within lists.
	maxLine  = 4 << 10
	maxText  = 64 << 20
	maxList  = 100_000
	maxLists = 8
)

// Read reads answers.
func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	for rest := p[:n]; len(rest) > 0; {
		if b.skip > 0 {
			skipped := min(b.skip, len(rest))
			b.skip -= skipped
			rest = rest[skipped:]
			continue
		}
		c := rest[0]
		rest = rest[1:]
		if c != '\n' {
			if b.line = append(b.line, c); len(b.line) > maxLine {
				return 0, errAnswer
			}
			continue
		}
		if err := b.allowed(); err != nil {
			return 0, err
		}
		b.line = b.line[:0]
	}
	return n, err
}

// allowed looks at a line that has come whole, and returns why the connection has to break.
func (b *bounded) allowed() error {
	if len(b.line) < 2 || b.line[0] != '$' && b.line[0] != '*' {
		b.came()
		return nil
	}
	size, err := strconv.Atoi(string(b.line[1 : len(b.line)-1])) // without its \r
	isList := b.line[0] == '*'
	switch {
	case err != nil || isList && size > maxList:
		return errAnswer
	case isList && size > 0:
		if b.lists = append(b.lists, size); len(b.lists) > maxLists {
			return errAnswer
		}
		return nil
	case size > maxText:
		return fmt.Errorf("a field of the next entry holds %d bytes, and %d are the most that a source takes: delete the entry (XDEL)", size, maxText)
	case !isList && size >= 0:
		b.skip = size + len("\r\n")
	}
	b.came()
	return nil
}

// came notes that a value has come, and with the last of a list the list.
func (b *bounded) came() {
	for last := len(b.lists) - 1; last >= 0; last-- {
		if b.lists[last]--; b.lists[last] > 0 {
			return
		}
		b.lists = b.lists[:last]
	}
}
