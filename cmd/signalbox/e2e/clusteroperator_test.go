package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// operated is what an operator has done, as far as nodes have answered that it is done.
type operated struct {
	// pauses are the times in which the target batched was paused.
	pauses []span
	// rules were made by EventBridge's API.
	rules []string

	mu sync.Mutex
	// refused are the events that the target of a rule with a queue for dead letters has refused for good, and when.
	refused map[string]time.Time
}

// beginOperated begins a trial with an operator at work, and a target that refuses some of what it gets.
func (x *clustered) beginOperated() {
	x.t.Helper()
	x.did.refused = map[string]time.Time{}
	x.s.be(x.refuses(kind))
	x.start()
	x.paths = append(x.paths, "/made")
	x.askAWS("PutRule", `{"Name":"made","EventPattern":"{\"source\":[\"shop.orders\"]}"}`)
	x.askAWS("PutTargets", `{"Rule":"made","Targets":[{"Id":"1","Arn":"arn:aws:signalbox:local:000000000000:target/made","DeadLetterConfig":{"Arn":"arn:aws:sqs:us-east-1:000000000000:letters"}}]}`)
	x.produceAll()
	x.producers.Go(x.operate)
}

// askAWS insists on an action of EventBridge's API.
func (x *clustered) askAWS(action, body string) {
	x.insistOn("/", body, "X-Amz-Target", "AWSEvents."+action, "Content-Type", "application/x-amz-json-1.1")
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
		x.askAWS("PutRule", fmt.Sprintf(`{"Name":%q,"EventPattern":"{\"source\":[\"nobody\"]}"}`, name))
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

// refuses refuses some of what comes to /plain and /made for good, so that it is dead-lettered.
func (x *clustered) refuses(m mood) mood {
	return func(w http.ResponseWriter, r *http.Request) bool {
		if (r.URL.Path == "/plain" || r.URL.Path == "/made") && rand.IntN(20) == 0 {
			if r.URL.Path == "/made" {
				x.did.mu.Lock()
				x.did.refused[r.Header.Get("X-Signalbox-Event-Id")] = time.Now()
				x.did.mu.Unlock()
			}
			w.WriteHeader(http.StatusUnprocessableEntity)
			return false
		}
		return m(w, r)
	}
}

// judgeLetters checks that what was refused has come to the queue for dead letters, unless its sender broke
// meanwhile, and returns how many of these deliveries have come, and how many requests with them were taken.
func (x *clustered) judgeLetters() (came, taken uint64) {
	x.t.Helper()
	ids, events := map[string]bool{}, map[string]bool{}
	for _, r := range x.s.receipts() {
		if r.path == "/letters" && r.taken {
			ids[r.delivery], events[r.event] = true, true
			taken++
		}
	}
	lost := 0
	for event, at := range x.did.refused {
		if !events[event] && !x.inFlight(at, at.Add(time.Hour)) {
			lost++
			x.t.Logf("/letters: event %s was refused at %v", event, at)
		}
	}
	if lost > 0 {
		x.t.Errorf("/letters: %d of %d refused events never came, and no break found them in flight", lost, len(x.did.refused))
	}
	if x.did.refused != nil {
		x.t.Logf("/letters: %d events refused, %d deliveries came", len(x.did.refused), len(ids))
	}
	return uint64(len(ids)), taken
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
