package connect

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/dlq"
)

const (
	// completionTime is how long the router may take to answer somebody who has pressed Tab.
	completionTime = 2 * time.Second
	// maxCompletions is how many are proposed at most.
	maxCompletions = 200
)

// names asks a router for what an argument or a flag can be: a name, or one with a tab and a
// description behind it.
type names func(context.Context, *client.Client) ([]string, error)

// What a router can complete: flags, and first arguments as usages write them. --source is the
// source of events, which no router lists.
var (
	flags     = map[string]names{"target": targetNames, "rule": ruleNames, "bus": busNames}
	arguments = map[string]names{"target": targetNames, "rule": ruleNames, "source": sourceNames}
)

// AddCompletion lets the shell complete names that a running router knows, for all commands below
// one: those of its targets, rules, buses and sources, and the ids of its dead letters. Where no
// router answers, nothing is proposed.
func AddCompletion(c *cli.Env, cmd *cobra.Command) {
	for _, child := range cmd.Commands() {
		AddCompletion(c, child)
	}
	if cmd.Flag("url") == nil { // it asks no router
		return
	}
	for flag, of := range flags {
		if cmd.Flags().Lookup(flag) != nil {
			_ = cmd.RegisterFlagCompletionFunc(flag, completion(c, of))
		}
	}
	_, usage, _ := strings.Cut(cmd.Use, " ")
	for argument, of := range arguments {
		if strings.HasPrefix(usage, "<"+argument+">") {
			cmd.ValidArgsFunction = completion(c, of)
		}
	}
	if cmd.HasParent() && cmd.Parent().Name() == "dlq" && strings.Contains(usage, "id") && !strings.HasPrefix(cmd.Name(), "redrive") {
		cmd.ValidArgsFunction = completion(c, letterIDs)
	}
}

// completion asks the router that the flags of a command name.
func completion(c *cli.Env, of names) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(context.Background(), completionTime)
		defer cancel()
		conn, err := connectionOf(cmd).Client(c)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found, err := of(ctx, conn)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		found = slices.DeleteFunc(found, func(name string) bool { return slices.Contains(args, name) })
		return found[:min(len(found), maxCompletions)], cobra.ShellCompDirectiveNoFileComp
	}
}

// connectionOf returns what the flags of a command say of the router.
func connectionOf(cmd *cobra.Command) *Connection {
	value := func(flag string) string {
		if f := cmd.Flag(flag); f != nil {
			return f.Value.String()
		}
		return ""
	}
	return &Connection{url: value("url"), key: value("api-key"), tls: clientTLS{value("ca-cert"), value("client-cert"), value("client-key")}}
}

func targetNames(ctx context.Context, conn *client.Client) (all []string, err error) {
	targets, err := conn.Targets.List(ctx)
	for _, t := range targets {
		all = append(all, t.Name)
	}
	return all, err
}

func ruleNames(ctx context.Context, conn *client.Client) (all []string, err error) {
	rules, err := conn.Rules.List(ctx)
	for _, r := range rules {
		all = append(all, r.Name)
	}
	return all, err
}

func busNames(ctx context.Context, conn *client.Client) (all []string, err error) {
	rules, err := conn.Rules.List(ctx)
	for _, r := range rules {
		all = append(all, r.Bus)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}

func sourceNames(ctx context.Context, conn *client.Client) (all []string, err error) {
	sources, err := conn.Sources.List(ctx)
	for _, s := range sources {
		all = append(all, s.Name)
	}
	return all, err
}

func letterIDs(ctx context.Context, conn *client.Client) (all []string, err error) {
	page, err := conn.DeadLetters.List(ctx, dlq.Filter{}, "", maxCompletions)
	for _, l := range page.Letters {
		all = append(all, l.ID+"\t"+l.Target+": "+l.ErrorCode)
	}
	return all, err
}
