package redis

import (
	"bytes"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"testing/iotest"
)

// from is a connection that has an answer.
type from struct {
	net.Conn
	io.Reader
}

func (f from) Read(p []byte) (int, error) { return f.Reader.Read(p) }

func TestAnswersAreBounded(t *testing.T) {
	text := strings.Repeat("*9\r\n$9999999999\r\n", 1000)
	for _, tt := range []struct {
		answer string
		ok     bool
	}{
		{"+OK\r\n", true},
		{"*-1\r\n", true},
		{"$-1\r\n*0\r\n", true},
		{"*1\r\n*2\r\n$1\r\ns\r\n*1\r\n*2\r\n$3\r\n1-1\r\n*2\r\n$4\r\nbody\r\n$17000\r\n" + text + "\r\n", true},
		{"*100001\r\n", false},
		{strings.Repeat("*-1\r\n", 100), true}, // nothing came, again and again
		{strings.Repeat("*1\r\n", 8) + "*0\r\n*2\r\n*0\r\n:1\r\n", true},
		{strings.Repeat("*1\r\n", 9), false},
		{strings.Repeat("*2\r\n$1\r\nx\r\n", 9), false},
		{strings.Repeat("*2\r\n*-1\r\n", 9), false},
		{"$x\r\n", false},
		{"+" + strings.Repeat("x", maxLine), false},
	} {
		for _, reader := range []io.Reader{strings.NewReader(tt.answer), iotest.OneByteReader(strings.NewReader(tt.answer))} {
			got, err := io.ReadAll(&bounded{Conn: from{Reader: reader}})
			if tt.ok && (err != nil || !bytes.Equal(got, []byte(tt.answer))) || !tt.ok && !errors.Is(err, errAnswer) {
				t.Errorf("%.40q: got %d bytes, %v", tt.answer, len(got), err)
			}
		}
	}
}

func TestAnEntryThatIsTooLargeIsNamed(t *testing.T) {
	_, err := io.ReadAll(&bounded{Conn: from{Reader: strings.NewReader("*1\r\n$99999999\r\n")}})
	if err == nil || !strings.Contains(err.Error(), "holds 99999999 bytes, and 67108864 are the most") {
		t.Errorf("got %v", err)
	}
}
