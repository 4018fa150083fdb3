package main

import (
	"encoding/json"
	"fmt"
	"io"

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

// printJSON prints a result for programs.
func printJSON(w io.Writer, result any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}

// count gives a number with its noun: 1 rule, 2 rules.
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
