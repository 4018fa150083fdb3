package catalog

import (
	"encoding/json"
	"io"
	"regexp"
	"strings"
)

// A document of AsyncAPI 3.0.0. Maps are written with their keys sorted.
type asyncDocument struct {
	AsyncAPI           string                    `json:"asyncapi"`
	Info               asyncInfo                 `json:"info"`
	DefaultContentType string                    `json:"defaultContentType"`
	Channels           map[string]asyncChannel   `json:"channels"`
	Operations         map[string]asyncOperation `json:"operations"`
	Components         asyncComponents           `json:"components"`
}

type asyncInfo struct {
	Title   string `json:"title"`
	Version string `json:"version"`
}

type asyncRef struct {
	Ref string `json:"$ref"`
}

type asyncChannel struct {
	Address     string              `json:"address"`
	Description string              `json:"description,omitempty"`
	Messages    map[string]asyncRef `json:"messages"`
}

type asyncOperation struct {
	Action   string     `json:"action"`
	Channel  asyncRef   `json:"channel"`
	Messages []asyncRef `json:"messages"`
}

type asyncComponents struct {
	Messages map[string]asyncMessage `json:"messages"`
	Schemas  map[string]asyncSchema  `json:"schemas,omitempty"`
}

type asyncMessage struct {
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Summary     string         `json:"summary,omitempty"`
	ContentType string         `json:"contentType"`
	Tags        []asyncTag     `json:"tags,omitempty"`
	Payload     any            `json:"payload,omitempty"`
	Examples    []asyncExample `json:"examples,omitempty"`
	// Extensions hold what AsyncAPI has no member for.
	Owner      string           `json:"x-owner,omitempty"`
	Final      bool             `json:"x-final,omitempty"`
	Sources    []string         `json:"x-sources,omitempty"`
	Deprecated *deprecationView `json:"x-deprecated,omitempty"`
}

type asyncTag struct {
	Name string `json:"name"`
}

type asyncExample struct {
	Payload json.RawMessage `json:"payload"`
}

// asyncSchema is the multi format schema object: it names the draft of a schema.
type asyncSchema struct {
	SchemaFormat string          `json:"schemaFormat"`
	Schema       json.RawMessage `json:"schema"`
}

// notInKey are the characters that keys of components may not have.
var notInKey = regexp.MustCompile(`[^A-Za-z0-9.\-_]`)

// WriteAsyncAPI writes the catalog as a document of AsyncAPI 3.0.0, in JSON, which
// is YAML too. Each type is a channel, its detail-type the channel's address, whose
// messages are its versions; the router receives them. What schemas refer to in files
// becomes a component.
func (c *Catalog) WriteAsyncAPI(w io.Writer, revision string) error {
	doc := asyncDocument{
		AsyncAPI: "3.0.0", Info: asyncInfo{Title: "Message catalog", Version: revision}, DefaultContentType: "application/json",
		Channels: map[string]asyncChannel{}, Operations: map[string]asyncOperation{},
		Components: asyncComponents{Messages: map[string]asyncMessage{}, Schemas: map[string]asyncSchema{}},
	}
	b := &bundle{schemas: doc.Components.Schemas, keys: map[string]string{}}
	channels := map[string]string{} // by the types' names
	for _, t := range c.Types {
		channel, known := channels[t.Name]
		if !known {
			channel = unused(doc.Channels, t.Name)
			channels[t.Name] = channel
			doc.Channels[channel] = asyncChannel{Address: t.Name, Messages: map[string]asyncRef{}}
		}
		doc.add(t, channel, b)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

// add adds a version of a type to its channel.
func (doc *asyncDocument) add(t *Type, channel string, b *bundle) {
	key := unused(doc.Components.Messages, strings.TrimSuffix(t.Name+"_v"+t.Version, "_v"))
	doc.Components.Messages[key] = t.asyncMessage(b, "#/components/messages/"+key)
	ch := doc.Channels[channel]
	ch.Description = t.Description
	ch.Messages[key] = asyncRef{"#/components/messages/" + key}
	doc.Channels[channel] = ch
	op := doc.Operations["receive_"+channel]
	op.Action, op.Channel = "receive", asyncRef{"#/channels/" + channel}
	op.Messages = append(op.Messages, asyncRef{"#/channels/" + channel + "/messages/" + key})
	doc.Operations["receive_"+channel] = op
}

// asyncMessage is a type as a message that stands at a place of the document.
func (t *Type) asyncMessage(b *bundle, at string) asyncMessage {
	v := t.view()
	m := asyncMessage{
		Name: t.Name, Title: t.String(), Summary: t.Description, ContentType: "application/json", Tags: []asyncTag{{string(t.Kind)}},
		Owner: t.Owner, Final: t.Final, Sources: t.Sources, Deprecated: v.Deprecated,
	}
	if t.Schema != nil {
		m.Payload = b.put(t.Schema, at+"/payload/schema")
	}
	for _, x := range v.Examples {
		m.Examples = append(m.Examples, asyncExample{x})
	}
	return m
}
