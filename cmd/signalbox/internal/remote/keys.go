package remote

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api"
	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
	"signalbox/router"
)

func newKeysCommand(c *cli.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "ordering-keys",
		Aliases: []string{"keys"},
		Short:   "Look at the blocked ordering keys of a target, and unblock them",
		Long: `A target with order_by gets the events of one key in order. A key is blocked while
its first delivery waits for another attempt. With on_dead_letter: stop it is also
blocked after that delivery went to the dead-letter queue.`,
		Example: "  signalbox ordering-keys list warehouse\n  signalbox ordering-keys resume warehouse o-17",
		Args:    cli.NoSuchCommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newKeysListCommand(c), newKeysResumeCommand(c))
	return cmd
}

func newKeysListCommand(c *cli.Env) *cobra.Command {
	l := keysList{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:     "list <target>",
		Short:   "List the blocked ordering keys of a target",
		Example: "  signalbox ordering-keys list warehouse\n  signalbox ordering-keys list warehouse --output json",
		Args:    cli.Takes(1, 1),
		RunE:    func(cmd *cobra.Command, args []string) error { return l.run(cmd.Context(), args[0]) },
	}
	l.Flags(cmd)
	l.Watch(cmd)
	return cmd
}

type keysList struct{ connect.Command }

func (l *keysList) run(ctx context.Context, target string) error {
	ask := func(ctx context.Context, conn *client.Client) (all api.KeyPage, err error) {
		all.Keys, all.Next, err = client.Pages(0, func(cursor string, _ int) ([]router.BlockedKey, string, error) {
			page, err := conn.Targets.Keys(ctx, target, cursor)
			return page.Keys, page.Next, err
		})
		return all, err
	}
	return connect.Ask(ctx, &l.Command, ask, func(all api.KeyPage) error { return l.print(target, all.Keys) })
}

func (l *keysList) print(target string, keys []router.BlockedKey) error {
	if len(keys) == 0 {
		_, err := fmt.Fprintf(l.Stdout, "no ordering key of %s is blocked\n", target)
		return err
	}
	table := cli.NewGrid("KEY", "STATE", "SINCE", "PARKED", "HEAD")
	table.Less = []string{"SINCE", "HEAD"}
	for _, k := range keys {
		parked := fmt.Sprint(k.Parked)
		if k.More {
			parked = "over " + parked
		}
		table.Row(cli.Shorten(k.Key, 60), k.State, k.Since.Format(time.RFC3339), parked, k.Head)
	}
	return l.Show(table)
}

func newKeysResumeCommand(c *cli.Env) *cobra.Command {
	k := keysResume{connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "resume <target> <key>",
		Short: "Unblock an ordering key that a dead letter stopped",
		Long: `Unblock an ordering key that a dead letter stopped. The letter stays in the
dead-letter queue. If you replay it later, it comes after what was sent meanwhile.
To send it first, replay it instead: its key then continues by itself.`,
		Example: "  signalbox ordering-keys resume warehouse o-17",
		Args:    cli.Takes(2, 2),
		RunE:    func(cmd *cobra.Command, args []string) error { return k.run(cmd.Context(), args[0], args[1]) },
	}
	k.Flags(cmd)
	return cmd
}

type keysResume struct{ connect.Command }

func (k *keysResume) run(ctx context.Context, target, key string) error {
	ask := func(ctx context.Context, conn *client.Client) (map[string]string, error) {
		return map[string]string{"target": target, "key": key}, conn.Targets.ResumeKey(ctx, target, key)
	}
	return connect.Ask(ctx, &k.Command, ask, func(map[string]string) error {
		_, err := fmt.Fprintf(k.Stdout, "key %s of %s continues\n", key, target)
		return err
	})
}
