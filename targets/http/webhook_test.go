package http

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"signalbox/targets"
	"signalbox/targets/targetstest"
)

// TestHTTPSigned checks a signature as a receiver would, by the text of the
// Standard Webhooks specification.
func TestHTTPSigned(t *testing.T) {
	const newer = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
	verify := func(r *http.Request, body []byte, secret string) bool {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
		if err != nil {
			t.Fatal(err)
		}
		mac := hmac.New(sha256.New, key)
		io.WriteString(mac, r.Header.Get("webhook-id")+"."+r.Header.Get("webhook-timestamp")+".")
		mac.Write(body)
		want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
		for _, signature := range strings.Fields(r.Header.Get("webhook-signature")) {
			if hmac.Equal([]byte(signature), []byte(want)) {
				return true
			}
		}
		return false
	}
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
		if age := time.Since(time.Unix(at, 0)); err != nil || age < -2*time.Second || age > time.Minute {
			t.Errorf("timestamp %q, want that of the attempt", r.Header.Get("webhook-timestamp"))
		}
		if id := r.Header.Get("webhook-id"); id != targetstest.Delivery().ID {
			t.Errorf("webhook-id = %q, want the delivery's", id)
		}
		if !verify(r, body, exampleSecret) || !verify(r, body, newer) {
			t.Errorf("signature %q does not verify with both secrets", r.Header.Get("webhook-signature"))
		}
		if verify(r, append(body, ' '), exampleSecret) {
			t.Error("the signature verifies for another body")
		}
	})
	c := httpConfig(server.URL)
	c.Options.(*Options).SigningSecrets = []string{"${OLD}", newer}
	if err := open(t, c, targets.Env{Secrets: targetstest.Vars("OLD", exampleSecret)}).Deliver(t.Context(), targetstest.Delivery()); err != nil {
		t.Fatal(err)
	}
}

// The secret, the message and the signature are the example of the Standard
// Webhooks specification.
const exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
