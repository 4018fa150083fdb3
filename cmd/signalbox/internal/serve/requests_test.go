package serve

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"
)

// TestRequestsThatWaitForALeaderHoldNobodyUp: a node that is to lead does not wait for those that wait for it to.
func TestRequestsThatWaitForALeaderHoldNobodyUp(t *testing.T) {
	for _, test := range []struct {
		name   string
		leaves bool
		want   time.Duration
	}{{"one that reads", false, requestsTime}, {"one that waits for a leader", true, 0}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := make(chan struct{})
				q := requests{next: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
					if test.leaves {
						leave(r)
					}
					<-end
				})}
				go q.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/v1/events", nil))
				synctest.Wait()
				began := time.Now()
				q.stop(t.Context())
				if took := time.Since(began); took != test.want {
					t.Errorf("it waited for %v", took)
				}
				close(end)
			})
		})
	}
}
