package dlq

import (
	"testing"
	"time"

	"signalbox/journal"
)

func TestGroupsTellFaultsApart(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	letter := func(rule, code string, status, minute int) *journal.Delivery {
		return &journal.Delivery{Rule: rule, Death: &journal.Death{Code: code, Status: status, Message: code + rule, At: at.Add(time.Duration(minute) * time.Minute)}}
	}
	found := map[fault]*Group{}
	add(found, "a", letter("r", "TIMEOUT", 0, 5))
	add(found, "a", letter("s", "TIMEOUT", 0, 9))
	add(found, "a", letter("r", "TIMEOUT", 0, 2))
	add(found, "a", letter("r", "ERROR", 503, 1))
	add(found, "a", letter("r", "ERROR", 500, 1))
	add(found, "b", letter("r", "TIMEOUT", 0, 1))
	add(found, "b", &journal.Delivery{Rule: "r"})
	if len(found) != 5 {
		t.Errorf("%d groups", len(found))
	}
	g := found[fault{"a", "TIMEOUT", 0}]
	if g.Count != 3 || !g.First.Equal(at.Add(2*time.Minute)) || !g.Last.Equal(at.Add(9*time.Minute)) || g.Message != "TIMEOUTs" || g.Rules["r"] != 2 {
		t.Errorf("%+v", g)
	}
}
