package cluster

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// electing are servers that tell of a snapshot, and then elect: what is asked of its object store has no answer.
type electing struct {
	jetstream.JetStream
	objects silent
}

func (e *electing) ObjectStore(context.Context, string) (jetstream.ObjectStore, error) {
	return &e.objects, nil
}

type silent struct {
	jetstream.ObjectStore
	asked int
}

func (e *silent) Get(ctx context.Context, _ string, _ ...jetstream.GetObjectOpt) (jetstream.ObjectResult, error) {
	e.asked++
	<-ctx.Done()
	return nil, ctx.Err()
}

// told is a bucket that answers, as its stream does.
type (
	told       struct{ jetstream.KeyValue }
	toldEntry  struct{ jetstream.KeyValueEntry }
	toldStream struct{ jetstream.Stream }
)

func (told) Get(context.Context, string) (jetstream.KeyValueEntry, error) { return toldEntry{}, nil }
func (toldEntry) Value() []byte                                           { return []byte(`{"all":[{"name":"5-1","seq":5}]}`) }
func (toldEntry) Revision() uint64                                        { return 1 }

func (toldStream) Info(context.Context, ...jetstream.StreamInfoOpt) (*jetstream.StreamInfo, error) {
	return &jetstream.StreamInfo{Config: jetstream.StreamConfig{Metadata: map[string]string{clusterKey: "1"}}, State: jetstream.StreamState{FirstSeq: 3, LastSeq: 5}}, nil
}

// TestAStoreIsMadeAnewOfServersThatDidNotAnswer once: they are asked again soon, however long they elect.
func TestAStoreIsMadeAnewOfServersThatDidNotAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		servers := new(electing)
		n := &Node{log: zap.NewNop(), js: servers, bucket: told{}, stream: toldStream{}, cluster: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := n.Rebuild(ctx, t.TempDir()); err == nil {
			t.Error("it is made")
		}
		if servers.objects.asked < 5 {
			t.Errorf("within a minute they were asked %d times", servers.objects.asked)
		}
	})
}

// TestACopyMayTakeLongAsLongAsItMoves: one that stands still ends.
func TestACopyMayTakeLongAsLongAsItMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := newMoving(t.Context(), readStall)
		defer cancel()
		r, w := io.Pipe()
		go func() {
			for range 100 {
				time.Sleep(readStall - time.Second)
				_, _ = w.Write([]byte("x"))
			}
			<-ctx.Done()
			w.CloseWithError(ctx.Err())
		}()
		began := time.Now()
		b, err := io.ReadAll(ctx.reading(r))
		if len(b) != 100 || ctx.why(err) != errStalled {
			t.Errorf("%d bytes came, %v", len(b), ctx.why(err))
		}
		if took := time.Since(began); took != 100*(readStall-time.Second)+readStall {
			t.Errorf("it ended after %v", took)
		}
	})
}

// disordering are servers that keep the first part of an object behind the others.
type disordering struct {
	jetstream.JetStream
}

func (d disordering) ObjectStore(ctx context.Context, name string) (jetstream.ObjectStore, error) {
	objects, err := d.JetStream.ObjectStore(ctx, name)
	return disordered{objects, d.JetStream}, err
}

type disordered struct {
	jetstream.ObjectStore
	js jetstream.JetStream
}

func (d disordered) Put(ctx context.Context, meta jetstream.ObjectMeta, r io.Reader) (*jetstream.ObjectInfo, error) {
	info, err := d.ObjectStore.Put(ctx, meta, r)
	if err != nil {
		return nil, err
	}
	stream, err := d.js.Stream(ctx, "OBJ_"+info.Bucket)
	if err != nil {
		return nil, err
	}
	first, err := stream.GetMsg(ctx, stream.CachedInfo().State.FirstSeq)
	if err != nil {
		return nil, err
	}
	if err := stream.DeleteMsg(ctx, first.Sequence); err != nil {
		return nil, err
	}
	_, err = d.js.Publish(ctx, first.Subject, first.Data)
	return info, err
}

// TestASnapshotThatCantBeReadIsNone: it gets no name, so that the log stays as it is.
func TestASnapshotThatCantBeReadIsNone(t *testing.T) {
	n := join(t, start(t), 1)
	store := newCopied(t)
	store.known, store.at.Seq = true, 5
	js := n.js
	n.js = disordering{js}
	if err := n.First(t.Context(), store); !errors.Is(err, jetstream.ErrDigestMismatch) {
		t.Errorf("got %v", err)
	}
	if m, err := n.snapshotsMade(t.Context()); err != nil || len(m.All) > 0 {
		t.Errorf("named are %+v, %v", m.All, err)
	}
	n.js = js
	must(t, n.First(t.Context(), store))
	if m, err := n.snapshotsMade(t.Context()); err != nil || len(m.All) != 1 {
		t.Errorf("named are %+v, %v", m.All, err)
	}
}
