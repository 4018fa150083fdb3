package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The keys of AWS clients: one may all, one only read.
const (
	adminSecret  = "the-secret-of-the-admin-client"
	readerSecret = "the-secret-of-the-reader-client"
)

// awsClients are the clients that run the life of a bus, a rule and a target, each by a script.
var awsClients = map[string]struct {
	// command is what runs the script; it skips the test where the client is missing.
	command func(t *testing.T) []string
	script  string
	// more stands behind the script's arguments.
	more func(t *testing.T) string
	want string
}{
	"boto3": {command: boto3, script: "life.py", want: `created arn:aws:events:local:000000000000:event-bus/orders
listed ['rule-0', 'rule-1', 'rule-2'] ['rule-3', 'rule-4'] False
put 0
targets $.detail
described orders
tags [{'Key': 'team', 'Value': 'shop'}]
sent 0
state DISABLED
error ClientError ValidationException 400
error ResourceAlreadyExistsException ResourceAlreadyExistsException 400
error ResourceNotFoundException ResourceNotFoundException 400
error InvalidEventPatternException InvalidEventPatternException 400
error ClientError AccessDeniedException 400
error ClientError InvalidSignatureException 401
read 5
left ['default']
`},
	"JavaScript": {command: node, script: "life.mjs", more: npmRoot, want: `created arn:aws:events:local:000000000000:event-bus/orders
listed ["rule-0","rule-1","rule-2"] ["rule-3","rule-4"] false
put 0
targets $.detail
described Some. true
tags [{"Key":"team","Value":"shop"}]
sent 0
state DISABLED
error EventBridgeServiceException ValidationException 400
error own class ResourceAlreadyExistsException 400
error own class ResourceNotFoundException 400
error own class InvalidEventPatternException 400
error own class AccessDeniedException 400
error EventBridgeServiceException InvalidSignatureException 401
read 5
left ["default"]
`},
	"CLI": {command: bash, script: "life.sh", want: `created arn:aws:events:local:000000000000:event-bus/orders
listed rule-0 rule-1 rule-2 rule-3
put 0
targets $.detail
described orders
tags team shop
sent 0
state DISABLED
error (ValidationException)
error (ResourceAlreadyExistsException)
error (ResourceNotFoundException)
error (AccessDeniedException)
read 4
left default
`},
}

// The clients of Debian's packages.
const (
	python = "/usr/bin/python3"
	awsCLI = "/usr/bin/aws"
)

func boto3(t *testing.T) []string {
	if err := exec.Command(python, "-c", "import boto3").Run(); err != nil {
		t.Skip("SKIPPED: boto3 is not installed: apt-get install python3-boto3")
	}
	return []string{python}
}

func node(t *testing.T) []string {
	if _, err := os.Stat(filepath.Join(npmRoot(t), "@aws-sdk", "client-eventbridge")); err != nil {
		t.Skip("SKIPPED: the JavaScript SDK is not installed: npm install -g @aws-sdk/client-eventbridge")
	}
	return []string{"node"}
}

func npmRoot(t *testing.T) string {
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		t.Skip("SKIPPED: npm is not installed")
	}
	return strings.TrimSpace(string(root))
}

func bash(t *testing.T) []string {
	if _, err := os.Stat(awsCLI); err != nil {
		t.Skip("SKIPPED: the AWS CLI is not installed: apt-get install awscli")
	}
	return []string{"bash"}
}

// TestAWSClients runs the life of a bus, a rule and a target with AWS's own clients, whose requests are
// signed: an event arrives, errors are of the client's own classes, and a key that only reads changes
// nothing.
func TestAWSClients(t *testing.T) {
	for name, c := range awsClients {
		t.Run(name, func(t *testing.T) {
			command := c.command(t)
			s := newSink(t)
			p := newProcess(t, "targets: {hall: {type: http, url: \""+s.url+"\"}}\nrules: []\n")
			config, err := os.ReadFile(filepath.Join(p.dir, "config.yaml"))
			if err != nil {
				t.Fatal(err)
			}
			p.write("config.yaml", string(config)+"auth: {keys: [{name: admin, id: admin-client, secret: "+adminSecret+", rights: [admin, send]}, {name: reader, id: reader-client, secret: "+readerSecret+", rights: [read]}]}\n")
			p.start()
			args := append(command[1:], filepath.Join("testdata", "awslife", c.script), p.url, "arn:aws:lambda:local:000000000000:function:hall")
			if c.more != nil {
				args = append(args, c.more(t))
			}
			life := exec.CommandContext(t.Context(), command[0], args...)
			life.Env = append(os.Environ(), "ADMIN_SECRET="+adminSecret, "READER_SECRET="+readerSecret, "AWS="+awsCLI, "AWS_EC2_METADATA_DISABLED=true", "PYTHONWARNINGS=ignore", "NODE_NO_WARNINGS=1")
			out, err := life.CombinedOutput()
			if err != nil || string(out) != c.want {
				t.Errorf("%v, got\n%s\nwant\n%s", err, out, c.want)
			}
			p.eventually(10*time.Second, "delivered", func() bool { return len(s.receipts()) > 0 })
			if got := s.receipts(); len(got) != 1 || strings.ReplaceAll(string(got[0].body), " ", "") != `{"n":3}` {
				t.Errorf("%d deliveries arrived, the first %s", len(got), got[0].body)
			}
		})
	}
}
