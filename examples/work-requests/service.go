package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"

	"signalbox/api/client"
)

// service makes clusters, one node after another.
type service struct {
	router *client.Client
	pace   time.Duration // of one node

	mu        sync.Mutex
	jobs      map[string]context.CancelFunc // by the id of their command
	instances int
	working   sync.WaitGroup
}

// message is what the router delivers, as far as the service reads it.
type message struct {
	ID         string `json:"id"`
	DetailType string `json:"detail-type"`
	Detail     struct {
		Name      string `json:"name"`
		Nodes     int    `json:"nodes"`
		CommandID string `json:"commandId"`
	} `json:"detail"`
}

// ServeHTTP answers a command at once: it refuses it, or takes it on with 202.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m message
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	switch m.DetailType {
	case "CreateBdsInstance":
		s.create(w, m, r.Header.Get("X-Correlation-Id"))
	case "CountBdsInstances":
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(w, "{\"instances\": %d}\n", s.instances)
	case "WorkRequestCancelRequested":
		s.cancel(m.Detail.CommandID)
	}
}

func (s *service) create(w http.ResponseWriter, m message, correlation string) {
	if m.Detail.Nodes < 1 {
		w.WriteHeader(http.StatusUnprocessableEntity)
		fmt.Fprintln(w, `{"error": "a cluster has at least one node"}`)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.jobs[m.ID]; !known { // a delivery may be repeated
		ctx, cancel := context.WithCancel(context.Background())
		s.jobs[m.ID] = cancel
		s.working.Go(func() { s.work(ctx, m, correlation) })
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *service) cancel(command string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.jobs[command]; cancel != nil {
		cancel()
	}
}

// work makes the nodes, and tells the router how far it has come.
func (s *service) work(ctx context.Context, m message, correlation string) {
	tell := func(name string, data map[string]any) {
		detail := map[string]any{"metadata": map[string]any{"correlationId": correlation, "causationId": m.ID}, "data": data}
		event, err := json.Marshal(map[string]any{"source": "bds", "detail-type": name, "detail": detail})
		if err == nil {
			_, _ = s.router.Events.Send(context.Background(), event, client.SendOptions{})
		}
	}
	for n := 1; n <= m.Detail.Nodes; n++ {
		select {
		case <-ctx.Done():
			tell("CreateBdsInstanceCanceled", nil)
			return
		case <-time.After(s.pace):
		}
		if m.Detail.Name == "broken" && n == 2 {
			tell("CreateBdsInstanceFailed", map[string]any{"error": map[string]any{"code": "OutOfCapacity", "message": "no room for node 2"}})
			return
		}
		if n < m.Detail.Nodes {
			tell("CreateBdsInstanceProgressed", map[string]any{"actionType": "IN_PROGRESS", "percentComplete": 100 * n / m.Detail.Nodes})
		}
	}
	s.mu.Lock()
	s.instances++
	s.mu.Unlock()
	tell("CreateBdsInstanceSucceeded", map[string]any{"entityId": "bds-" + m.Detail.Name})
}
