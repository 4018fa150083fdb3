package pattern

import (
	"bufio"
	"encoding/json"
	"os"
	"testing"
)

// odd is a pattern and an event as texts, and what they give: true, false or error.
type odd struct{ Pattern, Event, Want string }

// TestOddPairs runs pairs written by hand at the edges of the language: numbers in
// all spellings, escapes, dotted and repeated keys, absence, arrays in arrays,
// networks, case, wildcards, $or. Where the oracle reads the texts as the engine
// does, it must agree too.
func TestOddPairs(t *testing.T) {
	f, err := os.Open("testdata/odd.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var o odd
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			t.Fatal(err)
		}
		o.check(t)
	}
}

func (o *odd) check(t *testing.T) {
	t.Helper()
	p, err := Parse([]byte(o.Pattern), Options{})
	if err != nil {
		if o.Want != "error" {
			t.Errorf("pattern %s: %v, want %s on %s", o.Pattern, err, o.Want, o.Event)
		}
		return
	}
	matched, err := p.Match([]byte(o.Event))
	if err != nil || o.Want == "error" || matched != (o.Want == "true") {
		t.Errorf("pattern %s event %s: got %v, %v; want %s", o.Pattern, o.Event, matched, err, o.Want)
	}
	set, err := Compile([]*Pattern{p})
	if err != nil {
		t.Fatal(err)
	}
	if inSet := len(set.Match([]byte(o.Event), nil)) == 1; inSet != matched {
		t.Errorf("pattern %s event %s: alone %v, in a set %v", o.Pattern, o.Event, matched, inSet)
	}
	if oracleKnows([]byte(o.Pattern)) && oracleKnows([]byte(o.Event)) && oracleMatch([]byte(o.Pattern), []byte(o.Event)) != matched {
		t.Errorf("pattern %s event %s: got %v, the oracle says otherwise", o.Pattern, o.Event, matched)
	}
}
