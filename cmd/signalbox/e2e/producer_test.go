package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// errRefused is the error of a producer whose key opens nothing.
var errRefused = errors.New("the key is refused")

// put sends events with PutEvents, and returns their ids once they are
// acknowledged.
func (p *process) put(client *http.Client, ns ...int) ([]string, error) {
	return p.putKeyed(client, "", ns...)
}

// putKeyed sends events that belong to one key.
func (p *process) putKeyed(client *http.Client, key string, ns ...int) ([]string, error) {
	type entry struct{ Source, DetailType, Detail string }
	var entries []entry
	for _, n := range ns {
		entries = append(entries, entry{"shop.orders", "OrderCreated", fmt.Sprintf(`{"n":%d,"key":%q,"note":"%s"}`, n, key, strings.Repeat("x", 400))})
	}
	body, err := json.Marshal(map[string]any{"Entries": entries})
	if err != nil {
		return nil, err
	}
	resp, err := p.do(client, http.MethodPost, "/", body, "X-Amz-Target", "AWSEvents.PutEvents", "Content-Type", "application/x-amz-json-1.1")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var answer struct {
		FailedEntryCount int
		Entries          []struct{ EventID string }
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return nil, fmt.Errorf("%w: %s", errRefused, b)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", resp.Status, b)
	}
	if err := json.Unmarshal(b, &answer); err != nil {
		return nil, err
	}
	if answer.FailedEntryCount != 0 || len(answer.Entries) != len(ns) {
		return nil, fmt.Errorf("answered %s", b)
	}
	var ids []string
	for _, e := range answer.Entries {
		ids = append(ids, e.EventID)
	}
	return ids, nil
}
