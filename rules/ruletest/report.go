package ruletest

import (
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"iter"
	"strings"
)

// WriteText writes results for people: failures in full, a line for each file,
// and the sum. If verbose is set, each test has a line.
func WriteText(w io.Writer, results []Result, verbose bool) error {
	out := bufio.NewWriter(w)
	passed, failed := 0, 0
	for suite := range suites(results) {
		for i := range suite.results {
			writeTest(out, &suite.results[i], verbose)
		}
		passed += len(suite.results) - suite.failed
		failed += suite.failed
		fmt.Fprintf(out, "%s: %d passed, %d failed\n", suite.file, len(suite.results)-suite.failed, suite.failed)
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", passed, failed)
	return out.Flush()
}

func writeTest(out io.Writer, r *Result, verbose bool) {
	if r.Passed() {
		if verbose {
			fmt.Fprintf(out, "ok    %s\n", r.Name)
		}
		return
	}
	fmt.Fprintf(out, "FAIL  %s\n", r.Name)
	for _, f := range r.Failures {
		fmt.Fprintf(out, "      %s: %s\n", f.Pos, strings.ReplaceAll(f.Text, "\n", "\n        "))
	}
}

// suite is the results of one file.
type suite struct {
	file    string
	results []Result
	failed  int
}

// suites returns the results file by file.
func suites(results []Result) iter.Seq[suite] {
	return func(yield func(suite) bool) {
		for len(results) > 0 {
			s := suite{file: results[0].File}
			n := 0
			for n < len(results) && results[n].File == s.file {
				if !results[n].Passed() {
					s.failed++
				}
				n++
			}
			s.results, results = results[:n], results[n:]
			if !yield(s) {
				return
			}
		}
	}
}

// The elements of a JUnit report, as CI systems read them.
type (
	junitReport struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string        `xml:"name,attr"`
		Class   string        `xml:"classname,attr"`
		File    string        `xml:"file,attr"`
		Line    int           `xml:"line,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes results as a JUnit report in XML.
func WriteJUnit(w io.Writer, results []Result) error {
	var report junitReport
	for s := range suites(results) {
		js := junitSuite{Name: s.file, Tests: len(s.results), Failures: s.failed}
		var seconds float64
		for i := range s.results {
			js.Cases = append(js.Cases, junit(&s.results[i]))
			seconds += s.results[i].Took.Seconds()
		}
		js.Time = fmt.Sprintf("%.6f", seconds)
		report.Tests += js.Tests
		report.Failures += js.Failures
		report.Suites = append(report.Suites, js)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(report); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func junit(r *Result) junitCase {
	c := junitCase{
		Name:  r.Name,
		Class: r.File,
		File:  r.Pos.File,
		Line:  r.Pos.Line,
		Time:  fmt.Sprintf("%.6f", r.Took.Seconds()),
	}
	if r.Passed() {
		return c
	}
	var text strings.Builder
	for _, f := range r.Failures {
		fmt.Fprintf(&text, "%s: %s\n", f.Pos, f.Text)
	}
	first, _, _ := strings.Cut(r.Failures[0].Text, "\n")
	c.Failure = &junitFailure{Message: first, Text: text.String()}
	return c
}
