package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"signalbox/dlq"
	"signalbox/sources"
	"signalbox/targets/targetstest/natsserver"
)

// natsServer starts a server with a stream of the subjects events.>.
func natsServer(t *testing.T) (url string, js jetstream.JetStream) {
	t.Helper()
	s := natsserver.Start(t, t.TempDir(), -1, nil)
	nc, err := natsio.Connect(s.ClientURL())
	must(t, err)
	t.Cleanup(nc.Close)
	js, err = jetstream.New(nc)
	must(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}})
	must(t, err)
	return s.ClientURL(), js
}

// letters returns the dead letters.
func (s *serving) letters() []*dlq.Letter {
	s.t.Helper()
	var page dlq.Page
	must(s.t, json.Unmarshal([]byte(s.run("dlq", "list", "--output", "json").stdout), &page))
	return page.Letters
}

// source returns how the only source is.
func (s *serving) source() sources.Status {
	s.t.Helper()
	var list struct{ Sources []sources.Status }
	must(s.t, json.Unmarshal([]byte(s.run("sources", "list", "--output", "json").stdout), &list))
	if len(list.Sources) != 1 {
		s.t.Fatalf("%d sources", len(list.Sources))
	}
	return list.Sources[0]
}

// TestALoopThroughABroker: a target and a source share a stream. The event goes round until
// max_hops ends it.
func TestALoopThroughABroker(t *testing.T) {
	url, js := natsServer(t)
	for format, transform := range map[string]string{"eventbridge": "", "cloudevents": "", "cloudevents-binary": "", "transformed": `, input: '{"again": true}'`} {
		t.Run(format, func(t *testing.T) {
			subject := "events." + format
			form := "eventbridge"
			if transform == "" {
				form = format
			}
			dir := t.TempDir()
			write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nmax_hops: 5\nrules: [rules.yaml]\n")
			write(t, dir, "rules.yaml", fmt.Sprintf(`
sources: {back: {type: nats, url: '%s', stream: EVENTS, subject: %s, consumer: %s, map: {detail-type: '"Again"'}}}
targets: {out: {type: nats, url: '%s', subject: %s, format: %s}}
rules: [{name: round, pattern: {account: [{exists: true}]}, targets: [{target: out%s}]}]
`, url, subject, format, url, subject, form, transform))
			s := startRouter(t, dir)
			if out := s.run("send", "--source", "shop", "--detail-type", "OrderCreated", "--detail", `{"n": 1}`); out.code != 0 {
				t.Fatal(out)
			}
			s.eventually("ended", func() bool { return len(s.letters()) == 1 })
			l := s.letters()[0]
			if l.ErrorCode != sources.CodeRefused || l.Target != "source/back" || !strings.Contains(l.ErrorMessage, "This is hop 6, and max_hops is 5") ||
				!strings.Contains(l.ErrorMessage, "-[round > out]-> ") || len(l.Path) != 6 {
				t.Errorf("the dead letter is %+v", l)
			}
			stream, err := js.Stream(t.Context(), "EVENTS")
			must(t, err)
			info, err := stream.Info(t.Context(), jetstream.WithSubjectFilter(subject))
			must(t, err)
			if n := info.State.Subjects[subject]; n != 6 {
				t.Errorf("it went round %d times, want 6", n)
			}
		})
	}
}

// TestSources: what can't be decoded is a dead letter of the source, which today's map decodes
// when it is replayed; sources are paused, resumed, audited and reloaded.
func TestSources(t *testing.T) {
	url, js := natsServer(t)
	dir := t.TempDir()
	write(t, dir, "config.yaml", "listen: 127.0.0.1:0\nmin_free_disk: 0\nrules: [rules.yaml]\n")
	rules := func(mapping string) {
		write(t, dir, "rules.yaml", fmt.Sprintf(`
sources: {back: {type: nats, url: '%s', stream: EVENTS, map: {%s}}}
targets: {out: {type: log}}
rules: [{name: all, pattern: {source: [back]}, targets: [out]}]
`, url, mapping))
	}
	rules("detail-type: body.kind")
	s := startRouter(t, dir)
	publish := func(text string) {
		t.Helper()
		_, err := js.Publish(t.Context(), "events.x", []byte(text))
		must(t, err)
	}
	publish(`{"kind": "Created"}`)
	publish(`{"type": "Created", "secret": "\u0000"}`)
	publish("\xff\xfe")
	s.eventually("taken in", func() bool { return s.source().Accepted == 1 && s.source().Undecodable == 2 })
	letters := s.letters()
	if len(letters) != 2 || letters[0].ErrorCode != sources.CodeUndecodable || !strings.Contains(letters[0].ErrorMessage, "map.detail_type") ||
		!strings.Contains(string(letters[0].Event), `\"type\": \"Created\"`) || letters[0].Target != "source/back" {
		t.Fatalf("the dead letters are %+v", letters)
	}
	if out := s.run("dlq", "replay", "--all", "--yes"); !strings.Contains(out.stdout+out.stderr, "2") {
		t.Errorf("with the old map: %+v", out)
	}
	s.eventually("dead again", func() bool { return len(s.letters()) == 2 && s.letters()[1].Redriven == 1 })
	rules("detail-type: 'type(body) == \"map\" ? body.type : \"Unknown\"'")
	s.eventually("reloaded", func() bool { return strings.Contains(fmt.Sprint(s.source().Config["map"]), "Unknown") })
	s.run("dlq", "replay", "--all", "--yes")
	s.eventually("taken in again", func() bool { return len(s.letters()) == 0 })
	if out := s.run("events", "--output", "json"); strings.Count(out.stdout, `"detail_type": "Created"`) < 2 {
		t.Errorf("the events are %s", out.stdout)
	}

	if out := s.run("sources", "pause", "back"); out.code != 0 || !strings.Contains(out.stdout, "paused") {
		t.Errorf("pause: %+v", out)
	}
	publish(`{"type": "Later"}`)
	if status, body := s.request(http.MethodPost, "/v1/sources/bak/pause", ""); status != 404 || !strings.Contains(body, `did you mean \"back\"?`) {
		t.Errorf("%d %s", status, body)
	}
	if out := s.run("audit", "--output", "json"); !strings.Contains(out.stdout, "sources.pause") {
		t.Errorf("the audit is %+v", out)
	}
	s.end()
	s = startRouter(t, dir)
	if st := s.source(); st.State != sources.StatePaused || st.Accepted != 0 {
		t.Errorf("after a restart it is %+v", st)
	}
	s.run("sources", "resume", "back")
	s.eventually("resumed", func() bool { return s.source().Accepted == 1 })
	write(t, dir, "rules.yaml", "rules: []\n")
	s.eventually("gone", func() bool { return strings.Count(s.run("sources", "list").stdout, "\n") == 1 })
	if _, body := s.get("/metrics", ""); strings.Contains(body, `source="back"`) {
		t.Error("the metrics of a source that is gone are left")
	}
	s.end()
	if out := signalbox(t, "verify", "--config", dir+"/config.yaml"); out.code != 0 {
		t.Errorf("verify: %+v", out)
	}
}
