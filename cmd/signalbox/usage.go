package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signalbox/spelling"
)

// usageError means that a command was called wrongly.
type usageError struct{ err error }

func (u *usageError) Error() string { return u.err.Error() }
func (u *usageError) Unwrap() error { return u.err }

func wrongUsage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// wrongFlag is the error of a flag that can't be read, with the one that was
// probably meant.
func wrongFlag(cmd *cobra.Command, err error) error {
	hint := ""
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &unknown):
		hint = likeFlag(cmd, unknown.GetSpecifiedName())
	case strings.Contains(err.Error(), "missing unit in duration"), strings.Contains(err.Error(), "invalid duration"):
		hint = " (write a number and its unit, such as 500ms, 30s or 5m)"
	}
	return wrongUsage("%w%s", err, hint)
}

// likeFlag proposes a flag of the command whose name is near to what was written.
func likeFlag(cmd *cobra.Command, written string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	slices.Sort(names)
	return spelling.Suggest("--"+written, names)
}

// takes checks that a command gets so many arguments, none of them empty, as an
// unset variable of a shell would be.
func takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case slices.Contains(args, ""):
			return wrongUsage("an argument is empty")
		case len(args) > most:
			return wrongUsage("%q: one argument too many; write %s", args[most], callOf(cmd))
		case len(args) < least:
			return wrongUsage("an argument is missing; write %s", callOf(cmd))
		}
		return nil
	}
}

// callOf is how a command is called, without its flags.
func callOf(cmd *cobra.Command) string {
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	return strings.TrimSpace(cmd.CommandPath() + " " + arguments)
}

// anyNumber is the most that takes allows where there is no bound.
const anyNumber = 1 << 20

// noSuchCommand is the Args of a command that does nothing without a subcommand.
func noSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // as cobra has it where it makes suggestions itself
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf(" (did you mean %q?)", strings.Join(like, `" or "`))
	}
	return wrongUsage("unknown command %q%s", args[0], hint)
}
