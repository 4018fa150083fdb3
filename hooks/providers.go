package hooks

import (
	"time"

	"signalbox/hooks/signature"
	"signalbox/rules/exprenv"
)

// The ways to verify a hook.
const (
	VerifyGitHub   = "github"
	VerifyStripe   = "stripe"
	VerifySlack    = "slack"
	VerifyShopify  = "shopify"
	VerifyStandard = "standard"
	VerifyHMAC     = "hmac"
	VerifyBasic    = "basic"
	VerifyBearer   = "bearer"
	VerifyNone     = "none"
)

// provider is one way to verify a hook.
type provider struct {
	// options are the keys that it takes besides those that all take.
	options []string
	// verifier returns what checks requests.
	verifier func(c *Config, secrets [][]byte) signature.Verifier
	// defaults are what becomes of a request where the hook does not say.
	defaults *defaults
}

// defaults are expressions; an empty one gives nothing.
type defaults struct{ detailType, id, time *exprenv.MessageProgram }

func expressions(detailType, id, at string) *defaults {
	must := func(source string) *exprenv.MessageProgram {
		if source == "" {
			return nil
		}
		p, err := exprenv.CompileMessage(source)
		if err != nil {
			panic("hooks: " + source + ": " + err.Error()) // a constant, and tested
		}
		return p
	}
	return &defaults{must(detailType), must(id), must(at)}
}

var providers = map[string]provider{
	VerifyGitHub: {
		verifier: preset(signature.HMAC{Header: "X-Hub-Signature-256", Prefix: "sha256="}),
		defaults: expressions(`headers["x-github-event"]`, `headers["x-github-delivery"]`, ""),
	},
	VerifyStripe: {
		options:  []string{"tolerance"},
		verifier: func(c *Config, secrets [][]byte) signature.Verifier { return signature.Stripe(secrets, c.Tolerance) },
		defaults: expressions(`body.type`, `body.id`, `body.created`),
	},
	VerifySlack: {
		options: []string{"tolerance"},
		verifier: preset(signature.HMAC{Header: "X-Slack-Signature", Prefix: "v0=", TimestampHeader: "X-Slack-Request-Timestamp",
			Signed: "v0:{timestamp}:{body}"}),
		defaults: expressions(`body.event?.type ?? body.command ?? body.type`, `body.event_id ?? body.trigger_id`, `body.event_time`),
	},
	VerifyShopify: {
		verifier: preset(signature.HMAC{Header: "X-Shopify-Hmac-Sha256", Encoding: "base64"}),
		// One action in a shop has one X-Shopify-Event-Id for webhooks of several topics.
		defaults: expressions(`headers["x-shopify-topic"]`, `headers["x-shopify-webhook-id"]`, `headers["x-shopify-triggered-at"]`),
	},
	VerifyStandard: {
		options:  []string{"tolerance"},
		verifier: func(c *Config, _ [][]byte) signature.Verifier { return signature.Standard(c.keys, c.Tolerance) },
		defaults: expressions(`body.type`, `headers["webhook-id"]`, `body.timestamp`),
	},
	VerifyHMAC: {
		options:  []string{"header", "algorithm", "encoding", "prefix", "timestamp_header", "signed", "tolerance"},
		verifier: func(c *Config, secrets [][]byte) signature.Verifier { return c.HMAC.Verifier(secrets, c.Tolerance) },
		defaults: expressions(`body.type`, "", ""),
	},
	VerifyBasic: {
		options:  []string{"username"},
		verifier: func(c *Config, secrets [][]byte) signature.Verifier { return signature.Basic(c.Username, secrets) },
		defaults: expressions(`body.type`, "", ""),
	},
	VerifyBearer: {
		options:  []string{"header"},
		verifier: func(c *Config, secrets [][]byte) signature.Verifier { return signature.Token(c.Header, secrets) },
		defaults: expressions(`body.type`, "", ""),
	},
	VerifyNone: {
		verifier: func(*Config, [][]byte) signature.Verifier { return signature.None() },
		defaults: expressions(`body.type`, "", ""),
	},
}

// preset returns the verifier of an HMAC whose form is known.
func preset(form signature.HMAC) func(*Config, [][]byte) signature.Verifier {
	form.SetDefaults()
	return func(c *Config, secrets [][]byte) signature.Verifier { return form.Verifier(secrets, c.Tolerance) }
}

// maxTolerance is the longest time for which repeats can be known as such (dedup.window).
const maxTolerance = 24 * time.Hour
