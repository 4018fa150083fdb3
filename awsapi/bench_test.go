package awsapi

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// BenchmarkPutRule puts rules where 10,000 are, by API, and tells the median. A start with them follows.
func BenchmarkPutRule(b *testing.B) {
	r := startWith(b, "targets: {t: {type: log}}\nrules: []\n")
	const rules, arn = 10_000, "arn:aws:lambda:eu-west-1:123456789012:function:t"
	documents := r.opts.Documents
	for i := range rules {
		d := &ruleDocument{Name: fmt.Sprintf("r-%05d", i), EventBusName: "default", State: enabled,
			EventPattern: fmt.Sprintf(`{"source":["shop-%d"],"detail":{"total":[{"numeric":[">",%d]}]}}`, i%500, i),
			Targets:      []target{{ID: "t", ARN: arn, text: compact(map[string]string{"Id": "t", "Arn": arn})}}}
		must(b, documents.store.Put(rulePath(d.EventBusName, d.Name), readable(d)))
	}
	must(b, r.stop())
	began := time.Now()
	r = start(b, r.dir, r.disk)
	b.Logf("started in %v", time.Since(began))
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		began := time.Now()
		body := fmt.Sprintf(`{"Name":"r-%05d","EventPattern":"{\"source\":[\"other-%d\"]}"}`, i%rules, i)
		if _, err := r.Call(nil, "PutRule", []byte(body)); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "median-ms")
}
