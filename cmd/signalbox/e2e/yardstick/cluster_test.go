//go:build linux

package yardstick

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"signalbox/targets/targetstest"
	"signalbox/targets/targetstest/natsserver"
)

// clusterWays are a single router, and clusters of three with their three NATS servers on this machine,
// whose files are synced always or every two minutes. Producers send to the leader, or to a follower,
// which forwards what it gets.
var clusterWays = []way{
	{"log: single", router(toLog, 1), tens, 0, 3 * time.Second},
	{"log: cluster, sync always", clusterOf(toLog, "always", false), tens, 0, 3 * time.Second},
	{"log: cluster, sync 2m", clusterOf(toLog, "2m", false), tens, 0, 3 * time.Second},
	{"http: single", router(toHTTP, 1), tens, 1, 2 * time.Second},
	{"http: cluster, sync always", clusterOf(toHTTP, "always", false), tens, 1, 2 * time.Second},
	{"http: cluster, sync always, by a follower", clusterOf(toHTTP, "always", true), tens, 1, 2 * time.Second},
	{"http: cluster, sync 2m", clusterOf(toHTTP, "2m", false), tens, 1, 2 * time.Second},
}

// BenchmarkCluster measures each of them once in a round, and prints a table of medians with the ratios of
// the rates to that of the single router of the same round. An operation is a whole measurement: run it
// with -benchtime 1x.
func BenchmarkCluster(b *testing.B) {
	rounds := 3
	if text := os.Getenv(roundsVariable); text != "" {
		var err error
		if rounds, err = strconv.Atoi(text); err != nil || rounds < 1 {
			b.Fatalf("%s is %q, not a number of rounds", roundsVariable, text)
		}
	}
	buildRouter(b)
	var all report
	for round := range rounds {
		all = append(all, map[string]figures{})
		for _, w := range clusterWays {
			b.Run("way="+w.name+"/round="+strconv.Itoa(round+1), func(b *testing.B) {
				for range b.N {
					f := w.measure(b)
					f.report(b)
					all[round][w.name] = f
				}
			})
		}
	}
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, "\nway\tevents/s\tto single\tack p50, p99 ms\tsink p50, p99 ms\tCPU s/100k: routers\tNATS\tpeak MiB")
	for _, way := range clusterWays {
		f, ok := all.figure(way.name)
		if !ok {
			continue
		}
		kind, _, _ := strings.Cut(way.name, ":")
		to := all.ratios(comparison{of: way.name, to: kind + ": single", figure: rate})
		fmt.Fprintf(w, "%s\t%.0f\t%.2f\t%.1f, %.1f\t%.1f, %.1f\t%.2f\t%.2f\t%.0f\n", way.name, f(rate), median(to),
			f(func(f figures) float64 { return f.ackP50 }), f(func(f figures) float64 { return f.ackP99 }), f(p50), f(p99),
			f(cpu), f(func(f figures) float64 { return f.beside }), f(peak))
	}
	w.Flush()
}

// clusterOf starts a cluster with ten rules as router does. Its address is that of its leader, or of a follower.
func clusterOf(target, sync string, follower bool) func(t testing.TB, sink string) server {
	return func(t testing.TB, sink string) server {
		nats := natsserver.StartCluster(t, natsserver.Build(t, t.TempDir()), natsserver.Settings{Sync: sync, MaxPayload: "8MB"})
		var nodes []*exec.Cmd
		var addresses []string
		for i := range 3 {
			dir, address := t.TempDir(), targetstest.FreeAddress(t)
			for name, text := range map[string]string{
				"config.yaml": fmt.Sprintf("listen: %[1]s\ndata_dir: ./data\nrules: [rules.yaml]\ncluster: {nats: %[2]q, name: orders, node: %[3]d, advertise: %[4]q}\n", address, nats.URLs(), i+1, "http://"+address),
				"rules.yaml":  tenRules(strings.ReplaceAll(target, "%s", "http://"+sink), 1),
			} {
				if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			nodes, addresses = append(nodes, exec.Command(program, "serve", "--config", filepath.Join(dir, "config.yaml"))), append(addresses, address)
		}
		var servers []server
		for i, cmd := range nodes {
			servers = append(servers, start(t, cmd, addresses[i], "/readyz"))
		}
		leader := leaderOf(t, addresses[0])
		s := servers[leader]
		for i, other := range servers {
			if i != leader {
				s.followers = append(s.followers, other.pid)
			}
		}
		for _, p := range nats.Servers {
			s.beside = append(s.beside, p.PID())
		}
		if !strings.Contains(target, "%s") {
			s.ended = func() int { return deliveriesEnded(t, addresses[leader]) }
		}
		if follower {
			s.address = addresses[(leader+1)%3]
		}
		return s
	}
}

// leaderOf asks a node of a cluster which of them leads, counted from 0.
func leaderOf(t testing.TB, address string) int {
	t.Helper()
	var status struct{ Leader *struct{ Node int } }
	if ask(t, "http://"+address+"/v1/cluster", &status); status.Leader == nil {
		t.Fatal("the cluster has no leader")
	}
	return status.Leader.Node - 1
}
