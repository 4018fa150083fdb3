package cluster

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
)

// TestANodeSpeaksForAClient to the leader, and nobody else can.
func TestANodeSpeaksForAClient(t *testing.T) {
	s := start(t)
	leader, node := join(t, s, 1), join(t, s, 2)
	var stores [2]memory
	lead(t, leader, &stores[0])
	ctx, stop := context.WithCancel(t.Context())
	done := follow(ctx, node, &stores[1])
	defer func() { stop(); <-done }()
	until(t, "the follower knows the leader", func() bool { l, _ := node.Follows(); return l != nil })
	must(t, node.tell(ctx))
	client := Client{From: "192.0.2.7:4711", Certificate: "anna"}
	said := node.Vouch(client)
	if got, ok := leader.Vouched(ctx, said); !ok || got != client {
		t.Fatalf("the leader has %+v, %v of what the node has said", got, ok)
	}
	again := join(t, s, 2) // the node starts again, with another key
	must(t, again.tell(ctx))
	again.lease.holder.Store(node.lease.holder.Load())
	until(t, "the leader knows the new key", func() bool { got, ok := leader.Vouched(ctx, again.Vouch(client)); return ok && got == client })
	if _, ok := leader.Vouched(ctx, said); ok {
		t.Error("the key of a run that is over counts still")
	}
	said = again.Vouch(client)
	text, sum, _ := strings.Cut(said, ".")
	other := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	stranger := join(t, start(t), 2)
	stranger.lease.holder.Store(node.lease.holder.Load())
	for name, forged := range map[string]string{
		"another client":       other(`{"node":2,"from":"127.0.0.1:1"}`) + "." + sum,
		"another node":         other(`{"node":1,"from":"192.0.2.7:4711","certificate":"anna"}`) + "." + sum,
		"a node that is none":  other(`{"node":7,"from":"192.0.2.7:4711"}`) + ".",
		"no sum":               text,
		"an empty sum":         text + ".",
		"a node elsewhere":     stranger.Vouch(client),
		"what is no text":      "%%%.%%%",
		"nothing":              "",
		"what it itself says":  leader.Vouch(client),
		"an array":             other(`[1]`) + "." + sum,
		"another's own answer": sum + "." + text,
	} {
		if got, ok := leader.Vouched(ctx, forged); ok {
			t.Errorf("%s: taken for %+v", name, got)
		}
	}
}
