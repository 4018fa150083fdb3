package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// Format is a --output flag: how a command prints its results.
type Format string

const (
	Text Format = "text"
	JSON Format = "json"
)

// String makes format a flag value.
func (f *Format) String() string { return string(*f) }

// Type names the values in help texts.
func (f *Format) Type() string { return "text|json" }

// Set reads the flag.
func (f *Format) Set(text string) error {
	switch Format(text) {
	case Text, JSON:
		*f = Format(text)
		return nil
	}
	return fmt.Errorf("%q is neither text nor json", text)
}

// Flag adds the flag to a command.
func (f *Format) Flag(cmd *cobra.Command) {
	*f = Text
	cmd.Flags().VarP(f, "output", "o", "print results for people (text) or for programs (json)")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions([]string{"text", "json"}, cobra.ShellCompDirectiveNoFileComp))
}

// Choice is a --output flag of a command with formats of its own.
type Choice struct {
	Format
	of []string
}

// Type names the values in help texts.
func (c *Choice) Type() string { return strings.Join(c.of, "|") }

// Set reads the flag.
func (c *Choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("%q is none of %s", text, strings.Join(c.of, ", "))
	}
	c.Format = Format(text)
	return nil
}

// FlagOf adds the flag; the first format is the default.
func (c *Choice) FlagOf(cmd *cobra.Command, formats ...Format) {
	c.Format = formats[0]
	for _, f := range formats {
		c.of = append(c.of, string(f))
	}
	cmd.Flags().VarP(c, "output", "o", "the form of what is printed")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(c.of, cobra.ShellCompDirectiveNoFileComp))
}

// PrintJSON prints a result for programs.
func PrintJSON(w io.Writer, result any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(result)
}

// Lines returns a function that prints a line of a name and a value, in two columns; none
// where the value is empty.
func Lines(w io.Writer) func(name, value string) {
	return func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, value)
		}
	}
}

// Count returns a number with its noun: 1 rule, 2 rules, 2 deliveries.
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if stem, ok := strings.CutSuffix(noun, "ry"); ok {
		return fmt.Sprintf("%d %sries", n, stem)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Shorten cuts a text after a number of characters.
func Shorten(text string, n int) string {
	if runes := []rune(text); len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return text
}

// Cause returns the text of an error without the request in it, as in POST http://…: 503: a
// listing has room for the rest.
func Cause(text string) string {
	address := strings.Index(text, "://")
	if address < 0 {
		return text
	}
	_, cause, ok := strings.Cut(text[address:], ": ")
	if !ok {
		return text
	}
	code := ""
	if before := strings.LastIndex(text[:address], ": "); before >= 0 {
		code = text[:before] + ": "
	}
	return code + cause
}
