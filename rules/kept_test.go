package rules

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"signalbox/catalog"
	"signalbox/event"
	"signalbox/secret"
)

// TestAReloadIsAsALoad edits files at random: what is loaded beside a Set that serves, of
// which most rules are kept, is what a first load makes of the same files.
func TestAReloadIsAsALoad(t *testing.T) {
	kept, faulty, loads := 0, 0, 0
	for seed := range uint64(30) {
		e := &editor{t: t, r: rand.New(rand.NewPCG(seed, 1)), dir: t.TempDir()}
		src := Source{Globs: []string{"rules/*"}, Dir: e.dir, Catalog: []string{"catalog.yaml"}, Account: "1", Region: "local"}
		e.write("catalog.yaml", "types: [{name: OrderCreated, sources: [shop.a]}]\n")
		for f := range 6 {
			e.rules(f)
		}
		e.targets()
		e.write("token", "secret")
		var serves *Set
		for range 40 {
			loads++
			e.edit(&src)
			fresh, freshErr := Load(src)
			src.Previous = serves
			again, err := Load(src)
			src.Previous = nil
			if fmt.Sprint(err) != fmt.Sprint(freshErr) {
				t.Fatalf("seed %d: faults\n%v\nwant\n%v", seed, err, freshErr)
			}
			if err != nil {
				faulty++
				continue
			}
			e.same(fresh, again)
			if serves != nil {
				kept += shared(serves, again)
			}
			serves = again
		}
	}
	if kept < loads || faulty < loads/20 || faulty > loads*2/3 {
		t.Errorf("%d rules were kept in %d loads, of which %d had faults: that tests little", kept, loads, faulty)
	}
}

// shared counts the rules that two Sets share.
func shared(a, b *Set) (n int) {
	had := map[*Rule]bool{}
	for _, r := range a.Rules {
		had[r] = true
	}
	for _, r := range b.Rules {
		if had[r] {
			n++
		}
	}
	return n
}

// editor changes files.
type editor struct {
	t   *testing.T
	r   *rand.Rand
	dir string
}

func (e *editor) write(name, text string) {
	e.t.Helper()
	path := filepath.Join(e.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *editor) pick(texts ...string) string { return texts[e.r.IntN(len(texts))] }

// often returns the first text, but for one time in eight.
func (e *editor) often(usual, rare string) string {
	if e.r.IntN(8) == 0 {
		return rare
	}
	return usual
}

// rules writes the rules of one file, now and then with a fault or a doubt.
func (e *editor) rules(f int) {
	var b strings.Builder
	b.WriteString("rules:\n")
	for i := range 1 + e.r.IntN(3) {
		name := f
		if e.r.IntN(60) == 0 {
			name = 1 // maybe that of another
		}
		fmt.Fprintf(&b, "  - name: r-%d-%d\n    pattern: {source: [%s], detail-type: [%s]}\n", name, i, e.pick("shop.a", "shop.b", "shop.aa"), e.pick("OrderCreated", "OrderCreate", "OrdreCreated"))
		if e.r.IntN(3) == 0 {
			b.WriteString("    when: " + e.often("detail.total > 1", "detail.total >") + "\n")
		}
		if e.r.IntN(4) == 0 {
			b.WriteString("    bus: " + e.pick("default", "orders", "orders") + "\n")
		}
		b.WriteString("    targets:\n      - target: " + e.often(e.pick("one", "two"), "three") + "\n" + e.pick("", "", "        retry: {max_attempts: 3}\n", "        input_path: $.detail\n") +
			e.pick("", "", "        dead_letter: "+e.often(e.pick("two", "arn:aws:sqs:eu-west-1:123456789012:letters"), "three")+"\n"))
	}
	e.write(fmt.Sprintf("rules/r-%d.yaml", f), b.String())
}

func (e *editor) targets() {
	token := e.pick("", ", headers: {Authorization: \"${file:"+filepath.Join(e.dir, "token")+"}\"}")
	text := "targets:\n  one: {type: log, to: stdout, arn: \"arn:aws:sqs:eu-west-1:123456789012:" + e.often("letters", "none") + "\"}\n  two: {type: http, url: \"http://127.0.0.1:1/" + e.pick("a", "b") + "\"" + token + "}\n" + e.often("  three: {type: log, to: stdout}\n", "")
	e.write("rules/targets.yaml", text+e.often(e.pick("buses: {orders: {}}\n", "buses: {orders: {bubble: true}}\n"), ""))
}

// edit makes one change.
func (e *editor) edit(src *Source) {
	f := e.r.IntN(6)
	switch e.r.IntN(16) {
	case 0:
		_ = os.Remove(filepath.Join(e.dir, fmt.Sprintf("rules/r-%d.yaml", f)))
	case 1, 2:
		e.targets()
	case 3:
		e.write("catalog.yaml", "types: [{name: "+e.pick("OrderCreated", "OrderMade")+", sources: [shop.a]}]\n")
	case 4:
		src.Account = e.pick("1", "2")
	case 5:
		src.Naming = new(catalog.Naming)
	case 12, 13:
		e.write("token", e.pick("secret", "other"))
	case 14:
		src.Limits = secret.Limits{Files: []string{e.often("token", "other")}}
	case 15:
		src.Region = e.pick("local", "eu")
	case 6:
		e.write("rules/attached.json", e.often(`{"rules": []}`, `{"Rule": "r-1-0", "Targets": [{"Id": "x", "Arn": "arn:aws:sqs:local:1:one"}]}`))
	default:
		e.rules(f)
	}
}

// same compares two Sets in all that can be seen of them.
func (e *editor) same(want, got *Set) {
	e.t.Helper()
	if got.Revision != want.Revision || fmt.Sprint(got.Warnings) != fmt.Sprint(want.Warnings) || !reflect.DeepEqual(got.Files, want.Files) || len(got.Rules) != len(want.Rules) {
		e.t.Fatalf("got\n%s %v %+v\nwant\n%s %v %+v", got.Revision, got.Warnings, got.Files, want.Revision, want.Warnings, want.Files)
	}
	if !reflect.DeepEqual(got.Buses, want.Buses) || len(got.Targets) != len(want.Targets) || !got.Same(want) {
		e.t.Fatalf("got buses %v and targets %v, want %v and %v", got.Buses, got.Targets, want.Buses, want.Targets)
	}
	for name, target := range want.Targets {
		if other := got.Targets[name]; !target.Equal(&other) {
			e.t.Fatalf("target %q is %+v, want %+v", name, other, target)
		}
	}
	for i, w := range want.Rules {
		g := got.Rules[i]
		if g.Name != w.Name || g.Bus != w.Bus || g.ARN != w.ARN || g.Pos != w.Pos || string(g.Pattern.Source()) != string(w.Pattern.Source()) || len(g.Targets) != len(w.Targets) {
			e.t.Fatalf("rule %d is %+v, want %+v", i, g, w)
		}
		for j := range w.Targets {
			a, b := g.Targets[j], w.Targets[j]
			a.Transform, b.Transform = nil, nil
			if !reflect.DeepEqual(a, b) {
				e.t.Fatalf("entry %d of %s is %+v, want %+v", j, w.Name, a, b)
			}
		}
	}
	for _, source := range []string{"shop.a", "shop.b"} {
		for _, bus := range []string{"default", "orders"} {
			ev := &event.Event{ID: "1", Source: source, DetailType: "OrderCreated", Detail: []byte(`{"total": 2}`), Meta: event.Metadata{Bus: bus}}
			envelope := ev.AppendEnvelope(nil)
			if g, w := matchNames(got.Match(ev, envelope, nil)), matchNames(want.Match(ev, envelope, nil)); g != w {
				e.t.Fatalf("%s on %s matches %s, want %s", source, bus, g, w)
			}
		}
	}
}

func matchNames(matched []Matched) string {
	var names []string
	for _, m := range matched {
		names = append(names, fmt.Sprint(m.Rule.Name, m.Err != nil))
	}
	return strings.Join(names, " ")
}
