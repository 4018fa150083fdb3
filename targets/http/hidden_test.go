package http

import (
	"fmt"
	"html"
	"io"
	"net/http"
	"strings"
	"testing"

	"signalbox/targets"
	"signalbox/targets/remote"
	"signalbox/targets/targetstest"
)

// TestHTTPHidesPartsOfSecrets has the server repeat the token of a longer header, and
// parts of an address that comes from a variable, in other spellings too.
func TestHTTPHidesPartsOfSecrets(t *testing.T) {
	overEach(t, func(t *testing.T, config func(url string) targets.Config) {
		server := serve(t, func(w http.ResponseWriter, r *http.Request) {
			token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprintf(w, "token %s, %q, %s; cookie %s; path %s; key %s", token, token, html.EscapeString(token), r.Header.Get("Cookie")[4:], r.URL.Path, r.URL.Query().Get("key"))
		})
		c := config("${URL}")
		c.Options.(*Options).Headers = map[string]string{"Authorization": "Bearer ${TOK}", "Cookie": "sid=0123456789abcdef"}
		env := targets.Env{Secrets: targetstest.Vars("TOK", `t0k3n<&"`, "URL", server.URL+"/services/T0PATHT0?key=k3y%2Fk3y")}
		target := open(t, c, env)
		d := targetstest.Delivery()
		d.Answer = new(targets.Answer)
		e := targetstest.Error(t, target.Deliver(t.Context(), d))
		shown := fmt.Sprintf("%v %+v", e, *e)
		for _, part := range []string{"t0k3n", "0123456789abcdef", "T0PATHT0", "k3y"} {
			if strings.Contains(shown, part) {
				t.Errorf("%s is shown in %s", part, shown)
			}
		}
		if body := string(d.Answer.Body); strings.Contains(body, "t0k3n") || !strings.Contains(body, "T0PATHT0") {
			t.Errorf("the answer %s, want it without the login, and otherwise as it is", body)
		}
		if got := d.Hide("at /services/T0PATHT0"); got != "at /***" {
			t.Errorf("hidden to %s", got)
		}
	})
}

// TestBatchAnswerHidesSecrets: what an answer says of an entry is shown in the API.
func TestBatchAnswerHidesSecrets(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		_, _ = io.WriteString(w, `{"FailedEntryCount": 1, "Entries": [{"ErrorCode": "No", "ErrorMessage": "not for `+token+`"}]}`)
	})
	o := &Options{Options: remote.Options{URL: server.URL, Headers: map[string]string{"Authorization": "Bearer ${TOK}"}}}
	target := targetstest.TakesBatches(t, Kind(), targets.Config{Batch: &targets.Batch{}, Options: o}, targets.Env{Secrets: targetstest.Vars("TOK", "t0k3nt0k3n")})
	each, whole := target.DeliverBatch(t.Context(), targetstest.BatchOf(1))
	if len(each) != 1 || whole != nil {
		t.Fatalf("%v, %v", each, whole)
	}
	if e := targetstest.Error(t, each[0]); !strings.HasSuffix(e.Error(), "the answer says of it: No: not for ***") {
		t.Errorf("the error is %v", e)
	}
}
