package deadletters

import (
	"fmt"
	"strings"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/dlq"
)

// noLetters is the error if none of the ids is that of a dead letter.
func noLetters(ids []string) error {
	return fmt.Errorf("no dead letter has the id %s (signalbox dlq list shows them)", strings.Join(ids, " or "))
}

// chosen insists on --all where a filter would choose every letter, and on
// somebody who can be asked.
func chosen(c *cli.Env, filter dlq.Filter, all, sure bool) error {
	switch {
	case filter.Empty() && !all:
		return cli.WrongUsage("choose dead letters by id or by filter, or all of them with --all")
	case !filter.Empty() && all:
		return cli.WrongUsage("--all stands beside a filter: leave one of them out")
	case !sure && !cli.IsTerminal(c.Stdin):
		return cli.WrongUsage("nobody can be asked, as standard input is not a terminal: give --yes or --dry-run")
	}
	return nil
}
