package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// operated is what an operator has done, as far as nodes have answered that it is done.
type operated struct {
	// pauses are the times in which the target batched was paused.
	pauses []span
	// rules were made by EventBridge's API.
	rules []string
}

// beginOperated begins a trial with an operator at work, and a target that refuses some of what it gets.
func (x *clustered) beginOperated() {
	x.t.Helper()
	x.s.be(refuses(kind))
	x.begin()
	x.producers.Go(x.operate)
}

// operate asks any node to pause a target and to resume it, to make rules and to replay dead letters, until
// the trial is over. What a node has answered must hold whoever leads.
func (x *clustered) operate() {
	const late = 20 * time.Second // longer than a node that gets a request stands still
	doubt := time.Time{}
	for n := 0; !x.stop.Load(); n++ {
		pause(200, 800)
		x.insistOn("/v1/targets/batched/pause", "")
		paused := span{from: time.Now()}
		name := fmt.Sprint("made-", n)
		x.insistOn("/", fmt.Sprintf(`{"Name":%q,"EventPattern":"{\"source\":[\"nobody\"]}"}`, name), "X-Amz-Target", "AWSEvents.PutRule", "Content-Type", "application/x-amz-json-1.1")
		x.did.rules = append(x.did.rules, name)
		pause(100, 1500)
		paused.to = time.Now()
		if paused.from.After(doubt) {
			x.did.pauses = append(x.did.pauses, paused)
		}
		if x.insistOn("/v1/targets/batched/resume", "") { // one without an answer may be done while it is paused again
			doubt = time.Now().Add(late)
		}
		_, _ = x.nodes[rand.IntN(len(x.nodes))].command("dlq", "replay", "--all", "--yes", "--detach") // judge repeats it
	}
}

// insistOn posts to any of the nodes until one has answered that it is done, and reports whether it has given up on
// answers before.
func (x *clustered) insistOn(path, body string, headers ...string) (unanswered bool) {
	answer := ""
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		r, err := x.nodes[rand.IntN(len(x.nodes))].do(x.client, http.MethodPost, path, []byte(body), headers...)
		if err == nil {
			said, _ := io.ReadAll(r.Body)
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return unanswered
			}
			answer = fmt.Sprintf("%s: %s", r.Status, said)
		} else {
			answer, unanswered = err.Error(), true
		}
		if time.Now().After(end) {
			x.t.Errorf("POST %s is not done within a minute: %s", path, answer)
			return unanswered
		}
	}
}

// refuses refuses some of what comes to /plain for good, so that it is dead-lettered.
func refuses(m mood) mood {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if r.URL.Path == "/plain" && rand.IntN(20) == 0 {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return false
		}
		return m(w, r)
	}
}

// replayAll replays dead letters until there are none, and all is delivered.
func (x *clustered) replayAll(leader *process) (a accounts) {
	x.t.Helper()
	begun := time.Time{}
	leader.eventually(2*time.Minute, "all delivered", func() bool {
		var err error
		a, err = leader.accounts()
		if d := a.Deliveries; err != nil || d.Planned != d.Delivered+d.Dead+d.Dropped {
			return false
		}
		if a.Deliveries.Dead > 0 && time.Since(begun) > time.Second {
			begun = time.Now()
			if out, err := leader.command("dlq", "replay", "--all", "--yes", "--detach"); err != nil {
				x.t.Logf("replay: %v\n%s", err, out)
			}
		}
		return a.Deliveries.Dead == 0
	})
	return a
}

// judgeOperated checks that pauses held, and that rules are there.
func (x *clustered) judgeOperated(leader *process) {
	x.t.Helper()
	const underWay = 500 * time.Millisecond // attempts of before the pause
	all := x.s.receipts()
	for _, p := range x.did.pauses {
		var late []receipt
		for _, r := range all {
			if r.path == "/batched" && r.at.After(p.from.Add(underWay)) && r.at.Before(p.to) {
				late = append(late, r)
			}
		}
		if len(late) > perTarget { // a node that was stopped in the midst of them may send them then
			x.t.Errorf("/batched was paused from %v to %v, and got %d deliveries, the last of node %s", p.from, p.to, len(late), late[len(late)-1].node)
		}
	}
	var listed struct{ Rules []struct{ Name string } }
	leader.eventually(60*time.Second, "listing rules", func() bool { // its lease may have run out just now
		r, err := leader.do(impatient, http.MethodGet, "/v1/rules", nil)
		if err != nil {
			return false
		}
		defer r.Body.Close()
		return r.StatusCode == http.StatusOK && json.NewDecoder(r.Body).Decode(&listed) == nil
	})
	there := map[string]bool{}
	for _, r := range listed.Rules {
		there[r.Name] = true
	}
	for _, name := range x.did.rules {
		if !there[name] {
			x.t.Errorf("rule %s was made by API and is not there", name)
		}
	}
	x.t.Logf("%d pauses held, %d rules were made by API", len(x.did.pauses), len(x.did.rules))
}
