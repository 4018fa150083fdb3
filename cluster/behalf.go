package cluster

import (
	"context"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"sync"
	"time"
)

// Client is who has sent a request that a node hands to another.
type Client struct {
	// From is its address, and Certificate the name in the certificate that it has shown.
	From        string `json:"from"`
	Certificate string `json:"certificate,omitempty"`
}

// vouched is what a node tells another of a client.
type vouched struct {
	Node int `json:"node"`
	Client
}

// keys are what nodes know each other by. Each run of a node has a pair of its own, and tells the public key where only
// nodes write; of two pairs comes the one secret that both nodes know, and nobody else.
type keys struct {
	private *ecdh.PrivateKey

	mu     sync.Mutex
	nodes  map[int]string    // the public keys, by the numbers of the nodes
	shared map[string][]byte // the secrets, by the public keys
	looked time.Time         // when keys were looked for that were missing
}

// maxShared bounds the secrets that are kept: nodes that start again have other keys.
const maxShared = 4096

// lookAgain is how often keys are looked for that are missing, at most.
const lookAgain = 250 * time.Millisecond

func newKeys() (*keys, error) {
	private, err := ecdh.X25519().GenerateKey(rand.Reader)
	return &keys{private: private, nodes: map[int]string{}, shared: map[string][]byte{}}, err
}

func (k *keys) public() []byte { return k.private.PublicKey().Bytes() }

// learn notes the public key of a node.
func (k *keys) learn(node int, public []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.nodes[node] = string(public)
}

// of returns the public key of a node; none where it is not known.
func (k *keys) of(node int) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return []byte(k.nodes[node])
}

// mayLook reports whether keys may be looked for now.
func (k *keys) mayLook() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if time.Since(k.looked) < lookAgain {
		return false
	}
	k.looked = time.Now()
	return true
}

// sum is what only this node and the one with a public key can say of a text; nil where the key is none.
func (k *keys) sum(public, text []byte) []byte {
	k.mu.Lock()
	secret, ok := k.shared[string(public)]
	k.mu.Unlock()
	if !ok {
		theirs, err := ecdh.X25519().NewPublicKey(public)
		if err != nil {
			return nil
		}
		both, err := k.private.ECDH(theirs)
		if err != nil {
			return nil
		}
		if secret, err = hkdf.Key(sha256.New, both, nil, "signalbox cluster: on behalf of", sha256.Size); err != nil {
			return nil
		}
		k.mu.Lock()
		if len(k.shared) >= maxShared {
			clear(k.shared)
		}
		k.shared[string(public)] = secret
		k.mu.Unlock()
	}
	h := hmac.New(sha256.New, secret)
	_, _ = h.Write(text) // never fails
	return h.Sum(nil)
}

// Vouch returns what tells the leader on whose behalf this node hands it a request; empty where the leader's key is
// not known.
func (n *Node) Vouch(c Client) string {
	h := n.lease.holder.Load()
	if h == nil {
		return ""
	}
	text, err := json.Marshal(vouched{n.opts.Node, c})
	if err != nil {
		return ""
	}
	sum := n.keys.sum(h.key, text)
	if sum == nil {
		return ""
	}
	return base64.RawURLEncoding.EncodeToString(text) + "." + base64.RawURLEncoding.EncodeToString(sum)
}

// Vouched returns who has sent a request, as another node has vouched for it; false for what no node has said to this
// one.
func (n *Node) Vouched(ctx context.Context, said string) (c Client, ok bool) {
	first, second, _ := strings.Cut(said, ".")
	text, e1 := base64.RawURLEncoding.DecodeString(first)
	sum, e2 := base64.RawURLEncoding.DecodeString(second)
	var v vouched
	if e1 != nil || e2 != nil || json.Unmarshal(text, &v) != nil {
		return c, false
	}
	good := func() bool { return hmac.Equal(n.keys.sum(n.keys.of(v.Node), text), sum) && len(sum) > 0 }
	if !good() {
		if !n.keys.mayLook() {
			return c, false
		}
		if _, err := n.told(ctx); err != nil || !good() { // a node that has just started
			return c, false
		}
	}
	return v.Client, true
}
