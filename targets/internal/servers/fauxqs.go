package servers

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// FauxQS is a server that speaks the protocol of Amazon SQS. What it holds is in memory.
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

// Kill ends the server at once.
func (f *FauxQS) Kill() { f.running.kill() }
