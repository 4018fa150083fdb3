package event

import "context"

type senderKey struct{}

// WithSender returns a context of a request that was sent with a key of this name.
func WithSender(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, senderKey{}, name)
}

// Sender returns the name of the key that a request was sent with; empty if it has
// none.
func Sender(ctx context.Context) string {
	name, _ := ctx.Value(senderKey{}).(string)
	return name
}
