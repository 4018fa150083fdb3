package main

import (
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// TestCompletionAsksTheRouter presses Tab behind commands and flags.
func TestCompletionAsksTheRouter(t *testing.T) {
	sink := newShop(t)
	sink.down.Store(true)
	s := startRouter(t, shopDir(t, sink, ""))
	s.run("send", bigOrder).want(t, cli.ExitOK, "", "")
	s.eventually("a dead letter", func() bool { return len(s.letters()) == 1 })
	letter := s.letters()[0]
	tests := []struct{ typed, want string }{
		{"targets pause ", "shop\n"},
		{"ordering-keys list ", "shop\n"},
		{"rules pause ", letter.Rule + "\n"},
		{"rules pause --bus ", "default\n"},
		{"events --target ", "shop\n"},
		{"dlq list --rule ", letter.Rule + "\n"},
		{"dlq show ", letter.ID + "\tshop: " + letter.ErrorCode + "\n"},
		{"dlq replay ", letter.ID + "\t"},
		{"events --source ", ":0"}, // of events, which no router lists
	}
	for _, tt := range tests {
		args := strings.Split(tt.typed, " ")
		args = append([]string{"__complete", args[0], args[1], "--url", s.url}, args[2:]...)
		if tt.typed == "events --target " || tt.typed == "events --source " {
			args = []string{"__complete", "events", "--url", s.url, strings.Fields(tt.typed)[1], ""}
		}
		signalbox(t, args...).want(t, cli.ExitOK, tt.want, "")
	}
	signalbox(t, "__complete", "targets", "pause", "--url", "http://127.0.0.1:1", "").want(t, cli.ExitOK, ":4\n", "") // nothing, and no file
}
