package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"signalbox/targets"
	"signalbox/targets/internal/servers"
	"signalbox/targets/targetstest"
)

// BenchmarkInsert puts 600-byte events in, 100 in a transaction, and in turn with that the bare
// client puts the same columns in, by one statement of as many rows. The ratio is that of the rates.
func BenchmarkInsert(b *testing.B) {
	s := &server{servers.StartPostgres(b), b}
	target := s.open(nil, targets.Env{}).(*target)
	batch := targetstest.Sized(100, 600)
	own := func() error {
		if each, whole := target.DeliverBatch(b.Context(), batch); each != nil || whole != nil {
			return fmt.Errorf("%v, %v", each, whole)
		}
		return nil
	}
	if err := own(); err != nil { // which makes the table
		b.Fatal(err)
	}
	loop := bare(b, s.connect(), target, batch)
	n := 0
	var took [2]time.Duration
	for b.Loop() {
		for i, put := range []func() error{own, loop} {
			for _, d := range batch {
				n++
				d.ID = fmt.Sprintf("0197a6c1-5b5e-8d32-8c1f-%012d", n)
			}
			begin := time.Now()
			if err := put(); err != nil {
				b.Fatal(err)
			}
			took[i] += time.Since(begin)
		}
	}
	b.ReportMetric(float64(100*b.N)/took[0].Seconds(), "rows/s")
	b.ReportMetric(float64(100*b.N)/took[1].Seconds(), "bare-rows/s")
	b.ReportMetric(took[1].Seconds()/took[0].Seconds(), "ratio")
}

// bare returns what puts a batch in by one statement, with all but its ids made beforehand.
func bare(b *testing.B, c *pgx.Conn, t *target, batch []*targets.Delivery) func() error {
	var params []string
	var args []any
	ids := map[int]*targets.Delivery{}
	for _, d := range batch {
		values, err := t.row(d)
		if err != nil {
			b.Fatal(err)
		}
		var row []string
		for i, v := range values {
			if t.columns[i].name == valueDeliveryID {
				ids[len(args)] = d
			}
			args = append(args, string(v))
			row = append(row, fmt.Sprintf("$%d", len(args)))
		}
		params = append(params, "("+strings.Join(row, ", ")+")")
	}
	before, rest, _ := strings.Cut(t.insert, "($1")
	_, after, _ := strings.Cut(rest, ")")
	sql := before + strings.Join(params, ", ") + after
	return func() error {
		for i, d := range ids {
			args[i] = d.ID
		}
		_, err := c.Exec(b.Context(), sql, args...)
		return err
	}
}
