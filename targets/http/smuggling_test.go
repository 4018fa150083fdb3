package http

import (
	"bytes"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// TestNoSecondRequest delivers an event of an older store, whose content type holds a
// request of its own, and looks at every byte that the server gets.
func TestNoSecondRequest(t *testing.T) {
	attack := `"text/plain\r\nContent-Length: 0\r\n\r\nDELETE /admin/users/1 HTTP/1.1\r\nHost: internal-admin\r\nX-Evil: 1"`
	for name, options := range map[string]Options{
		"own transport": {},
		"net/http":      {ProxyFromEnv: true},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			received := make(chan []byte, 1)
			go func() {
				var all bytes.Buffer
				defer func() { received <- all.Bytes() }()
				for {
					c, err := l.Accept()
					if err != nil {
						return
					}
					_, _ = io.Copy(&all, c)
					c.Close()
				}
			}()
			o := options
			o.Options = remote.Options{URL: "http://user:password@" + l.Addr().String(), Format: remote.FormatCloudEventsBinary}
			target := open(t, targets.Config{Options: &o, Timeout: time.Second}, targets.Env{})
			d := targetstest.Delivery()
			d.Meta = &event.Metadata{Format: event.FormatCloudEvents, Extensions: []event.Attribute{{Name: "datacontenttype", Value: attack}}}
			failure := targetstest.Error(t, target.Deliver(t.Context(), d))
			if !failure.Final || failure.Code != targets.CodeInvalidParameter || failure.Status != 0 || !strings.Contains(failure.Error(), `"Content-Type"`) {
				t.Errorf("%+v (%v), want a final refusal of the header", failure, failure)
			}
			l.Close()
			if got := <-received; len(got) != 0 {
				t.Errorf("the server got\n%s", got)
			}
		})
	}
}
