package http

import (
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"signalbox/event"
	"signalbox/targets"
	"signalbox/targets/targetstest"
)

func TestLogSynthetic(t *testing.T) {
	core, logs := observer.New(zap.InfoLevel)
	c := httpConfig("http://127.0.0.1:9/${TOKEN}")
	target := open(t, c, targets.Env{Secrets: targetstest.Vars("TOKEN", "s3cr3t")})
	d := targetstest.Delivery()
	d.Meta = &event.Metadata{Synthetic: true}
	if err := targets.LogSynthetic(zap.New(core), target, d); err != nil {
		t.Fatal(err)
	}
	fields := logs.FilterMessage("synthetic event not sent").All()[0].ContextMap()
	if fields["address"] != "http://127.0.0.1:9/***" || fields["body"] != targetstest.Envelope || fields["delivery_id"] != d.ID {
		t.Errorf("fields %v, want what would have been sent", fields)
	}
}
