package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"signalbox/document"
	"signalbox/event"
	"signalbox/rules/pattern"
)

type object = map[string]any

// jsonSchema returns a shape as a document of JSON Schema.
func jsonSchema(title, description string, s *shape) []byte {
	root := schemaOf(s)
	root["$schema"], root["title"], root["description"] = "http://json-schema.org/draft-07/schema#", title, description
	definitions := share(root)
	definitions["pattern"], definitions["test"] = patternSchemas()
	root["definitions"] = definitions
	text, err := json.MarshalIndent(root, "", " ")
	if err != nil {
		panic(err)
	}
	return append(text, '\n')
}

// patterns of texts. They are wider than what the loader takes, and refuse no text that it takes.
const (
	durationText = `^([0-9]+w)?([0-9]+d)?([0-9]*\.?[0-9]+(ns|us|µs|μs|ms|s|m|h))*$`
	sizeText     = `^[0-9.eE+]+ *([KMGT]i?B|B)?$`
	percentText  = `^[0-9.eE+-]+ *%$`
	rateText     = `^( *[0-9]+ */ *[0-9]*[0-9.a-zµμ]*)?$`
	statusText   = `^ *[0-9]{3} *(- *[0-9]{3} *)?$`
	referTo      = `\$\{`
)

func schemaOf(s *shape) object {
	var o object
	switch s.form {
	case formString:
		o = object{"type": "string"}
		if s.words != nil {
			o = object{"enum": s.words}
		}
	case formInteger, formNumber, formBoolean:
		o = object{"type": string(s.form)}
	case formDuration:
		o = either(text(durationText), object{"const": 0})
	case formSize:
		o = either(text(sizeText), object{"type": "integer", "minimum": 0})
	case formPercent:
		o = either(text(percentText), object{"type": "null"})
	case formRate:
		o = text(rateText)
	case formStart:
		o = either(object{"enum": []string{"latest", "oldest"}}, text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}`))
	case formStatus:
		o = either(object{"type": "integer", "minimum": 200, "maximum": 599}, text(statusText))
	case formDate:
		o = text(`^[0-9]{4}-[0-9]{2}-[0-9]{2}$`)
	case formVersion:
		o = object{"type": []string{"string", "number"}}
	case formPattern:
		o = object{"$ref": "#/definitions/pattern"}
	case formEvent:
		o = eventSchema()
	case formAny:
		o = object{}
	case formSchema:
		o = object{"type": []string{"object", "boolean", "string"}}
	case formMapping:
		o = mapping(s.options)
	case formKinds:
		o = kindsSchema(s)
	case formList:
		o = object{"type": []string{"array", "null"}, "items": schemaOf(s.item)}
	case formNames:
		o = object{"type": []string{"object", "null"}, "additionalProperties": schemaOf(s.item)}
	default:
		panic("no schema of " + string(s.form))
	}
	if s.references {
		o = either(o, text(referTo))
	}
	if s.or != nil {
		o = either(o, schemaOf(s.or))
	}
	return o
}

func text(pattern string) object { return object{"type": "string", "pattern": pattern} }

func either(all ...object) object { return object{"anyOf": all} }

func mapping(options []*option) object {
	properties, required := object{}, []string{}
	var one []object // is there of each that may have something in its place
	for _, o := range options {
		if o.refused {
			continue
		}
		p := property(o)
		properties[o.key] = p
		if o.alias != "" {
			properties[o.alias] = p
		} else if o.instead != "" {
			one = append(one, object{"required": []string{o.key}}, object{"required": []string{o.instead}})
		} else if o.required {
			required = append(required, o.key)
		}
	}
	out := object{"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		out["type"], out["required"] = "object", required
	}
	if len(one) > 0 {
		out["anyOf"] = one
	}
	return out
}

func property(o *option) object {
	p := schemaOf(o.shape)
	if _, refers := p["$ref"]; refers {
		p = object{"allOf": []object{p}} // which has room for a description beside it
	}
	p["description"] = strings.TrimSpace(o.description + " " + o.bounds())
	switch o.shape.form {
	case formInteger, formNumber:
		bound(p, o)
	case formDuration:
		if o.above != "" || o.least != "" && o.least != "0s" {
			delete(p, "anyOf")
			p["type"], p["pattern"] = "string", durationText+"|"+referTo
		}
	}
	if o.standard != "" {
		p["default"] = value(o.shape, o.standard)
	}
	if o.example != "" {
		p["examples"] = []any{value(o.shape, o.example)}
	}
	if o.since != "" {
		p["x-since"] = o.since
	}
	return p
}

// bound puts the bounds of a number where the number is described.
func bound(p object, o *option) {
	if any, ok := p["anyOf"].([]object); ok {
		p = any[0]
	}
	for key, text := range map[string]string{"minimum": o.least, "maximum": o.most, "exclusiveMinimum": o.above} {
		if text != "" {
			p[key] = json.Number(text)
		}
	}
}

// value returns what a file has written as JSON.
func value(s *shape, written string) any {
	if s.form == formString && s.item == nil && s.or == nil {
		if n, err := document.Parse("", []byte(written)); err != nil || n == nil || n.Kind != document.String {
			return written
		}
	}
	n, err := document.Parse("", []byte(written))
	if err != nil || n == nil {
		panic(fmt.Sprintf("%q is no YAML: %v", written, err))
	}
	return json.RawMessage(n.Render().JSON)
}

// kindsSchema tells mappings apart by their type. For type: queue the scheme of the URL tells.
func kindsSchema(s *shape) object {
	var names []string
	var cases []object
	when := func(condition object, then object) {
		cases = append(cases, object{"if": object{"required": []string{"type"}, "properties": condition}, "then": then})
	}
	var queues []string
	for _, k := range s.kinds {
		names = append(names, k.name)
		when(object{"type": object{"const": k.name}}, mapping(k.options))
		if len(k.schemes) == 0 {
			continue
		}
		queues = append(queues, k.schemes...)
		of := mapping(k.options)
		of["required"] = append(slices.Clone(of["required"].([]string)), "url")
		cases = append(cases, object{
			"if": object{"required": []string{"type", "url"}, "properties": object{
				"type": object{"const": "queue"}, "url": text("^(" + strings.Join(k.schemes, "|") + ")://")}},
			"then": mapping(k.options),
		})
	}
	if queues != nil {
		names = append(names, "queue")
	}
	return object{"type": "object", "required": []string{"type"}, "properties": object{
		"type": object{"enum": names, "description": "What it is; each has options of its own."}}, "allOf": cases}
}

// eventSchema returns that of an event in any form: only of EventBridge's are all members known.
func eventSchema() object {
	properties := object{}
	for _, key := range event.EnvelopeKeys {
		properties[key] = object{"type": []string{"string", "null"}}
	}
	properties["version"] = object{"const": "0"}
	properties["resources"] = object{"type": []string{"array", "null"}, "items": object{"type": "string"}}
	properties["detail"] = object{"type": "object"}
	var others []object
	for _, key := range event.OtherForms {
		others = append(others, object{"required": []string{key}})
	}
	return object{"type": "object", "if": either(others...), "else": object{
		"properties": properties, "required": []string{"source", "detail-type", "detail"}, "additionalProperties": false}}
}

// patternSchemas returns those of an event pattern and of one test of a value.
func patternSchemas() (whole, test object) {
	properties := object{}
	for _, name := range pattern.Operators {
		properties[name] = object{}
	}
	list := object{"type": "array", "items": object{"$ref": "#/definitions/test"}}
	or := object{"type": "array", "items": object{"$ref": "#/definitions/pattern"}}
	whole = object{
		"description":          "A pattern of EventBridge: fields with lists of allowed values.",
		"type":                 []string{"object", "string"}, // a string has it as JSON
		"properties":           object{"$or": object{"anyOf": []object{or, list}}},
		"additionalProperties": object{"anyOf": []object{list, {"$ref": "#/definitions/pattern"}}},
	}
	test = object{"anyOf": []object{
		{"type": []string{"string", "number", "boolean", "null"}},
		{"type": "object", "properties": properties, "additionalProperties": false, "minProperties": 1, "maxProperties": 1},
	}}
	return whole, test
}

// share moves what stands several times in a schema to definitions, which it returns.
func share(root object) object {
	count := map[string]int{}
	visit(root, func(_ string, p object) any { count[string(encode(p))]++; return p })
	definitions, names := object{}, map[string]string{}
	visit(root, func(key string, p object) any {
		text := string(encode(p))
		if count[text] < 2 || len(text) < 120 {
			return p
		}
		name, ok := names[text]
		if !ok {
			for name = key; definitions[name] != nil || name == "pattern" || name == "test"; name += "'" {
			}
			names[text], definitions[name] = name, p
		}
		return object{"$ref": "#/definitions/" + name}
	})
	return definitions
}

// visit replaces each property below a schema, the inner ones last.
func visit(node any, replace func(key string, p object) any) {
	switch n := node.(type) {
	case object:
		properties, _ := n["properties"].(object)
		for _, key := range sorted(properties) {
			p, ok := properties[key].(object)
			if ok && p["const"] == nil {
				properties[key] = replace(key, p)
			}
		}
		for _, key := range sorted(n) {
			visit(n[key], replace)
		}
	case []object:
		for _, item := range n {
			visit(item, replace)
		}
	}
}

func encode(x any) []byte {
	text, err := json.Marshal(x)
	if err != nil {
		panic(err)
	}
	return text
}
