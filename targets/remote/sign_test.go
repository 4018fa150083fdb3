package remote

import (
	"testing"
	"time"
)

// The secret, the message and the signature are the example of the Standard
// Webhooks specification.
const exampleSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func TestSignature(t *testing.T) {
	key, err := ParseSigningSecret(exampleSecret)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1614265330, 0)
	body := []byte(`{"test": 2432232314}`)
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	if got := signature([][]byte{key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body); got != want {
		t.Errorf("signature = %q, want %q", got, want)
	}
	if got := signature([][]byte{key, key}, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body); got != want+" "+want {
		t.Errorf("signature with two keys = %q, want both, with a space between", got)
	}
}

func TestParseSigningSecret(t *testing.T) {
	for _, test := range []struct{ name, secret, want string }{
		{"no prefix", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "a signing secret begins with whsec_"},
		{"no base64", "whsec_*****", "a signing secret is whsec_ and base64, and what follows whsec_ here is not base64"},
		{"short", "whsec_AAAA", "a signing secret holds 24 to 64 bytes, this one 3"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, err := ParseSigningSecret(test.secret); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %q", err, test.want)
			}
		})
	}
}
