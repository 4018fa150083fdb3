package api

import (
	"cmp"
	"encoding"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// openAPI returns the handler of the OpenAPI 3.1 document of all routes.
func openAPI(o Options) handler {
	return func(http.ResponseWriter, *http.Request) (any, error) { return describe(routes(o)), nil }
}

type object = map[string]any

var pathParameter = regexp.MustCompile(`\{(\w+)(\.\.\.)?\}`)

// describe returns the OpenAPI document of routes.
func describe(routes []route) object {
	paths := object{}
	for _, r := range routes {
		path := pathParameter.ReplaceAllString(r.path, "{$1}")
		if paths[path] == nil {
			paths[path] = object{}
		}
		paths[path].(object)[strings.ToLower(r.method)] = r.operation()
	}
	return object{
		"openapi": "3.1.0",
		"info":    object{"title": "Signalbox", "version": "1", "description": "The management API of a Signalbox router, and the ways in for events."},
		"paths":   paths,
		"components": object{
			"schemas":         object{"Error": object{"type": "object", "required": []string{"error"}, "properties": object{"error": schemas{complete: true}.of(reflect.TypeFor[Error]())}}},
			"securitySchemes": object{"key": object{"type": "http", "scheme": "bearer"}},
		},
	}
}

// What a row of the table says of bodies, where one type of JSON is not all.
type (
	// statuses are the answers by status; 0 is that of all others.
	statuses map[int]any
	// content is a body by its media type; nil may be anything.
	content map[string]any
	// either are types of which a body has one.
	either []any
)

// failure is the answer where a row does not say another: an Error.
var failure = object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}

func (r *route) operation() object {
	op := object{"summary": r.summary, "responses": r.responses()}
	if parameters := r.parameters(); len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if r.body != nil {
		op["requestBody"] = object{"required": true, "content": contentOf(r.body, schemas{strict: true})}
	}
	if r.right != Nobody {
		op["security"] = []object{{"key": []string{}}}
		op["x-right"] = r.right
	}
	return op
}

// responses returns the answers of a route by status.
func (r *route) responses() object {
	all, ok := r.answer.(statuses)
	if !ok {
		all = statuses{cmp.Or(r.status, http.StatusOK): r.answer}
	}
	out := object{"default": object{"description": "An error.", "content": failure}}
	for status, example := range all {
		answer := object{"description": cmp.Or(http.StatusText(status), "Any other.")}
		if example != nil {
			answer["content"] = contentOf(example, schemas{complete: true})
		}
		name := "default"
		if status != 0 {
			name = strconv.Itoa(status)
		}
		out[name] = answer
	}
	return out
}

// parameters returns what a route takes in its path and its query.
func (r *route) parameters() (all []object) {
	for _, m := range pathParameter.FindAllStringSubmatch(r.path, -1) {
		all = append(all, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for name := range strings.FieldsSeq(r.query) {
		schema := object{"type": "string"}
		switch name {
		case "limit":
			schema = object{"type": "integer", "minimum": 1}
		case "status":
			schema = object{"type": "integer"}
		case "since", "until":
			schema["format"] = "date-time"
		case "content", "dry_run", "open", "skip_damaged", "synthetic":
			schema = object{"type": "boolean"}
		}
		all = append(all, object{"name": name, "in": "query", "schema": schema})
	}
	return all
}

// contentOf returns a body by its media types: JSON where the example does not say another.
func contentOf(example any, s schemas) object {
	media, ok := example.(content)
	if !ok {
		media = content{"application/json": example}
	}
	out := object{}
	for name, example := range media {
		out[name] = object{"schema": s.example(example)}
	}
	return out
}

var (
	textType = reflect.TypeFor[encoding.TextMarshaler]()
	jsonType = reflect.TypeFor[json.Marshaler]()
)

// schemas returns the JSON Schema of what encoding/json writes or reads of a type. A type that
// writes itself may be anything, and one that contains itself is not followed further.
type schemas struct {
	// complete asks for every member that is always written, strict refuses all that a
	// struct does not have.
	complete, strict bool
	// within are the structs around.
	within []reflect.Type
}

// example returns the schema of an example, or of either of some.
func (s schemas) example(x any) object {
	list, ok := x.(either)
	if !ok {
		if x == nil {
			return object{}
		}
		return s.of(reflect.TypeOf(x))
	}
	var any []object
	for _, one := range list {
		any = append(any, s.example(one))
	}
	return object{"anyOf": any}
}

func (s schemas) of(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return s.of(t.Elem())
	case t.Implements(jsonType) || reflect.PointerTo(t).Implements(jsonType):
		return object{}
	case t.Implements(textType) || reflect.PointerTo(t).Implements(textType):
		return object{"type": "string"}
	}
	switch t.Kind() {
	case reflect.String:
		return object{"type": "string"}
	case reflect.Bool:
		return object{"type": "boolean"}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return object{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return object{"type": "number"}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return object{"type": "string", "contentEncoding": "base64"}
		}
		return object{"type": []string{"array", "null"}, "items": s.of(t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": s.of(t.Elem())}
	case reflect.Struct:
		if slices.Contains(s.within, t) {
			return object{"type": "object"}
		}
		s.within = append(slices.Clip(s.within), t)
		return s.object(t)
	}
	return object{}
}

// object returns the schema of a struct.
func (s schemas) object(t reflect.Type) object {
	properties, always := object{}, []string{}
	s.members(t, properties, &always)
	out := object{"type": "object", "properties": properties}
	if s.complete && len(always) > 0 {
		out["required"] = always
	}
	if s.strict {
		out["additionalProperties"] = false
	}
	return out
}

// members adds the members of a struct, those of embedded structs among them, and the names of
// those that are always there.
func (s schemas) members(t reflect.Type, properties object, always *[]string) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded, pointer := f.Type, f.Type.Kind() == reflect.Pointer
		if pointer {
			embedded = embedded.Elem()
		}
		if f.Anonymous && name == "" && embedded.Kind() == reflect.Struct {
			inner := always
			if pointer {
				inner = new([]string) // nil has no members
			}
			s.members(embedded, properties, inner)
			continue
		}
		if !f.IsExported() || name == "-" {
			continue
		}
		name = cmp.Or(name, f.Name)
		schema := s.of(f.Type)
		if strings.Contains(options, "string") {
			schema = object{"type": "string"}
		}
		if !strings.Contains(options, "omit") {
			*always = append(*always, name)
			if pointer {
				schema = object{"anyOf": []object{schema, {"type": "null"}}}
			}
		}
		properties[name] = schema
	}
}
