package exprenv

import (
	"fmt"
	"strings"
	"testing"
)

// large is the detail of an event as large as the door lets in.
func large() string {
	numbers := "[" + strings.Repeat("1,", 199_999) + "1]"
	distinct := make([]string, 20_000)
	for i := range distinct {
		distinct[i] = fmt.Sprint(i)
	}
	return fmt.Sprintf(`{"a":%s, "b":[%s], "s":%q, "n":1000000, "few":[1,2,3]}`, numbers, strings.Join(distinct, ","), strings.Repeat("x", 1<<20))
}

func TestRunsAreBounded(t *testing.T) {
	env, err := New(order(large()))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ source, want string }{
		{`all(detail.a, all(detail.a, # == 1))`, "takes more than 50000 steps"},
		{`count(detail.b, # in detail.b) == 20000`, "takes more than 50000 steps"},
		{`let l = detail.b; none(l, not (# in l))`, "takes more than 50000 steps"},
		{`all(detail.a, detail.s contains "y" or # == 1)`, "takes more than 50000 steps"},
		{`all(detail.a, detail.s matches "y$" or # == 1)`, "takes more than 50000 steps"},
		{`detail.s matches "y$"`, "takes more than 50000 steps"}, // without a loop, too
		{`all(detail.a, lower(detail.s) != "")`, "takes more than 50000 steps"},
		{`all(detail.a, detail.s + source > detail.s + source or # == 1)`, "takes more than 50000 steps"},
		{`all(detail.a, detail.b == detail.b)`, "takes more than 50000 steps"},
		{`len(reduce(detail.a, #acc + #acc, "x")) > 0`, "takes more than 50000 steps"},
		{`len(uniq(detail.b)) > 0`, "takes more than 50000 steps"},
		{`len(detail.few | map(uniq(detail.b))) > 0`, "takes more than 50000 steps"},
		{`all(detail.a, replace(detail.s, "x", "yy") != "")`, "takes more than 50000 steps"},
		{`repeat(detail.s, detail.n) != ""`, "longer than 16 MiB"},
		{`replace(detail.s, "x", detail.s) != ""`, "longer than 16 MiB"},
		{`join(map(detail.b, "x"), detail.s) != ""`, "longer than 16 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			p, err := CompileBool(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			if p.steps > 0 {
				p.steps /= 20 // for the sake of the test's own time
			}
			if _, err = p.RunBool(env); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// TestBudgetLeavesResults: what an expression gives and how it fails is the same
// with a budget as without.
func TestBudgetLeavesResults(t *testing.T) {
	env, err := New(order(`{"items":[{"sku":"a","n":2,"tags":["x"]},{"sku":"b","n":0,"tags":[]},{"sku":"a","n":5}], "m":{"a":1}, "s":"a,b"}`))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		source string
		want   any
	}{
		{`all(detail.items, .n >= 0)`, true},
		{`none(detail.items, .sku == "c")`, true},
		{`one(detail.items, .n == 0)`, true},
		{`len(filter(detail.items, .n > 0))`, 2},
		{`count(detail.items, .sku in ["a"])`, 2},
		{`count(detail.items, .sku in detail.m)`, 2},
		{`sum(detail.items, .n)`, 7},
		{`sum(map(detail.items, .n + 1))`, 10},
		{`map(detail.items, #.sku + "-" + string(#index)) | join(" ")`, "a-0 b-1 a-2"},
		{`find(detail.items, .sku == "b").n`, 0},
		{`findIndex(detail.items, .sku == "b")`, 1},
		{`findLast(detail.items, .sku == "a").n`, 5},
		{`reduce(detail.items, #acc + #.n, 0)`, 7},
		{`sortBy(detail.items, .n)[0].sku`, "b"},
		{`len(groupBy(detail.items, .sku)["a"])`, 2},
		{`len(uniq(map(detail.items, .sku)))`, 2},
		{`any(detail.items, any(.tags ?? [], # == "x"))`, true},
		{`all(1..3, # in 1..3)`, true},
		{`filter(detail.items, .sku matches "^[ab]$")[0].n`, 2},
		{`let most = max(map(detail.items, .n)); any(detail.items, .n == most)`, true},
		{`split(detail.s, ",") | map(upper(#)) | join("+")`, "A+B"},
		{`replace(detail.s, "a", "bb")`, "bb,b"},
		{`replace("aaa", "a", "b", 2)`, "bba"},
		{`repeat("ab", 2)`, "abab"},
		{`repeat("", 10000000)`, ""},
		{`resources | join()`, "order/1"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			p, err := Compile(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := p.Run(env); err != nil || got != tt.want {
				t.Errorf("got %#v, %v; want %#v", got, err, tt.want)
			}
		})
	}
}

func TestMeteredErrorsPointIntoTheSource(t *testing.T) {
	_, err := CompileBool(`any(detail.items, lower(1) == "a")`)
	checkError(t, err, 24, "cannot use int as argument")
	_, err = CompileBool(`any(detail.items, source + 1 == "a")`)
	checkError(t, err, 25, "invalid operation: +")
	env, err := New(order(`{"items":[{"n":"x"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	p, err := CompileBool(`any(detail.items, .n > 1)`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.RunBool(env)
	checkError(t, err, 21, "invalid operation")
}
