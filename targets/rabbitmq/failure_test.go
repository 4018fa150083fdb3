package rabbitmq

import (
	"strconv"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"signalbox/targets/targetstest"
)

// TestErrorPage: what docs/errors.md says of reply codes is what becomes of them.
func TestErrorPage(t *testing.T) {
	for answer, want := range targetstest.ErrorAnswers(t, "rabbitmq") {
		reply, err := strconv.Atoi(answer)
		if err != nil {
			t.Fatal(err)
		}
		if code := codeOf(&amqp.Error{Code: reply}); code != want {
			t.Errorf("%d is %s, on the page %s", reply, code, want)
		}
	}
}
