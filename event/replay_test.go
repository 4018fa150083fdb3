package event

import "testing"

func TestWithReplayName(t *testing.T) {
	for name, e := range map[string]Event{
		"plain":          {ID: "1", Source: "shop", DetailType: "Order", Detail: []byte(`{"a":1}`)},
		"resources":      {ID: "1", Source: "shop", DetailType: "Order", Resources: []string{"x", `y"`}},
		"hostile":        {ID: `,"resources":[`, Source: `","replay-name":"x","resources":[`, DetailType: `\`, Detail: []byte(`{"resources":[],"replay-name":"x"}`)},
		"replayed twice": {ID: "1", ReplayName: "first", Detail: []byte(`{}`)},
	} {
		got := WithReplayName(e.AppendEnvelope(nil), `mon"day`)
		e.ReplayName = `mon"day`
		if want := string(e.AppendEnvelope(nil)); string(got) != want {
			t.Errorf("%s: got\n%s, want\n%s", name, got, want)
		}
	}
	if got := string(WithReplayName([]byte("not JSON"), "x")); got != "not JSON" {
		t.Errorf("got %s", got)
	}
}
