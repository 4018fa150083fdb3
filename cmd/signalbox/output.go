package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// format is a --output flag: how a command prints its results.
type format string

const (
	formatText format = "text"
	formatJSON format = "json"
)

// String makes format a flag value.
func (f *format) String() string { return string(*f) }

// Type names the values in help texts.
func (f *format) Type() string { return "text|json" }

// Set reads the flag.
func (f *format) Set(text string) error {
	switch format(text) {
	case formatText, formatJSON:
		*f = format(text)
		return nil
	}
	return fmt.Errorf("%q is neither text nor json", text)
}

func (f *format) flag(cmd *cobra.Command) {
	*f = formatText
	cmd.Flags().VarP(f, "output", "o", "print results for people (text) or for programs (json)")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// choice is a --output flag of a command with formats of its own.
type choice struct {
	format
	of []string
}

// Type names the values in help texts.
func (c *choice) Type() string { return strings.Join(c.of, "|") }

// Set reads the flag.
func (c *choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(c.of, ", "))
	}
	c.format = format(text)
	return nil
}

// flagOf adds the flag; the first format is the default.
func (c *choice) flagOf(cmd *cobra.Command, formats ...format) {
	c.format = formats[0]
	for _, f := range formats {
		c.of = append(c.of, string(f))
	}
	cmd.Flags().VarP(c, "output", "o", "the form of what is printed")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp))
}

// printJSON prints a result for programs.
func printJSON(w io.Writer, result any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}

// count returns a number with its noun: 1 rule, 2 rules.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
