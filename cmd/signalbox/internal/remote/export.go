package remote

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"signalbox/api/client"
	"signalbox/awsapi/template"
	"signalbox/catalog"
	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/cmd/signalbox/internal/connect"
)

func newTemplateCommand(c *cli.Env) *cobra.Command {
	e := templateCommand{Command: connect.Command{Env: c}}
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a CloudFormation template, or Terraform, of what a router has",
		Long: `Write the buses, rules with their targets, archives, connections and API destinations
of a router as a template of CloudFormation, or in Terraform's JSON syntax for a file
that ends in .tf.json. Secrets are parameters there, or variables. What can't be said
is listed on standard error, such as when: and transform:, and leaves the exit code 0;
with --strict it is 1, and nothing is written.`,
		Example: "  signalbox export --format cloudformation > rules.template.json\n  signalbox export --format terraform > rules.tf.json",
		Args:    cli.Takes(0, 0),
		RunE:    func(cmd *cobra.Command, _ []string) error { return e.run(cmd.Context()) },
	}
	e.Flags(cmd)
	cmd.Flags().StringVar(&e.format, "format", "", "cloudformation or terraform")
	cmd.Flags().BoolVar(&e.strict, "strict", false, "fail where something can't be said")
	return cmd
}

type templateCommand struct {
	connect.Command
	format string
	strict bool
}

func (e *templateCommand) run(ctx context.Context) error {
	write, ok := map[string]func(*template.Model) ([]byte, error){
		"cloudformation": (*template.Model).CloudFormation, "terraform": (*template.Model).Terraform,
	}[e.format]
	if !ok {
		return cli.WrongUsage("--format %q: write cloudformation or terraform", e.format)
	}
	conn, err := e.Client()
	if err != nil {
		return err
	}
	m, err := collect(ctx, conn)
	if err != nil {
		return err
	}
	text, err := write(m)
	if err != nil {
		return err
	}
	for _, line := range m.Left {
		fmt.Fprintln(cli.NewPrintable(e.Stderr), "left out:", line)
	}
	if e.strict && len(m.Left) > 0 {
		return fmt.Errorf("%s can't be said: leave out --strict to have the rest", cli.Count(len(m.Left), "thing"))
	}
	_, err = e.Stdout.Write(text)
	return err
}

// collect asks a router for all that it has, and for what of it has no counterpart.
func collect(ctx context.Context, conn *client.Client) (*template.Model, error) {
	m, err := template.Collect(func(operation string, in map[string]any, out any) error {
		return conn.Rules.AWS(ctx, operation, in, out)
	})
	if err != nil {
		return nil, err
	}
	for i := range m.Rules {
		r := &m.Rules[i]
		file, err := conn.Rules.Get(ctx, r.EventBusName, r.Name)
		if err == nil {
			err = m.Lose(r, file)
		}
		if err != nil {
			return nil, err
		}
	}
	beyond, err := beyond(ctx, conn)
	if err != nil {
		return nil, err
	}
	m.LoseBeyond(beyond)
	return m, nil
}

// beyond asks a router for what EventBridge's API does not tell.
func beyond(ctx context.Context, conn *client.Client) (*template.Beyond, error) {
	b := &template.Beyond{}
	buses, err := conn.Rules.Buses(ctx)
	if err != nil {
		return nil, err
	}
	for _, bus := range buses {
		one := template.BeyondBus{Name: bus.Name}
		if bus.Bubble {
			one.Options = append(one.Options, "bubble")
		}
		if bus.Catalog != "" && bus.Catalog != catalog.Off {
			one.Options = append(one.Options, "catalog: "+string(bus.Catalog))
		}
		if bus.PublishDeadLetters {
			one.Options = append(one.Options, "publish_dead_letters")
		}
		b.Buses = append(b.Buses, one)
	}
	targets, err := conn.Targets.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range targets {
		b.Targets = append(b.Targets, template.BeyondTarget{Name: t.Name, Config: t.Config})
	}
	sources, err := conn.Sources.List(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		b.Sources = append(b.Sources, s.Name)
	}
	archives, err := conn.Archives.List(ctx)
	for _, a := range archives {
		b.Archives = append(b.Archives, a.Name)
	}
	return b, err
}
