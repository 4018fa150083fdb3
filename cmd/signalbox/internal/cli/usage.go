package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"signalbox/spelling"
)

// UsageError means that a command was called wrongly.
type UsageError struct{ err error }

// Error returns what is wrong.
func (u *UsageError) Error() string { return u.err.Error() }

// Unwrap returns the cause.
func (u *UsageError) Unwrap() error { return u.err }

// WrongUsage returns a UsageError.
func WrongUsage(format string, args ...any) error { return &UsageError{fmt.Errorf(format, args...)} }

// WrongFlag is the error of a flag that can't be read, with the one that was
// probably meant.
func WrongFlag(cmd *cobra.Command, err error) error {
	hint := ""
	var unknown *pflag.NotExistError
	switch {
	case errors.As(err, &unknown):
		hint = likeFlag(cmd, unknown.GetSpecifiedName())
	case strings.Contains(err.Error(), "missing unit in duration"), strings.Contains(err.Error(), "invalid duration"):
		hint = " (write a number and its unit, such as 500ms, 30s or 5m)"
	}
	return WrongUsage("%w%s", err, hint)
}

// likeFlag proposes a flag of the command whose name is near to what was written.
func likeFlag(cmd *cobra.Command, written string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, "--"+f.Name) })
	slices.Sort(names)
	return spelling.Suggest("--"+written, names)
}

// Takes checks that a command gets so many arguments, none of them empty, as an
// unset variable of a shell would be.
func Takes(least, most int) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case slices.Contains(args, ""):
			return WrongUsage("an argument is empty")
		case len(args) > most:
			return WrongUsage("%q: one argument too many; write %s", args[most], callOf(cmd))
		case len(args) < least:
			return WrongUsage("an argument is missing; write %s", callOf(cmd))
		}
		return nil
	}
}

// callOf is how a command is called, without its flags.
func callOf(cmd *cobra.Command) string {
	_, arguments, _ := strings.Cut(cmd.Use, " ")
	return strings.TrimSpace(cmd.CommandPath() + " " + arguments)
}

// AnyNumber is the most that takes allows where there is no bound.
const AnyNumber = 1 << 20

// NoSuchCommand is the Args of a command that does nothing without a subcommand.
func NoSuchCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	cmd.SuggestionsMinimumDistance = 2 // as cobra has it where it makes suggestions itself
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf(" (did you mean %q?)", strings.Join(like, `" or "`))
	}
	return WrongUsage("unknown command %q%s", args[0], hint)
}
