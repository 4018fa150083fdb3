package serve

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"go.uber.org/zap"

	"signalbox/config"
)

// traced is an error as those libraries make it that keep the stack with it.
type traced struct{}

func (traced) Error() string { return "the disk is full" }

// Format writes the stack where it is asked for.
func (traced) Format(s fmt.State, verb rune) {
	fmt.Fprint(s, "the disk is full\ngoroutine 1 [running]:\n")
}

func TestErrorsInTheLogHaveNoStack(t *testing.T) {
	for _, format := range []string{"json", "console"} {
		var out bytes.Buffer
		log := newLogger(config.Log{Level: "info", Format: format}, &outlet{w: &out})
		log.With(zap.NamedError("before", traced{})).Warn("flush", zap.Error(traced{}), zap.String("told", "a panic\ngoroutine 7 [running]:"))
		_ = log.Sync()
		if text := out.String(); strings.Contains(text, "goroutine") || strings.Count(text, "the disk is full") != 2 || strings.Count(text, "\n") != 1 {
			t.Errorf("%s: got %q", format, text)
		}
	}
}
