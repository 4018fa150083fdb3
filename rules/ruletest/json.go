package ruletest

import (
	"encoding/json"
	"io"
)

type (
	jsonReport struct {
		Passed int        `json:"passed"`
		Failed int        `json:"failed"`
		Tests  []jsonTest `json:"tests"`
	}
	jsonTest struct {
		Name     string        `json:"name"`
		File     string        `json:"file"`
		Line     int           `json:"line"`
		Passed   bool          `json:"passed"`
		Failures []jsonFailure `json:"failures,omitempty"`
	}
	jsonFailure struct {
		File    string `json:"file"`
		Line    int    `json:"line"`
		Column  int    `json:"column"`
		Message string `json:"message"`
	}
)

// WriteJSON writes results for programs: each test with its failures, and the sum.
func WriteJSON(w io.Writer, results []Result) error {
	report := jsonReport{Tests: []jsonTest{}}
	for i := range results {
		r := &results[i]
		t := jsonTest{Name: r.Name, File: r.File, Line: r.Pos.Line, Passed: r.Passed()}
		for _, f := range r.Failures {
			t.Failures = append(t.Failures, jsonFailure{File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Column, Message: f.Text})
		}
		if t.Passed {
			report.Passed++
		} else {
			report.Failed++
		}
		report.Tests = append(report.Tests, t)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(report)
}
