package signature

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

func headers(fields ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(fields); i += 2 {
		h.Add(fields[i], fields[i+1])
	}
	return h
}

func secrets(texts ...string) (out [][]byte) {
	for _, text := range texts {
		out = append(out, []byte(text))
	}
	return out
}

func check(v Verifier, header http.Header, body string, now time.Time) error {
	body1, err := v.Head(header, now)
	if err != nil {
		return err
	}
	return body1([]byte(body))
}

func form(h HMAC) HMAC {
	h.SetDefaults()
	return h
}

var (
	github  = form(HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256="})
	slack   = form(HMAC{Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp", Signed: "v0:{timestamp}:{body}"})
	shopify = form(HMAC{Header: "X-Shopify-Hmac-Sha256", Encoding: "base64"})
)

const (
	slackBody   = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
	slackSecret = "8f742231b10e8888abcd99yyyzzz85a5"
)

// TestProviders holds the forms against deliveries that the providers document.
func TestProviders(t *testing.T) {
	at := time.Unix(1531420618, 0)
	stripeBody := `{"id":"evt_1"}`
	// printf '1531420618.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec_test
	const stripeHeader = "t=1531420618,v1=b13e8e7fc1ab3f86717a3d174c5e6e0e8de25e1279eba0a04ba9d639a5e60f00"
	if got := SignStripe([]byte("whsec_test"), []byte(stripeBody), at).Value; got != stripeHeader {
		t.Errorf("signed as %s", got)
	}
	for _, tt := range []struct {
		name     string
		verifier Verifier
		header   http.Header
		body     string
	}{
		{"github", github.Verifier(secrets("It's a Secret to Everybody"), 0),
			headers("X-Hub-Signature-256", "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"), "Hello, World!"},
		{"slack", slack.Verifier(secrets(slackSecret), DefaultTolerance),
			headers("X-Slack-Request-Timestamp", "1531420618", "X-Slack-Signature", "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"), slackBody},
		{"stripe", Stripe(secrets("whsec_test"), DefaultTolerance), headers("Stripe-Signature", stripeHeader), stripeBody},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := check(tt.verifier, tt.header, tt.body, at); err != nil {
				t.Error(err)
			}
			if err := check(tt.verifier, tt.header, tt.body+" ", at); err != ErrMismatch {
				t.Errorf("another body: %v", err)
			}
		})
	}
}

// TestStandard holds both directions against the reference library and the example of the
// specification.
func TestStandard(t *testing.T) {
	const secret, id, body = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", `{"test": 2432232314}`
	signing, err := ParseSigning(secret)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := SignStandard([]Key{signing}, id, time.Unix(1614265330, 0), []byte(body)), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("signed %s, want %s", got, want)
	}
	library, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	theirs, err := library.Sign(id, now, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	verifying, _ := ParseVerifying(secret)
	stamp := strconv.FormatInt(now.Unix(), 10)
	if err := check(Standard([]Key{verifying}, DefaultTolerance), headers(HeaderID, id, HeaderTimestamp, stamp, HeaderSignature, "v1a,AAAA "+theirs), body, now); err != nil {
		t.Errorf("the library's signature: %v", err)
	}
	if err := library.Verify([]byte(body), headers(HeaderID, id, HeaderTimestamp, stamp, HeaderSignature, SignStandard([]Key{signing}, id, now, []byte(body)))); err != nil {
		t.Errorf("the library refuses ours: %v", err)
	}
}

// The pair of the specification.
const (
	private = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
	public  = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
)

func TestAsymmetric(t *testing.T) {
	signing, err := ParseSigning(private)
	if err != nil {
		t.Fatal(err)
	}
	verifying, err := ParseVerifying(public)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	header := headers(HeaderID, "m", HeaderTimestamp, strconv.FormatInt(now.Unix(), 10), HeaderSignature, SignStandard([]Key{signing}, "m", now, []byte("{}")))
	if !strings.HasPrefix(header.Get(HeaderSignature), "v1a,") {
		t.Errorf("signed %s", header.Get(HeaderSignature))
	}
	if err := check(Standard([]Key{verifying}, DefaultTolerance), header, "{}", now); err != nil {
		t.Error(err)
	}
	if err := check(Standard([]Key{verifying}, DefaultTolerance), header, "{} ", now); err != ErrMismatch {
		t.Errorf("another body: %v", err)
	}
}

func TestKeysThatAreNone(t *testing.T) {
	for _, tt := range []struct {
		text  string
		parse func(string) (Key, error)
		want  string
	}{
		{"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ParseSigning, "begins with whsec_, or whsk_ for ed25519"},
		{"whsec_*****", ParseSigning, "what follows whsec_ here is not base64"},
		{"whsec_AAAA", ParseSigning, "holds 24 to 64 bytes, this one 3"},
		{public, ParseSigning, "sign with whsk_"},
		{private, ParseVerifying, "check with whpk_"},
		{"whsk_AAAA", ParseSigning, "32 or 64 bytes"},
		{private[:len(private)-8] + "AAAAAA==", ParseSigning, "is not that of its seed"},
		{"whpk_AAAA", ParseVerifying, "32 bytes"},
		{"", ParseVerifying, "begins with whsec_"},
	} {
		if _, err := tt.parse(tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: %v, want %s", tt.text, err, tt.want)
		} else if len(tt.text) > 20 && strings.Contains(err.Error(), tt.text[8:]) {
			t.Errorf("shows the key: %v", err)
		}
	}
}

// TestRefusals: what is missing, old, or made with another secret is refused, and each form
// is closed where there is no secret.
func TestRefusals(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	at := func(age time.Duration) string { return strconv.FormatInt(now.Add(-age).Unix(), 10) }
	slackAt := func(age time.Duration) http.Header {
		h := headers()
		for _, f := range slack.Sign([]byte("s"), []byte("b"), now.Add(-age)) {
			h.Set(f.Name, f.Value)
		}
		return h
	}
	signed := func(secret string) string { return github.Sign([]byte(secret), []byte("b"), now)[0].Value }
	long := strings.Repeat("v1a,"+strings.Repeat("A", 86)+"== ", 500)
	key, _ := ParseVerifying(public)
	for _, tt := range []struct {
		name     string
		verifier Verifier
		header   http.Header
		want     string // empty for none
	}{
		{"the second secret", github.Verifier(secrets("new", "old"), 0), headers("X-Hub-Signature-256", signed("old")), ""},
		{"the second signature", github.Verifier(secrets("new"), 0), headers("X-Hub-Signature-256", signed("old")+", "+signed("new")), ""},
		{"another secret", github.Verifier(secrets("new", "old"), 0), headers("X-Hub-Signature-256", signed("x")), "does not match"},
		{"no header", github.Verifier(secrets("s"), 0), headers(), "the request has no header X-Hub-Signature-256"},
		{"an old algorithm", github.Verifier(secrets("s"), 0), headers("X-Hub-Signature-256", "sha1=00"), `no signature in hex after "sha256="`},
		{"no secret", github.Verifier(nil, 0), headers("X-Hub-Signature-256", signed("")), "does not match"},
		{"an empty secret", github.Verifier(secrets(""), 0), headers("X-Hub-Signature-256", signed("")), "does not match"},
		{"in time", slack.Verifier(secrets("s"), DefaultTolerance), slackAt(5 * time.Minute), ""},
		{"late", slack.Verifier(secrets("s"), DefaultTolerance), slackAt(5*time.Minute + time.Second), "is 5m1s from the router's clock, and 5m0s are allowed"},
		{"early", slack.Verifier(secrets("s"), DefaultTolerance), slackAt(-6 * time.Minute), "is -6m0s from"},
		{"no time", slack.Verifier(secrets("s"), DefaultTolerance), headers("X-Slack-Signature", "v0=00", "X-Slack-Request-Timestamp", "soon"), "is no time"},
		{"without a time", slack.Verifier(secrets("s"), DefaultTolerance), headers("X-Slack-Signature", "v0=00"), "has no header X-Slack-Request-Timestamp"},
		{"stripe without a time", Stripe(secrets("s"), DefaultTolerance), headers("Stripe-Signature", "v1=00"), "is not t=TIME,v1=SIGNATURE"},
		{"stripe late", Stripe(secrets("s"), DefaultTolerance), headers("Stripe-Signature", "t="+at(time.Hour)+",v1=00"), "of another time"},
		{"stripe of version 0", Stripe(secrets("s"), DefaultTolerance), headers("Stripe-Signature", "t="+at(0)+",v0=00"), "is not t=TIME,v1=SIGNATURE"},
		{"stripe without a secret", Stripe(secrets(""), DefaultTolerance), headers("Stripe-Signature", SignStripe(nil, []byte("b"), now).Value), "does not match"},
		{"standard without an id", Standard([]Key{key}, DefaultTolerance), headers(HeaderTimestamp, at(0), HeaderSignature, "v1,AA=="), "no header Webhook-Id"},
		{"standard without keys", Standard(nil, DefaultTolerance), headers(HeaderID, "a", HeaderTimestamp, at(0), HeaderSignature, "v1,AAAA"), "does not match"},
		{"standard with an empty key", Standard([]Key{{}}, DefaultTolerance), headers(HeaderID, "a", HeaderTimestamp, at(0), HeaderSignature, "v1,"), "does not match"},
		{"many signatures", Standard([]Key{key}, DefaultTolerance), headers(HeaderID, "a", HeaderTimestamp, at(0), HeaderSignature, long), "does not match"},
		{"a login", Basic("me", secrets("new", "old")), headers("Authorization", "Basic bWU6b2xk"), ""},
		{"another name", Basic("you", secrets("old")), headers("Authorization", "Basic bWU6b2xk"), "the login is not known"},
		{"no password", Basic("me", secrets("")), headers("Authorization", "Basic bWU6"), "the login is not known"},
		{"no login", Basic("me", secrets("old")), headers(), "no login"},
		{"a token", Token("", secrets("a", "b")), headers("Authorization", "bearer b"), ""},
		{"a token in a header", Token("X-Gitlab-Token", secrets("b")), headers("X-Gitlab-Token", "b"), ""},
		{"another token", Token("", secrets("a")), headers("Authorization", "Bearer b"), "the token is not known"},
		{"no token", Token("", secrets("")), headers("Authorization", "Bearer "), "the token is not known"},
		{"no header of a token", Token("X-T", secrets("")), headers("X-T", ""), "no header X-T"},
		{"anybody", None(), headers(), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := check(tt.verifier, tt.header, "b", now)
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("%v, want %q", err, tt.want)
			}
		})
	}
}

// TestForms: what is signed in each form is taken in the same one, and in no other.
func TestForms(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	var forms []HMAC
	for algorithm := range algorithms {
		for encoding := range encodings {
			for _, stamp := range []string{"", "X-Time"} {
				forms = append(forms, form(HMAC{Header: "X-Sig", Algorithm: algorithm, Encoding: encoding, Prefix: "v1=", TimestampHeader: stamp}))
			}
		}
	}
	for i, made := range forms {
		header := headers()
		for _, f := range made.Sign([]byte("s"), []byte("b"), now) {
			header.Set(f.Name, f.Value)
		}
		for j, asked := range forms {
			if i != j && asked.Algorithm == made.Algorithm && asked.Encoding != "hex" && made.Encoding != "hex" {
				continue // both alphabets may write a sum in the same way
			}
			if err := check(asked.Verifier(secrets("s"), DefaultTolerance), header, "b", now); (err == nil) != (i == j) {
				t.Errorf("made as %+v, asked for as %+v: %v", made, asked, err)
			}
		}
	}
}

func TestFaultsOfForms(t *testing.T) {
	for _, tt := range []struct {
		form HMAC
		want string
	}{
		{HMAC{Header: "X"}, ""},
		{HMAC{}, "header is missing"},
		{HMAC{Header: "X", Algorithm: "md5"}, "algorithm is \"md5\": it must be one of sha1, sha256, sha384, sha512"},
		{HMAC{Header: "X", Encoding: "utf8"}, "encoding is \"utf8\": it must be one of base64, base64url, hex"},
		{HMAC{Header: "X", Signed: "x"}, "signed must hold {body} once"},
		{HMAC{Header: "X", Signed: "{timestamp}.{body}"}, "timestamp_header is missing"},
		{HMAC{Header: "X", TimestampHeader: "T", Signed: "{body}"}, "signed must hold {timestamp} once"},
	} {
		h := form(tt.form)
		key, reason := h.Fault()
		if got := strings.TrimSpace(key + " " + reason); !strings.HasPrefix(got, tt.want) || tt.want == "" && got != "" {
			t.Errorf("%+v: %q, want %q", tt.form, got, tt.want)
		}
	}
}

func FuzzHead(f *testing.F) {
	f.Add("t=1,v1=00", "v1,AAAA v1a,AA==", "1700000000")
	f.Add("sha256=00, v0=zz", "", "2026-01-01T00:00:00Z")
	key, _ := ParseVerifying(public)
	verifiers := []Verifier{github.Verifier(secrets("s"), 0), slack.Verifier(secrets("s"), time.Hour), shopify.Verifier(secrets("s"), 0),
		Stripe(secrets("s"), time.Hour), Standard([]Key{key}, time.Hour), Basic("a", secrets("s")), Token("", secrets("s"))}
	f.Fuzz(func(t *testing.T, a, b, stamp string) {
		header := headers("X-Hub-Signature-256", a, "X-Slack-Signature", a, "X-Slack-Request-Timestamp", stamp, "X-Shopify-Hmac-Sha256", b,
			"Stripe-Signature", fmt.Sprintf("t=%s,%s", stamp, a), HeaderID, a, HeaderTimestamp, stamp, HeaderSignature, b, "Authorization", a)
		for _, v := range verifiers {
			if check(v, header, "b", time.Unix(1_700_000_000, 0)) == nil {
				t.Errorf("%T took %v", v, header)
			}
		}
	})
}
