package api

import (
	"encoding"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
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
			"schemas":         object{"Error": object{"type": "object", "required": []string{"error"}, "properties": object{"error": schemaOf(reflect.TypeFor[Error]())}}},
			"securitySchemes": object{"key": object{"type": "http", "scheme": "bearer"}},
		},
	}
}

func (r *route) operation() object {
	var parameters []object
	for _, m := range pathParameter.FindAllStringSubmatch(r.path, -1) {
		parameters = append(parameters, object{"name": m[1], "in": "path", "required": true, "schema": object{"type": "string"}})
	}
	for name := range strings.FieldsSeq(r.query) {
		parameters = append(parameters, object{"name": name, "in": "query", "schema": object{"type": "string"}})
	}
	status, success := http.StatusOK, object{"description": "Success."}
	if r.status != 0 {
		status = r.status
	}
	if r.answer != nil {
		success["content"] = object{"application/json": object{"schema": schemaOf(reflect.TypeOf(r.answer))}}
	}
	failure := object{"description": "An error.", "content": object{"application/json": object{"schema": object{"$ref": "#/components/schemas/Error"}}}}
	op := object{"summary": r.summary, "responses": object{strconv.Itoa(status): success, "default": failure}}
	if len(parameters) > 0 {
		op["parameters"] = parameters
	}
	if r.body != nil {
		op["requestBody"] = object{"content": object{"application/json": object{"schema": schemaOf(reflect.TypeOf(r.body))}}}
	}
	if r.right != Nobody {
		op["security"] = []object{{"key": []string{}}}
		op["x-right"] = r.right
	}
	return op
}

var (
	textType = reflect.TypeFor[encoding.TextMarshaler]()
	jsonType = reflect.TypeFor[json.Marshaler]()
)

// schemaOf returns the JSON Schema of what encoding/json writes of a type. A type that
// writes itself may be anything, and one that contains itself is not followed further.
func schemaOf(t reflect.Type) object { return schemaIn(t, nil) }

func schemaIn(t reflect.Type, within []reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Time]():
		return object{"type": "string", "format": "date-time"}
	case t.Kind() == reflect.Pointer:
		return schemaIn(t.Elem(), within)
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
		return object{"type": []string{"array", "null"}, "items": schemaIn(t.Elem(), within)}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": schemaIn(t.Elem(), within)}
	case reflect.Struct:
		for _, outer := range within {
			if outer == t {
				return object{"type": "object"}
			}
		}
		properties := object{}
		members(t, properties, append(within, t))
		return object{"type": "object", "properties": properties}
	}
	return object{}
}

// members adds the members of a struct, those of embedded structs among them.
func members(t reflect.Type, properties object, within []reflect.Type) {
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		embedded := f.Type
		if embedded.Kind() == reflect.Pointer {
			embedded = embedded.Elem()
		}
		switch {
		case f.Anonymous && name == "" && embedded.Kind() == reflect.Struct:
			members(embedded, properties, within)
		case !f.IsExported() || name == "-":
		case name == "":
			properties[f.Name] = schemaIn(f.Type, within)
		default:
			properties[name] = schemaIn(f.Type, within)
		}
	}
}
