package api

import "net/http"

// RuleDocuments are rule files.
type RuleDocuments struct {
	Documents []RuleDocument `json:"documents"`
}

// documents returns what was made by EventBridge's API.
func (h ruleHandlers) documents(http.ResponseWriter, *http.Request) (any, error) {
	out := RuleDocuments{Documents: []RuleDocument{}}
	if h.made == nil {
		return out, nil
	}
	all, err := h.made()
	for _, d := range all {
		out.Documents = append(out.Documents, RuleDocument{Name: d.Path, Text: string(d.Text)})
	}
	return out, err
}
