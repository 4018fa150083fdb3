package exprenv

import (
	"fmt"
	"sync"
	"testing"

	"github.com/expr-lang/expr"
)

// TestDialectCompilesAsExprDoes compiles with configurations that are used again, by several at once,
// and holds the program or the error against that of expr.Compile.
func TestDialectCompilesAsExprDoes(t *testing.T) {
	sources := []string{
		"detail.total > detail.paid + 5", "detail.a.b?.c ?? 'x' == 'x'", "source in ['a', 'b'] and detail_type startsWith 'Order'",
		"any(detail.items, .price > 3)", "all(resources, # matches '^arn:')", "uniq(detail.tags) == [1]", "len(metadata.bus) > 2",
		"replace(source, 'a', 'b') == 'b'", "join(resources, ',') != ''", "time.Year() > 2000", "let x = detail.a; x > 1 and x < 9",
		"count(detail.items) > 1 ? true : false", "1 + 2 == 3", "detail.a matches '['",
		"now()", "sourc == 'a'", "detail.total >", "source > 5", "detail_type", "'text'", "repeat(source, 3)", "(",
	}
	options := append([]expr.Option{expr.AsBool(), expr.Env(&Env{}), expr.DisableBuiltin("now")}, boundedTexts()...)
	d := newDialect(ofEvents, expr.AsBool())
	compile := func(source string) string {
		p, err := d.compile(source)
		if err != nil {
			return err.Error()
		}
		return p.program.Disassemble()
	}
	want := map[string]string{}
	for _, source := range sources {
		plain, err := expr.Compile(source, options...)
		if err == nil && costs(plain.Node()) {
			plain, err = expr.Compile(source, append(options[:len(options):len(options)], expr.Patch(metering{}))...)
		}
		if err != nil {
			want[source] = ofEvents.located(source, err).Error()
		} else {
			want[source] = plain.Disassemble()
		}
	}
	var all sync.WaitGroup
	for k := range 4 {
		all.Go(func() {
			for i := range 3 * len(sources) {
				source := sources[(i*(2*k+1)+k)%len(sources)]
				if got := compile(source); got != want[source] {
					t.Errorf("%s:\n%s\nwant\n%s", source, got, want[source])
				}
			}
		})
	}
	all.Wait()
}

// BenchmarkCompile compiles conditions of which none is like another.
func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := CompileBool(fmt.Sprintf("detail.total > detail.paid + %d", i)); err != nil {
			b.Fatal(err)
		}
	}
}
