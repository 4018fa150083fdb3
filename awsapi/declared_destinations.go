package awsapi

import (
	"strings"
	"time"

	"github.com/google/uuid"

	"signalbox/rules"
	"signalbox/secret"
	"signalbox/targets"
	"signalbox/targets/http"
)

// declaredDestination returns a target of a file as the API destination that it is: one of type http that logs in with a
// connection which the API tells of. ok is false for others, and for one whose address may not be shown.
func (a *API) declaredDestination(set *rules.Set, name string) (d destinationDocument, ok bool, err error) {
	config, known := set.Targets[name]
	o, isHTTP := config.Options.(*http.Options)
	if !known || !isHTTP || config.ARN != "" || o.Auth == nil || set.Connections[o.Auth.Connection] == nil {
		return d, false, nil
	}
	connection, ok, err := a.connectionOf(set.Connections[o.Auth.Connection])
	endpoint := literal(o.URL)
	if err != nil || !ok || endpoint == "" || strings.Contains(o.Shown(), secret.Mask) {
		return d, false, err
	}
	since := secondsOf(a.opts.Since)
	return destinationDocument{file: "the rule files", API: destinationSaid{
		Name: name, UUID: uuid.NewSHA1(uuid.NameSpaceURL, []byte("api-destination/"+name)).String(), Description: config.Description,
		ConnectionArn: a.connectionARN(&connection.API), InvocationEndpoint: endpoint, HTTPMethod: o.Method,
		InvocationRateLimitPerSecond: invocations(config.RateLimit), CreationTime: since, LastModifiedTime: since,
	}}, true, nil
}

// invocations is a rate in whole invocations a second; 0 for no limit.
func invocations(r targets.Rate) int {
	if r.N == 0 {
		return 0
	}
	return max(1, int(float64(r.N)*float64(time.Second)/float64(r.Per)))
}

// destinations returns all API destinations: those of the API, and those of files.
func (a *API) destinations(set *rules.Set) ([]destinationDocument, error) {
	all, err := documentsBelow[destinationDocument](a.opts.Documents, "api-destinations/")
	if err != nil {
		return nil, err
	}
	for name := range set.Targets {
		d, ok, err := a.declaredDestination(set, name)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, d)
		}
	}
	return all, nil
}

// targetARN is how a target is named in an entry of a file.
func (a *API) targetARN(set *rules.Set, target, written string) string {
	if d, ok, err := a.declaredDestination(set, target); ok && err == nil && !strings.HasPrefix(written, "arn:") {
		return a.destinationARN(&d.API)
	}
	return set.TargetARN(target, written, a.opts.Region, a.opts.Account)
}
