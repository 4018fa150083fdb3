package cfn

import (
	"encoding/json"
	"strings"
)

// arn returns the attribute of a resource that holds an ARN. One of a resource of this kind in the plan, which is known
// only afterwards, is a reference to it.
func (t *planReader) arn(r *planResource, attribute, kind string) any {
	text := t.text(r, attribute)
	if strings.HasPrefix(text, "arn:") {
		return text
	}
	var e struct{ References []string }
	if json.Unmarshal(t.references[withoutKeys(r.Address)][attribute], &e) == nil {
		for _, name := range e.References {
			if parts := strings.Split(name, "."); len(parts) >= 2 && parts[0] == "aws_cloudwatch_event_"+kind {
				return map[string]any{"Ref": strings.TrimSuffix(r.Address, r.Type+"."+r.Name) + parts[0] + "." + parts[1]}
			}
		}
	}
	return text
}

func (t *planReader) destination(r *planResource) map[string]any {
	return map[string]any{
		"Name": t.text(r, "name"), "InvocationEndpoint": t.text(r, "invocation_endpoint"), "HttpMethod": t.text(r, "http_method"),
		"InvocationRateLimitPerSecond": r.Values["invocation_rate_limit_per_second"], "ConnectionArn": t.arn(r, "connection_arn", "connection"),
	}
}

// connection returns the properties of a connection, without its secrets, which plans have in plain text.
func (t *planReader) connection(r *planResource) map[string]any {
	p := map[string]any{"Name": t.text(r, "name"), "Description": r.Values["description"]}
	given, auth := block(r.Values, "auth_parameters"), map[string]any{}
	if b := block(given, "basic"); b != nil {
		auth["BasicAuthParameters"] = map[string]any{"Username": b["username"]}
	}
	if b := block(given, "api_key"); b != nil {
		auth["ApiKeyAuthParameters"] = map[string]any{"ApiKeyName": b["key"]}
	}
	if b := block(given, "oauth"); b != nil {
		auth["OAuthParameters"] = map[string]any{
			"AuthorizationEndpoint": b["authorization_endpoint"], "HttpMethod": b["http_method"],
			"ClientParameters":    map[string]any{"ClientID": block(b, "client_parameters")["client_id"]},
			"OAuthHttpParameters": httpParameters(block(b, "oauth_http_parameters")),
		}
	}
	auth["InvocationHttpParameters"] = httpParameters(block(given, "invocation_http_parameters"))
	p["AuthParameters"] = auth
	return p
}

func httpParameters(given map[string]any) map[string]any {
	out := map[string]any{}
	for property, attribute := range map[string]string{"HeaderParameters": "header", "QueryStringParameters": "query_string", "BodyParameters": "body"} {
		list, _ := given[attribute].([]any)
		var all []any
		for _, item := range list {
			if one, ok := item.(map[string]any); ok {
				all = append(all, map[string]any{"Key": one["key"], "Value": one["value"], "IsValueSecret": one["is_value_secret"]})
			}
		}
		if all != nil {
			out[property] = all
		}
	}
	return out
}
