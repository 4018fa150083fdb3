package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"signalbox/targets/targetstest"
)

// TestPrometheusReadsNativeHistograms: a real Prometheus that scrapes the router has its latencies as native
// histograms, of which a query gives quantiles.
func TestPrometheusReadsNativeHistograms(t *testing.T) {
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("SKIPPED: prometheus is not installed: apt-get install prometheus")
	}
	p := newProcess(t, "targets: {t: {type: log, path: out.log}}\nrules: [{name: all, pattern: {source: [shop]}, targets: [t]}]\n")
	p.start()
	dir, address := t.TempDir(), targetstest.FreeAddress(t)
	config := fmt.Sprintf("global: {scrape_interval: 200ms, scrape_timeout: 200ms}\nscrape_configs: [{job_name: signalbox, static_configs: [{targets: ['%s']}]}]\n", strings.TrimPrefix(p.url, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := exec.Command(program, "--config.file", filepath.Join(dir, "prometheus.yml"), "--storage.tsdb.path", filepath.Join(dir, "data"),
		"--web.listen-address", address, "--enable-feature=native-histograms", "--log.level", "error")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	ask := func(query string) (values []string) {
		resp, err := http.Get("http://" + address + "/api/v1/query?query=" + url.QueryEscape(query))
		if err != nil {
			return nil // it has not started
		}
		defer resp.Body.Close()
		var answer struct {
			Data struct{ Result []struct{ Value [2]any } }
		}
		text, err := io.ReadAll(resp.Body)
		if err == nil && json.Unmarshal(text, &answer) == nil {
			for _, r := range answer.Data.Result {
				values = append(values, fmt.Sprint(r.Value[1]))
			}
		}
		return values
	}
	for _, query := range []string{
		"histogram_count(sum(signalbox_attempt_seconds)) > 0", // which is of native ones alone
		"histogram_quantile(0.99, sum(rate(signalbox_attempt_seconds[1m]))) > 0",
		"histogram_quantile(0.5, sum(rate(signalbox_ingest_request_seconds[1m]))) > 0",
		"histogram_quantile(0.5, sum(rate(signalbox_delivered_seconds[1m]))) > 0",
	} {
		p.eventually(time.Minute, query, func() bool {
			resp, err := http.Post(p.url+"/v1/events", "application/json", strings.NewReader(`{"source": "shop", "detail-type": "OrderCreated", "detail": {}}`))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			values := ask(query)
			return len(values) == 1 && values[0] != "NaN"
		})
	}
}
