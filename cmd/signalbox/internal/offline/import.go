package offline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/rules/cfn"
)

func newImportCommand(c *cli.Env) *cobra.Command {
	i := importCommand{Env: c}
	cmd := &cobra.Command{
		Use:   "import <template>",
		Short: "Make a rule file of a CloudFormation, CDK or SAM template, or a Terraform plan",
		Long: `Make a rule file of the EventBridge rules, buses, archives, connections and API
destinations in a template of CloudFormation (JSON or YAML), of the CDK (cdk synth)
or of SAM, or in a plan or a state of Terraform or OpenTofu (terraform show -json).
The rule file is printed, or written to the file of --to. API destinations, buses, and
queues whose ARN is known become targets; all others are stubs that log: fill them in.
No secret is taken over: the environment must have it. What the template does not
tell, and what a rule file can't say, stands in comments, each with its resource and
property. Needs no running router.

Exit codes: 0 all is well, 1 a failure, 2 wrong usage.`,
		Example: "  signalbox import template.yaml > rules/imported.yaml\n  signalbox import cdk.out/Stack.template.json --to rules/stack.yaml\n  terraform show -json plan.out | signalbox import - > rules/plan.yaml\n  terraform show -json | signalbox import - > rules/state.yaml",
		Args:    cli.Takes(1, 1),
		RunE:    func(_ *cobra.Command, args []string) error { return i.run(args[0]) },
	}
	i.output.Flag(cmd)
	cmd.Flags().StringVar(&i.to, "to", "", "write the rule file here; it must not exist yet")
	return cmd
}

type importCommand struct {
	*cli.Env
	to     string
	output cli.Format
}

func (i *importCommand) run(file string) error {
	src, err := i.ReadInput("the template", file)
	if err != nil {
		return err
	}
	found, err := cfn.Convert(file, src)
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if i.to != "" {
		err = writeNew(i.to, found.YAML)
	}
	switch {
	case err != nil:
		return err
	case i.output == cli.JSON:
		return cli.PrintJSON(i.Stdout, found)
	case i.to == "":
		_, err = fmt.Fprint(i.Stdout, found.YAML)
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(i.Stderr, "%s, %s to fill in, %s to look at\n", cli.Count(found.Rules, "rule"), cli.Count(found.Stubs, "target"), cli.Count(len(found.Notes), "comment"))
	return nil
}

// writeNew writes a file that must not exist yet.
func writeNew(path, text string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists already: remove it, or name another file", path)
	}
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}
