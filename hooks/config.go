package hooks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"signalbox/hooks/signature"
	"signalbox/rules/exprenv"
	"signalbox/secret"
	"signalbox/spelling"
)

// Config is a hook as it is written.
type Config struct {
	// Description is what the hook is for.
	Description string `yaml:"description" example:"Of the shop"`
	// Verify is how requests are verified: as one of these providers signs them, as Standard Webhooks
	// does, by any HMAC, by a password or a token, or not at all.
	Verify string `yaml:"verify" required:"true" enum:"github|stripe|slack|shopify|standard|hmac|basic|bearer|none" example:"github" with:"{secrets: [example-of-a-secret]}"`
	// Secrets are the keys, passwords or tokens, each of which is taken, so that they can be rotated.
	// They may hold references to secrets. All but none need one.
	Secrets []string `yaml:"secrets" example:"[example-of-a-secret]"`
	// Username is the name to log in with, for basic.
	Username string `yaml:"username" example:"shop" with:"{verify: basic}"`
	// HMAC is the form of VerifyHMAC. Its Header is also that of a token of VerifyBearer.
	signature.HMAC `yaml:",inline" beside:"{verify: hmac, header: X-Signature}"`
	// Tolerance is how far the time of a signature may be from now.
	Tolerance time.Duration `yaml:"tolerance" above:"0s" max:"24h" with:"{verify: stripe}"`
	// Bus is where the events go.
	Bus string `yaml:"bus" default:"default" example:"default"`
	// Source is an expression over headers, query and body: the event's source. By default it is the
	// hook's name.
	Source string `yaml:"source" example:"'\"shop.orders\"'"`
	// DetailType is an expression that gives the event's type; by default it is as the provider has
	// it.
	DetailType string `yaml:"detail_type|detail-type" example:"body.type"`
	// ID is an expression that gives the event's id; by default it is as the provider has it.
	ID string `yaml:"id" example:"body.id"`
	// Time is an expression that gives the event's time; by default it is as the provider has it.
	Time string `yaml:"time" example:"body.created"`

	keys []signature.Key
}

// Fault is one mistake in a Config.
type Fault struct {
	// Path leads to the field: keys, and indexes of lists in decimal.
	Path []string
	// Err is an *exprenv.Error where an expression is wrong.
	Err error
}

// programs are the expressions of a hook; nil for those that it leaves to the defaults.
type programs struct{ sourceOf, detailType, id, time *exprenv.MessageProgram }

// New returns the hook of a configuration, or what is wrong with that. Files that secrets
// refer to start in dir.
func New(name string, c Config, secrets secret.Source, dir string) (*Hook, []Fault) {
	b := &builder{config: &c}
	way, ok := providers[c.Verify]
	if !ok {
		known := slices.Sorted(maps.Keys(providers))
		b.fail(fmt.Errorf("is %q%s: it must be one of %s", c.Verify, spelling.Suggest(c.Verify, known), strings.Join(known, ", ")), "verify")
		return nil, b.faults
	}
	b.options(way.options)
	keys := b.secrets(secrets, dir)
	if c.Tolerance == 0 {
		c.Tolerance = signature.DefaultTolerance
	}
	h := &Hook{Name: name, Verify: c.Verify, Bus: c.Bus, source: name, defaults: way.defaults}
	h.sourceOf, h.detailType = b.compile(c.Source, "source"), b.compile(c.DetailType, "detail_type")
	h.id, h.time = b.compile(c.ID, "id"), b.compile(c.Time, "time")
	if len(b.faults) > 0 {
		return nil, b.faults
	}
	h.verifier = way.verifier(&c, keys)
	return h, nil
}

type builder struct {
	config *Config
	faults []Fault
}

func (b *builder) fail(err error, path ...string) { b.faults = append(b.faults, Fault{path, err}) }

// options checks what only some ways to verify take.
func (b *builder) options(taken []string) {
	c := b.config
	given := []struct {
		key   string
		given bool
	}{
		{"username", c.Username != ""}, {"header", c.Header != ""}, {"algorithm", c.Algorithm != ""}, {"encoding", c.Encoding != ""},
		{"prefix", c.Prefix != ""}, {"timestamp_header", c.TimestampHeader != ""}, {"signed", c.Signed != ""}, {"tolerance", c.Tolerance != 0},
	}
	for _, o := range given {
		if o.given && !slices.Contains(taken, o.key) {
			b.fail(fmt.Errorf("is not for verify: %s", c.Verify), o.key)
		}
	}
	if c.Tolerance < 0 || c.Tolerance > maxTolerance {
		b.fail(errors.New("must be more than 0s and at most 24h"), "tolerance")
	}
	switch c.Verify {
	case VerifyBasic:
		if c.Username == "" || strings.Contains(c.Username, ":") {
			b.fail(errors.New("must be the name to log in with, without a colon"), "username")
		}
	case VerifyHMAC:
		c.HMAC.SetDefaults()
		if key, reason := c.HMAC.Fault(); key != "" {
			b.fail(errors.New(reason), key)
		}
		if c.Tolerance != 0 && c.TimestampHeader == "" {
			b.fail(errors.New("is not checked without timestamp_header"), "tolerance")
		}
	}
}

// secrets resolves the secrets. A hook without any would be open to everybody.
func (b *builder) secrets(from secret.Source, dir string) (all [][]byte) {
	c := b.config
	if c.Verify == VerifyNone {
		if len(c.Secrets) > 0 {
			b.fail(errors.New("are not looked at with verify: none"), "secrets")
		}
		return nil
	}
	if len(c.Secrets) == 0 {
		b.fail(errors.New(`are missing: write secrets: ["${NAME}"]`), "secrets")
	}
	for i, text := range c.Secrets {
		path := []string{"secrets", strconv.Itoa(i)}
		expanded, err := from.Expand(text, dir)
		switch {
		case err != nil:
			b.fail(err, path...)
		case expanded.Value == "":
			b.fail(errors.New("is empty: everybody could make its signature"), path...)
		case c.Verify == VerifyStandard:
			key, err := signature.ParseVerifying(expanded.Value)
			if err != nil {
				b.fail(err, path...)
			}
			c.keys = append(c.keys, key)
		default:
			all = append(all, []byte(expanded.Value))
		}
	}
	return all
}

func (b *builder) compile(source, key string) *exprenv.MessageProgram {
	if source == "" {
		return nil
	}
	p, err := exprenv.CompileMessage(source)
	if err != nil {
		b.fail(err, key)
	}
	return p
}
