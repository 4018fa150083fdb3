package exprenv

import (
	"errors"
	"strings"
	"testing"
	"time"

	"signalbox/event"
)

func order(detail string) *event.Event {
	return &event.Event{
		ID: "e1", DetailType: "OrderCreated", Source: "shop.orders", Account: "1", Region: "eu",
		Time:      time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Resources: []string{"order/1"},
		Detail:    []byte(detail),
		Meta:      event.Metadata{Bus: "default", Synthetic: true, Kind: event.KindEvent, Hops: 2},
	}
}

func TestRunBool(t *testing.T) {
	const detail = `{"total": 120.5, "paid": 100, "big": 9007199254740993, "items": [{"sku": "a", "n": 2}, {"sku": "b", "n": 0}], "note": null}`
	tests := []struct {
		source string
		want   bool
	}{
		{`detail.total > detail.paid`, true},
		{`detail.big == 9007199254740993`, true},
		{`detail.big == 9007199254740992`, false},
		{`detail.items[0].n == 2 && any(detail.items, .n == 0)`, true},
		{`detail.note == nil`, true},
		{`(detail.gone?.deeper ?? 7) == 7`, true},
		{`source startsWith "shop." && detail_type in ["OrderCreated"]`, true},
		{`"order/1" in resources`, true},
		{`time.Year() == 2026 && time > date("2025-01-01")`, true},
		{`metadata.synthetic && metadata.kind == "event" && metadata.hops == 2`, true},
		{`metadata.bus != "default"`, false},
	}
	env, err := New(order(detail))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			p, err := CompileBool(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.RunBool(env)
			if err != nil || got != tt.want {
				t.Errorf("got %v, error %v; want %v", got, err, tt.want)
			}
			if p.Source() != tt.source {
				t.Errorf("source is %q", p.Source())
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	tests := []struct {
		source string
		offset int
		want   string
	}{
		{``, 0, "the expression is empty"},
		{`detail.total >`, 13, "the expression ends too early"},
		{`source = "a"`, 7, `"=" is no operator: write == to compare`},
		{`source == "a`, 12, "a closing quote is missing"},
		{`source == ) 1`, 10, `")" can't stand here`},
		{`total > 1`, 0, "unknown name total (the names are id, detail_type,"},
		{`"ä" == sourc`, 8, "unknown name sourc"},
		{`source > 1`, 7, "invalid operation: > (mismatched types string and int)"},
		{`source`, 0, "expected bool, but got string"},
		{`now() > time`, 0, "unknown name now (an expression sees no clock"},
		{`metadata.synthetics`, 9, "type exprenv.Metadata has no field synthetics"},
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			_, err := CompileBool(tt.source)
			checkError(t, err, tt.offset, tt.want)
		})
	}
}

func TestRunErrors(t *testing.T) {
	tests := []struct {
		source string
		offset int
		want   string
	}{
		{`detail.gone.deeper > 1`, 12, "cannot fetch deeper from <nil> (the event has no such field; write ?."},
		{`detail.total > detail.paid`, 13, "invalid operation: int > string"},
		{`detail.paid`, 0, "invalid operation: bool(string) (a condition must give true or false)"},
		{`len(1..10000000) > 1`, 5, "memory budget exceeded"},
	}
	env, err := New(order(`{"total": 1, "paid": "1"}`))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.source, func(t *testing.T) {
			p, err := CompileBool(tt.source)
			if err != nil {
				t.Fatal(err)
			}
			_, err = p.RunBool(env)
			checkError(t, err, tt.offset, tt.want)
		})
	}
}

func checkError(t *testing.T, err error, offset int, want string) {
	t.Helper()
	var got *Error
	if !errors.As(err, &got) {
		t.Fatalf("error %v is no *Error", err)
	}
	text := strings.TrimPrefix(got.Error(), "at byte ")
	_, text, _ = strings.Cut(text, ": ")
	if !strings.HasPrefix(text, want) {
		t.Errorf("got %q, want %q", text, want)
	}
	if got.Offset != offset {
		t.Errorf("offset %d, want %d", got.Offset, offset)
	}
}

func TestNewRefuses(t *testing.T) {
	tests := []struct{ detail, want string }{
		{``, "detail: EOF"},
		{`[1]`, "detail: json: cannot unmarshal array"},
		{`{} {}`, "detail: text after the object"},
		{`{"a": {"b": [1e999]}}`, "detail: a: the number 1e999 is beyond the range of expressions"},
	}
	for _, tt := range tests {
		t.Run(tt.detail, func(t *testing.T) {
			_, err := New(order(tt.detail))
			if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

func BenchmarkRunBool(b *testing.B) {
	p, err := CompileBool(`detail.total > detail.paid && source startsWith "shop."`)
	if err != nil {
		b.Fatal(err)
	}
	ev := order(`{"total": 120.5, "paid": 100, "items": [{"sku": "a", "n": 2}]}`)
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := New(ev); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("run", func(b *testing.B) {
		env, err := New(ev)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if yes, err := p.RunBool(env); err != nil || !yes {
				b.Fatal(yes, err)
			}
		}
	})
}

func TestRunBoolOfAnotherType(t *testing.T) {
	p, err := Compile(`source`)
	if err != nil {
		t.Fatal(err)
	}
	env, err := New(order(`{}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.RunBool(env)
	checkError(t, err, 0, "the result is string, not true or false")
}
