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
// messages are its versions; the router receives them. References of schemas to
// files are written as they are.
func (c *Catalog) WriteAsyncAPI(w io.Writer, revision string) error {
	doc := asyncDocument{
		AsyncAPI: "3.0.0", Info: asyncInfo{Title: "Message catalog", Version: revision}, DefaultContentType: "application/json",
		Channels: map[string]asyncChannel{}, Operations: map[string]asyncOperation{},
		Components: asyncComponents{Messages: map[string]asyncMessage{}},
	}
	for _, t := range c.Types {
		channel := notInKey.ReplaceAllString(t.Name, "_")
		key := notInKey.ReplaceAllString(strings.TrimSuffix(t.Name+"_v"+t.Version, "_v"), "_")
		doc.Components.Messages[key] = t.asyncMessage()
		ch := doc.Channels[channel]
		if ch.Messages == nil {
			ch = asyncChannel{Address: t.Name, Messages: map[string]asyncRef{}}
		}
		ch.Description = t.Description
		ch.Messages[key] = asyncRef{"#/components/messages/" + key}
		doc.Channels[channel] = ch
		op := doc.Operations["receive_"+channel]
		op.Action, op.Channel = "receive", asyncRef{"#/channels/" + channel}
		op.Messages = append(op.Messages, asyncRef{"#/channels/" + channel + "/messages/" + key})
		doc.Operations["receive_"+channel] = op
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}

func (t *Type) asyncMessage() asyncMessage {
	v := t.view()
	m := asyncMessage{
		Name: t.Name, Title: t.String(), Summary: t.Description, ContentType: "application/json", Tags: []asyncTag{{string(t.Kind)}},
		Owner: t.Owner, Sources: t.Sources, Deprecated: v.Deprecated,
	}
	if t.Schema != nil {
		m.Payload = asyncSchema{SchemaFormat: t.Schema.format(), Schema: t.Schema.Source}
	}
	for _, x := range v.Examples {
		m.Examples = append(m.Examples, asyncExample{x})
	}
	return m
}

// format is the media type of the schema's draft.
func (s *Schema) format() string {
	draft := "2020-12"
	if m, ok := s.root.(map[string]any); ok {
		name, _ := m["$schema"].(string)
		for _, known := range []string{"draft-04", "draft-06", "draft-07", "2019-09"} {
			if strings.Contains(name, known) {
				draft = known
			}
		}
	}
	return "application/schema+json;version=" + draft
}
