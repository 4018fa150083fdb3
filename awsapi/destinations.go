package awsapi

import (
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"signalbox/secret"
)

// destinationDocument is an API destination: the target that it is, and beside that what only the API
// tells. Its JSON is a rule file.
type destinationDocument struct {
	API     destinationSaid          `json:"Api"`
	Targets map[string]targetSection `json:"targets"`
	// file is where a destination stands that is not the API's.
	file string
}

// destinationSaid is an API destination as the API tells of it.
type destinationSaid struct {
	Name, UUID                   string
	Description                  string `json:",omitempty"`
	ConnectionArn                string
	InvocationEndpoint           string
	HTTPMethod                   string `json:"HttpMethod"`
	InvocationRateLimitPerSecond int
	CreationTime                 seconds
	LastModifiedTime             seconds
	// Invocation is of the request that made it.
	Invocation string `json:",omitempty"`
}

// targetSection is a target as a rule file has it.
type targetSection struct {
	Type      string            `json:"type"`
	ARN       string            `json:"arn"`
	URL       string            `json:"url"`
	Method    string            `json:"method"`
	RateLimit string            `json:"rate_limit"`
	Auth      map[string]string `json:"auth"`
}

// defaultRate is how many invocations a second an API destination gets where nothing else is said.
const defaultRate = 300

func destinationPath(name string) string { return "api-destinations/" + name + ".json" }

// destinationPrefix begins the names of the targets that API destinations are.
const destinationPrefix = "api-destination-"

func (a *API) destinationARN(d *destinationSaid) string {
	return a.arn("api-destination/" + d.Name + "/" + d.UUID)
}

func (a *API) apiDestination(name string) (d destinationDocument, err error) {
	found, err := a.opts.Documents.read(destinationPath(name), &d)
	if err == nil && !found {
		d, found, err = a.declaredDestination(a.opts.Rules(), name)
	}
	if err == nil && !found {
		err = notFound("Failed to describe the api-destination(s). An api-destination '%s' does not exist.", name)
	}
	return d, err
}

// ownDestination returns an API destination of the API.
func (a *API) ownDestination(name string) (destinationDocument, error) {
	d, err := a.apiDestination(name)
	if err == nil && d.file != "" {
		err = managed("An api-destination '"+name+"'", d.file)
	}
	return d, err
}

// destinationView is an API destination in an answer.
type destinationView struct {
	APIDestinationArn            string `json:"ApiDestinationArn"`
	Name                         string
	Description                  string `json:",omitempty"`
	APIDestinationState          string `json:"ApiDestinationState"`
	ConnectionArn                string
	InvocationEndpoint           string
	HTTPMethod                   string `json:"HttpMethod"`
	InvocationRateLimitPerSecond int    `json:",omitempty"`
	CreationTime                 seconds
	LastModifiedTime             seconds
}

// destinationState is the state of an API destination: it is active unless its connection is deauthorized.
func (a *API) destinationState(d *destinationSaid) string {
	name, _, _ := strings.Cut(strings.TrimPrefix(d.ConnectionArn, a.arn("connection/")), "/")
	if c := a.opts.Rules().Connections[name]; c != nil && c.Auth.Deauthorized == "" {
		return "ACTIVE"
	}
	return "INACTIVE"
}

func (a *API) listedDestination(d *destinationSaid) destinationView {
	return destinationView{
		APIDestinationArn: a.destinationARN(d), Name: d.Name, APIDestinationState: a.destinationState(d), ConnectionArn: d.ConnectionArn,
		InvocationEndpoint: d.InvocationEndpoint, HTTPMethod: d.HTTPMethod, InvocationRateLimitPerSecond: d.InvocationRateLimitPerSecond,
		CreationTime: d.CreationTime, LastModifiedTime: d.LastModifiedTime,
	}
}

type destinationName struct{ Name string }

func (a *API) describeAPIDestination(in *destinationName) (any, error) {
	d, err := a.apiDestination(in.Name)
	if err != nil {
		return nil, err
	}
	v := a.listedDestination(&d.API)
	v.Description = d.API.Description
	return v, nil
}

func (a *API) listAPIDestinations(in *struct {
	paging
	NamePrefix, ConnectionArn string
}) (any, error) {
	all, err := a.destinations(a.opts.Rules())
	if err != nil {
		return nil, err
	}
	name := func(d destinationDocument) string { return d.API.Name }
	var of []destinationDocument
	for _, d := range all {
		if in.ConnectionArn == "" || d.API.ConnectionArn == in.ConnectionArn {
			of = append(of, d)
		}
	}
	part, next, err := page(in.paging, withPrefix(of, in.NamePrefix, name), name)
	if err != nil {
		return nil, err
	}
	views := make([]destinationView, len(part))
	for i := range part {
		views[i] = a.listedDestination(&part[i].API)
	}
	return struct {
		APIDestinations []destinationView `json:"ApiDestinations"`
		NextToken       string            `json:",omitempty"`
	}{views, next}, nil
}

// changedDestination answers what has made or changed an API destination.
type changedDestination struct {
	APIDestinationArn   string `json:"ApiDestinationArn"`
	APIDestinationState string `json:"ApiDestinationState"`
	CreationTime        seconds
	LastModifiedTime    seconds
}

func (a *API) createAPIDestination(in *struct {
	Name, Description, ConnectionArn, InvocationEndpoint string
	HTTPMethod                                           string `json:"HttpMethod"`
	InvocationRateLimitPerSecond                         *int
}) (any, error) {
	if made, err := a.apiDestination(in.Name); err == nil {
		if a.repeats(made.API.Invocation) {
			return a.changedDestination(&made.API), nil
		}
		return nil, taken("An api-destination '" + in.Name + "'")
	}
	now := secondsOf(time.Now())
	said := destinationSaid{
		Name: in.Name, UUID: uuid.NewString(), Description: in.Description, ConnectionArn: in.ConnectionArn, InvocationEndpoint: in.InvocationEndpoint,
		HTTPMethod: in.HTTPMethod, InvocationRateLimitPerSecond: defaultRate, CreationTime: now, LastModifiedTime: now, Invocation: a.invocation,
	}
	if in.InvocationRateLimitPerSecond != nil {
		said.InvocationRateLimitPerSecond = *in.InvocationRateLimitPerSecond
	}
	return a.keepDestination(&said)
}

// keepDestination makes an API destination a target.
func (a *API) keepDestination(d *destinationSaid) (any, error) {
	connection, err := a.ofARN(d.ConnectionArn)
	if err != nil {
		return nil, err
	}
	err = a.change(destinationPath(d.Name), destinationDocument{API: *d, Targets: map[string]targetSection{destinationPrefix + d.Name: {
		Type: "http", ARN: a.destinationARN(d), URL: secret.Literal(d.InvocationEndpoint), Method: d.HTTPMethod,
		RateLimit: strconv.Itoa(d.InvocationRateLimitPerSecond) + "/s", Auth: map[string]string{"connection": connection.API.Name},
	}}})
	if err != nil {
		return nil, err
	}
	return a.changedDestination(d), nil
}

func (a *API) changedDestination(d *destinationSaid) changedDestination {
	return changedDestination{a.destinationARN(d), a.destinationState(d), d.CreationTime, d.LastModifiedTime}
}

func (a *API) updateAPIDestination(in *struct {
	Name                                           string
	Description, ConnectionArn, InvocationEndpoint *string
	HTTPMethod                                     *string `json:"HttpMethod"`
	InvocationRateLimitPerSecond                   *int
}) (any, error) {
	d, err := a.ownDestination(in.Name)
	if err != nil {
		return nil, err
	}
	said := d.API
	said.Description, said.ConnectionArn = textOr(in.Description, said.Description), textOr(in.ConnectionArn, said.ConnectionArn)
	said.InvocationEndpoint, said.HTTPMethod = textOr(in.InvocationEndpoint, said.InvocationEndpoint), textOr(in.HTTPMethod, said.HTTPMethod)
	if in.InvocationRateLimitPerSecond != nil {
		said.InvocationRateLimitPerSecond = *in.InvocationRateLimitPerSecond
	}
	said.LastModifiedTime = secondsOf(time.Now())
	return a.keepDestination(&said)
}

func (a *API) deleteAPIDestination(in *destinationName) (any, error) {
	if _, err := a.ownDestination(in.Name); err != nil {
		return nil, err
	}
	if err := a.change(destinationPath(in.Name), nil); err != nil {
		return nil, err
	}
	return struct{}{}, nil
}
