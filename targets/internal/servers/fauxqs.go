package servers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
)

// FauxQS is a server that speaks the protocols of Amazon SQS and SNS. What it holds is in memory.
type FauxQS struct {
	// Endpoint is its URL.
	Endpoint string
	// Client is the test's own.
	Client *sqs.Client

	t       testing.TB
	dist    string
	port    int
	running *process
}

// fauxQS listens on this machine alone, which the package's own command does not, and names
// queues by the address that it is asked at.
const fauxQS = `
const [, dist, port] = process.argv;
const { buildApp } = await import(dist + "/app.js");
const { SqsStore } = await import(dist + "/sqs/sqsStore.js");
const sqsStore = new SqsStore();
sqsStore.host = "";
await buildApp({ logger: false, stores: { sqsStore } }).listen({ port: Number(port), host: "127.0.0.1" });
`

// StartFauxQS starts a server.
func StartFauxQS(t testing.TB) *FauxQS {
	t.Helper()
	const missing = "fauxqs is not installed: npm install -g fauxqs@1.9 (Node 20)"
	root, err := exec.Command("npm", "root", "-g").Output()
	if err != nil {
		t.Skip(missing)
	}
	dist := filepath.Join(strings.TrimSpace(string(root)), "fauxqs", "dist")
	if _, err := os.Stat(dist); err != nil {
		t.Skip(missing)
	}
	f := &FauxQS{t: t, dist: dist, port: FreePort(t)}
	f.Endpoint = "http://" + local(f.port)
	pool := &http.Transport{}
	t.Cleanup(pool.CloseIdleConnections)
	f.Client = sqs.New(sqs.Options{
		Region: "us-east-1", BaseEndpoint: &f.Endpoint, HTTPClient: &http.Client{Transport: pool},
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	f.Start()
	return f
}

// Start starts the server again, empty.
func (f *FauxQS) Start() {
	f.t.Helper()
	f.running = start(f.t, nil, "node", "--input-type=module", "-e", fauxQS, "file://"+f.dist, fmt.Sprint(f.port))
	f.running.await("it serves", func() bool { return listens(local(f.port)) })
}

// Queue makes a queue, with attributes given as names and values in turn.
func (f *FauxQS) Queue(name string, attributes ...string) {
	f.t.Helper()
	in := &sqs.CreateQueueInput{QueueName: &name, Attributes: map[string]string{}}
	for i := 0; i < len(attributes); i += 2 {
		in.Attributes[attributes[i]] = attributes[i+1]
	}
	if _, err := f.Client.CreateQueue(context.Background(), in); err != nil {
		f.t.Fatal(err)
	}
}

// Receive takes all messages out of a queue. What an answer had that did not come, such as one to a wait that had
// just ended, is there again while it waits for more.
func (f *FauxQS) Receive(queue string) (all []types.Message) {
	f.t.Helper()
	url := f.Endpoint + "/000000000000/" + queue
	for {
		out, err := f.Client.ReceiveMessage(context.Background(), &sqs.ReceiveMessageInput{
			QueueUrl: &url, MaxNumberOfMessages: 10, VisibilityTimeout: 2, WaitTimeSeconds: 3, MessageAttributeNames: []string{"All"}, MessageSystemAttributeNames: []types.MessageSystemAttributeName{"All"},
		})
		if err != nil {
			f.t.Fatal(err)
		}
		if len(out.Messages) == 0 {
			return all
		}
		all = append(all, out.Messages...)
		for _, m := range out.Messages {
			if _, err := f.Client.DeleteMessage(context.Background(), &sqs.DeleteMessageInput{QueueUrl: &url, ReceiptHandle: m.ReceiptHandle}); err != nil {
				f.t.Fatal(err)
			}
		}
	}
}

// Attributes returns the attributes of a message that are texts.
func Attributes(m types.Message) map[string]string {
	out := map[string]string{}
	for name, a := range m.MessageAttributes {
		out[name] = aws.ToString(a.StringValue)
	}
	return out
}

// Topic makes a topic, and a queue of the same name that gets what is published to it as it is.
func (f *FauxQS) Topic(name string) {
	f.t.Helper()
	const account = ":us-east-1:000000000000:"
	create, attributes := url.Values{"Action": {"CreateTopic"}, "Name": {name}}, []string{}
	if strings.HasSuffix(name, ".fifo") {
		create.Set("Attributes.entry.1.key", "FifoTopic")
		create.Set("Attributes.entry.1.value", "true")
		attributes = []string{"FifoQueue", "true"}
	}
	f.Queue(name, attributes...)
	for _, form := range []url.Values{create, {
		"Action": {"Subscribe"}, "TopicArn": {"arn:aws:sns" + account + name}, "Protocol": {"sqs"}, "Endpoint": {"arn:aws:sqs" + account + name},
		"Attributes.entry.1.key": {"RawMessageDelivery"}, "Attributes.entry.1.value": {"true"},
	}} {
		answer, err := http.PostForm(f.Endpoint, form)
		if err != nil {
			f.t.Fatal(err)
		}
		body, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		if err != nil || answer.StatusCode != http.StatusOK {
			f.t.Fatalf("%s: %s %s, %v", form.Get("Action"), answer.Status, body, err)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// Kill ends the server at once.
func (f *FauxQS) Kill() { f.running.kill() }
