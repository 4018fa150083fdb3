package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"signalbox/dlq"
)

// leaving is what replay and purge have in common: letters are chosen, counted,
// asked about, and taken out of the queue.
type leaving struct {
	*cli
	connection
	filter      letterFilter
	all         bool
	dryRun, yes bool
	output      format
}

func (l *leaving) flags(cmd *cobra.Command) {
	l.connection.flags(cmd)
	l.filter.flags(cmd)
	cmd.Flags().BoolVar(&l.all, "all", false, "choose every dead letter")
	cmd.Flags().BoolVar(&l.dryRun, "dry-run", false, "count, and change nothing")
	cmd.Flags().BoolVarP(&l.yes, "yes", "y", false, "do not ask")
	l.output.flag(cmd)
}

// chosen gives the filter, and insists on --all where it would choose all.
func (l *leaving) chosen(ids []string) (dlq.Filter, error) {
	filter, err := l.filter.filter(l.cli, ids)
	switch {
	case err != nil:
		return filter, err
	case filter.Empty() && !l.all:
		return filter, wrongUsage("choose dead letters by id or by filter, or all of them with --all")
	case !filter.Empty() && l.all:
		return filter, wrongUsage("--all stands beside a filter: leave one of them out")
	case !l.dryRun && !l.yes && !isTerminal(l.stdin):
		return filter, wrongUsage("nobody can be asked, as standard input is not a terminal: give --yes or --dry-run")
	}
	return filter, nil
}

// act does the work: dry counts it, real does it and reports.
func (l *leaving) act(verb, done string, dry func() (dlq.Progress, error), real func(report func(dlq.Progress)) (dlq.Progress, error)) error {
	p, err := dry()
	if err != nil {
		return err
	}
	if l.dryRun || p.Total == 0 {
		return l.tell("would be "+done, p.Total, p)
	}
	if !l.yes {
		ok, err := confirm(l.stdin, l.stderr, fmt.Sprintf("%s %s?", verb, count(p.Total, "dead letter")))
		if err != nil || !ok {
			fmt.Fprintln(l.stderr, "nothing was changed")
			return err
		}
	}
	bar := newProgress(l.stderr)
	p, err = real(func(p dlq.Progress) { bar.show(p.Done+p.Skipped, p.Total) })
	bar.end()
	if err != nil {
		return err
	}
	return l.tell(done, p.Done, p)
}

// tell says how it ended. Letters that can't go are a failure.
func (l *leaving) tell(what string, n int, p dlq.Progress) error {
	if l.output == formatJSON {
		if err := printJSON(l.stdout, p); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(l.stdout, "%s %s\n", count(n, "dead letter"), what)
		if p.Skipped > 0 {
			fmt.Fprintf(l.stdout, "%d had left the queue before\n", p.Skipped)
		}
	}
	if len(p.Missing) == 0 {
		return nil
	}
	var stay []string
	for _, name := range slices.Sorted(maps.Keys(p.Missing)) {
		stay = append(stay, fmt.Sprintf("%s (%d)", name, p.Missing[name]))
	}
	return fmt.Errorf("letters stay, as their targets are not defined: %s; name another with --to", strings.Join(stay, ", "))
}
