package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/router"
)

func newKeysCommand(c *cli) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ordering-keys",
		Aliases: []string{"keys"},
		Short:   "Look at the blocked ordering keys of a target, and unblock them",
		Long: `A target with order_by gets the events of one key in order. A key does not continue
while the first of its deliveries waits for another attempt, or after that died,
where the target says on_dead_letter: stop.`,
		Example: "  signalbox ordering-keys list warehouse\n  signalbox ordering-keys resume warehouse o-17",
		Args:    noSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysListCommand(c), newKeysResumeCommand(c))
	return cmd
}

func newKeysListCommand(c *cli) *cobra.Command {
	l := keysList{cli: c}
	cmd := &cobra.Command{
		Use:     "list <target>",
		Short:   "List the blocked ordering keys of a target",
		Example: "  signalbox ordering-keys list warehouse\n  signalbox ordering-keys list warehouse --output json",
		Args:    takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), args[0]) },
	}
	l.connection.flags(cmd)
	l.output.flag(cmd)
	return cmd
}

type keysList struct {
	*cli
	connection
	output format
}

func (l *keysList) run(ctx context.Context, target string) error {
	conn, err := l.client(l.connection)
	if err != nil {
		return err
	}
	all := api.KeyPage{Keys: []router.BlockedKey{}}
	for more := true; more; more = all.Next != "" {
		page, err := conn.Targets.Keys(ctx, target, all.Next)
		if err != nil {
			return err
		}
		all.Keys, all.Next = append(all.Keys, page.Keys...), page.Next
	}
	if l.output == formatJSON {
		return printJSON(l.stdout, all)
	}
	return l.print(target, all.Keys)
}

func (l *keysList) print(target string, keys []router.BlockedKey) error {
	if len(keys) == 0 {
		_, err := fmt.Fprintf(l.stdout, "no ordering key of %s is blocked\n", target)
		return err
	}
	table := newGrid("KEY", "STATE", "SINCE", "PARKED", "HEAD")
	table.less = []string{"SINCE", "HEAD"}
	for _, k := range keys {
		parked := fmt.Sprint(k.Parked)
		if k.More {
			parked = "over " + parked
		}
		table.row(shorten(k.Key, 60), k.State, k.Since.Format(time.RFC3339), parked, k.Head)
	}
	return l.show(table)
}

func newKeysResumeCommand(c *cli) *cobra.Command {
	k := keysResume{cli: c}
	cmd := &cobra.Command{
		Use:   "resume <target> <key>",
		Short: "Unblock an ordering key that a dead letter stopped",
		Long: `Unblock an ordering key that a dead letter stopped. The letter stays in the
dead-letter queue; redriven later, it comes after what was sent meanwhile. To send
it first, redrive it instead: its key then continues by itself.`,
		Example: "  signalbox ordering-keys resume warehouse o-17",
		Args:    takes(2, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return k.run(cmd.Context(), args[0], args[1]) },
	}
	k.connection.flags(cmd)
	k.output.flag(cmd)
	return cmd
}

type keysResume struct {
	*cli
	connection
	output format
}

func (k *keysResume) run(ctx context.Context, target, key string) error {
	conn, err := k.client(k.connection)
	if err != nil {
		return err
	}
	if err := conn.Targets.ResumeKey(ctx, target, key); err != nil {
		return err
	}
	if k.output == formatJSON {
		return printJSON(k.stdout, map[string]string{"target": target, "key": key})
	}
	_, err = fmt.Fprintf(k.stdout, "key %s of %s continues\n", key, target)
	return err
}
