// Package awsapi answers the operations of EventBridge's own API about rules, targets, buses,
// tags, archives, replays, connections and API destinations, so that AWS's SDKs and tools show them.
package awsapi

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"signalbox/archive/archiver"
	"signalbox/audit"
	"signalbox/auth"
	"signalbox/event"
	"signalbox/replay"
	"signalbox/rules"
	"signalbox/secret"
)

// Options are what the API works with. All are required but Audit and Logger.
type Options struct {
	// Rules returns the Set that serves.
	Rules func() *rules.Set
	// Account and Region are those of ARNs here.
	Account, Region string
	// Documents are what was made by API.
	Documents *Documents
	// Change makes the documents of these sources serve in place of those that do, and calls keep,
	// which stores them; on an error nothing has changed. It is a config.Reloader's.
	Change func(others []rules.Documents, keep func() error) error
	// Audit remembers who changed what; it may be nil.
	Audit *audit.Log
	// Keys returns what encrypts the secrets of connections.
	Keys func() secret.Keys
	// Archives and Replays are the router's.
	Archives *archiver.Archiver
	Replays  *replay.Replays
	// ArchiveFolder is the folder in which the archives lie that are made by API.
	ArchiveFolder string
	// Quotas are AWS's limits that hold here too.
	Quotas Quotas
	// Since is the time of what has none of its own, such as buses of files.
	Since time.Time
	// Logger may be nil.
	Logger *zap.Logger
}

// Quotas are limits that AWS has; 0 is none.
type Quotas struct {
	// TargetsPerRule is how many targets a rule may have, ReplaysAtOnce how many replays may be at work.
	TargetsPerRule, ReplaysAtOnce int
}

// exceeded is the error of what would go over a quota.
func exceeded() error {
	return &event.Error{Code: "LimitExceededException", Message: "The requested resource exceeds the maximum number allowed."}
}

// API answers operations. It is safe for concurrent use.
type API struct {
	opts Options
	// mu is held by those who change something until that is on disk, so that each finds what the one
	// before has made, and by those who read.
	mu sync.RWMutex
	// invocation is what its SDK calls the request that holds mu to change something; empty for none.
	invocation string
	// warned is of the region.
	warned sync.Once
}

// New returns an API.
func New(opts Options) *API {
	if opts.Logger == nil {
		opts.Logger = zap.NewNop()
	}
	return &API{opts: opts}
}

// ofAWS is what the provider of AWS for Terraform takes for a region in an ARN.
var ofAWS = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-\d{1,2}$`)

// checkRegion tells whoever runs Terraform for the first time why it takes none of the ARNs of the router.
func (a *API) checkRegion(r *http.Request) {
	if ofAWS.MatchString(a.opts.Region) || !strings.Contains(r.UserAgent(), "terraform-provider-aws") {
		return
	}
	a.warned.Do(func() {
		a.opts.Logger.Warn("Terraform's provider of AWS refuses ARNs of this region as invalid: set region in config.yaml to one of AWS's, such as eu-west-1, and start the router again",
			zap.String("region", a.opts.Region))
	})
}

// operation is one that is answered.
type operation struct {
	right  auth.Right
	answer func(a *API, request []byte) (any, error)
}

// operations are all that are answered here; PutEvents is not.
var operations = map[string]operation{
	"CancelReplay":           {auth.Admin, answers((*API).cancelReplay)},
	"CreateApiDestination":   {auth.Admin, answers((*API).createAPIDestination)},
	"CreateConnection":       {auth.Admin, answers((*API).createConnection)},
	"DeauthorizeConnection":  {auth.Admin, answers((*API).deauthorizeConnection)},
	"DeleteApiDestination":   {auth.Admin, answers((*API).deleteAPIDestination)},
	"DeleteConnection":       {auth.Admin, answers((*API).deleteConnection)},
	"PutPermission":          {auth.Admin, answers((*API).putPermission)},
	"RemovePermission":       {auth.Admin, answers((*API).removePermission)},
	"UpdateApiDestination":   {auth.Admin, answers((*API).updateAPIDestination)},
	"UpdateConnection":       {auth.Admin, answers((*API).updateConnection)},
	"DescribeApiDestination": {auth.Read, answers((*API).describeAPIDestination)},
	"DescribeConnection":     {auth.Read, answers((*API).describeConnection)},
	"ListApiDestinations":    {auth.Read, answers((*API).listAPIDestinations)},
	"ListConnections":        {auth.Read, answers((*API).listConnections)},
	"CreateArchive":          {auth.Admin, answers((*API).createArchive)},
	"DeleteArchive":          {auth.Admin, answers((*API).deleteArchive)},
	"StartReplay":            {auth.Admin, answers((*API).startReplay)},
	"UpdateArchive":          {auth.Admin, answers((*API).updateArchive)},
	"DescribeArchive":        {auth.Read, answers((*API).describeArchive)},
	"DescribeReplay":         {auth.Read, answers((*API).describeReplay)},
	"ListArchives":           {auth.Read, answers((*API).listArchives)},
	"ListReplays":            {auth.Read, answers((*API).listReplays)},
	"CreateEventBus":         {auth.Admin, answers((*API).createEventBus)},
	"DeleteEventBus":         {auth.Admin, answers((*API).deleteEventBus)},
	"DeleteRule":             {auth.Admin, answers((*API).deleteRule)},
	"DisableRule":            {auth.Admin, answers((*API).disableRule)},
	"EnableRule":             {auth.Admin, answers((*API).enableRule)},
	"PutRule":                {auth.Admin, answers((*API).putRule)},
	"PutTargets":             {auth.Admin, answers((*API).putTargets)},
	"RemoveTargets":          {auth.Admin, answers((*API).removeTargets)},
	"TagResource":            {auth.Admin, answers((*API).tagResource)},
	"UntagResource":          {auth.Admin, answers((*API).untagResource)},
	"UpdateEventBus":         {auth.Admin, answers((*API).updateEventBus)},
	"DescribeEventBus":       {auth.Read, answers((*API).describeEventBus)},
	"DescribeRule":           {auth.Read, answers((*API).describeRule)},
	"ListEventBuses":         {auth.Read, answers((*API).listEventBuses)},
	"ListRuleNamesByTarget":  {auth.Read, answers((*API).listRuleNamesByTarget)},
	"ListRules":              {auth.Read, answers((*API).listRules)},
	"ListTagsForResource":    {auth.Read, answers((*API).listTagsForResource)},
	"ListTargetsByRule":      {auth.Read, answers((*API).listTargetsByRule)},
	"TestEventPattern":       {auth.Read, answers((*API).testEventPattern)},
}

// answers returns what decodes a request, which has been checked, for an operation.
func answers[Request any](f func(*API, *Request) (any, error)) func(*API, []byte) (any, error) {
	return func(a *API, request []byte) (any, error) {
		var in Request
		if err := json.Unmarshal(request, &in); err != nil {
			return nil, fmt.Errorf("a checked request can't be decoded: %w", err)
		}
		return f(a, &in)
	}
}

// Right returns what a key must be allowed for an operation; it is empty for one that is not
// answered here.
func (a *API) Right(operation string) auth.Right { return operations[operation].right }

// Call answers an operation with what becomes the body in JSON, nil for an empty one. An error that
// is meant for the caller is an *event.Error. What was changed is on disk, and serves.
func (a *API) Call(r *http.Request, name string, body []byte) (answer any, err error) {
	request, err := check(model()[name], body, a.busARN(""))
	if err != nil {
		return nil, err
	}
	a.checkRegion(r)
	op := operations[name]
	if op.right == auth.Read {
		a.mu.RLock()
		defer a.mu.RUnlock()
		return op.answer(a, request)
	}
	if a.opts.Audit != nil {
		did := a.opts.Audit.Begin(r, "aws."+name, objectOf(request))
		broken := "the operation failed"
		defer func() { did.End(broken) }()
		answer, err = a.write(r, &op, request)
		if broken = ""; err != nil {
			broken = err.Error()
		}
		return answer, err
	}
	return a.write(r, &op, request)
}

func (a *API) write(r *http.Request, op *operation, request []byte) (any, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.invocation = invocationOf(r)
	return op.answer(a, request)
}

// maxInvocation is the most characters of an invocation that is looked at; those of SDKs are UUIDs.
const maxInvocation = 64

// invocationOf returns what an SDK calls a request and all repeats of it; empty for none.
func invocationOf(r *http.Request) string {
	if id := r.Header.Get("Amz-Sdk-Invocation-Id"); len(id) <= maxInvocation {
		return id
	}
	return ""
}

// repeats reports whether the request that holds mu is a repeat of the one that made an object: its answer was lost, as
// in a crash, and is given again.
func (a *API) repeats(madeBy string) bool { return madeBy != "" && madeBy == a.invocation }

// objectOf returns the name of what a request changes, for the audit.
func objectOf(request []byte) string {
	var names struct{ EventBusName, Name, Rule, ResourceARN, ArchiveName, ReplayName string }
	if json.Unmarshal(request, &names) != nil {
		return ""
	}
	object := cmp.Or(names.Name, names.Rule, names.ResourceARN, names.ArchiveName, names.ReplayName)
	if names.EventBusName != "" {
		object = names.EventBusName + "/" + object
	}
	return object
}

// taken is the error of a name that something has already.
func taken(what string) error {
	return &event.Error{Code: "ResourceAlreadyExistsException", Message: what + " already exists."}
}

// notFound is a ResourceNotFoundException.
func notFound(format string, args ...any) error {
	return &event.Error{Code: event.CodeNotFound, Message: fmt.Sprintf(format, args...)}
}
