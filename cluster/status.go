package cluster

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/zap"
)

// Role is what a node does.
type Role string

// The roles of nodes.
const (
	// Starting means that the node makes its store.
	Starting Role = "starting"
	// Following means that the node makes its store of what the leader writes.
	Following Role = "follower"
	// Leading means that the node takes events in and delivers them.
	Leading Role = "leader"
	// Gone means that the node has not told anything for a while.
	Gone Role = "gone"
)

// Status is what is known of a cluster.
type Status struct {
	Name string `json:"name"`
	// Node is the number of the node that says this.
	Node int `json:"node"`
	// Leader is who leads; nil while nobody does.
	Leader *Leader `json:"leader"`
	// Nodes are those that have told of themselves, by their numbers.
	Nodes []NodeStatus `json:"nodes"`
	// Problem is why not all is known.
	Problem string `json:"problem,omitempty"`
}

// NodeStatus is what a node tells of itself.
type NodeStatus struct {
	Node int    `json:"node"`
	URL  string `json:"url"`
	Role Role   `json:"role"`
	// Position is the number of the last message of the log that it has.
	Position uint64 `json:"position"`
	// LagGroups is how many messages it is behind the log, LagSeconds for how long the log has had them. Of a node
	// that is gone LagSeconds is for how long it has told nothing.
	LagGroups  uint64  `json:"lag_groups"`
	LagSeconds float64 `json:"lag_seconds"`
	// Rules is the revision of its rule files.
	Rules   string `json:"rules,omitempty"`
	Version string `json:"version,omitempty"`
	// Errors are the faults of its files, while others serve than those: the first ones, where there are many.
	Errors []string `json:"errors,omitempty"`
	// Note is what keeps it from standing for election.
	Note string `json:"note,omitempty"`
	// Seen is when it told of itself last, by the clock of the servers of NATS.
	Seen time.Time `json:"seen,omitzero"`
}

// telling is what the bucket has of a node: its status, and its public key.
type telling struct {
	NodeStatus
	Key []byte `json:"key,omitempty"`
}

// heard is when nodes have told of themselves last: by the clock of who looks, so that it makes no difference what
// other machines take for the time.
type heard struct {
	mu  sync.Mutex
	all map[string]heardOf // by their keys
}

// heardOf is the revision of a key, and since when it is known.
type heardOf struct {
	revision uint64
	at       time.Time
}

// silence returns for how long a key has not changed, as far as is known, given its revision and the bucket's latest:
// one that is less than was known is that of a bucket which was made anew.
func (h *heard) silence(key string, revision, latest uint64) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	of := h.all[key]
	if revision > of.revision || latest < of.revision {
		if h.all == nil {
			h.all = map[string]heardOf{}
		}
		of = heardOf{revision, time.Now()}
		h.all[key] = of
	}
	return time.Since(of.at)
}

// nodePrefix is what the keys begin with at which nodes tell of themselves.
const nodePrefix = "nodes."

// Leader returns who leads; nil while nobody is known to.
func (n *Node) Leader() *Leader {
	if t := n.term.Load(); t != nil {
		leader := t.held.value.Leader
		leader.Term = t.number
		return &leader
	}
	if h := n.lease.holder.Load(); h != nil {
		return &h.Leader
	}
	return nil
}

// Follows returns the leader that this node follows, and a channel that is closed when it is known to lead no more;
// nil where none leads, or the node itself does or did when it ran before.
func (n *Node) Follows() (*Leader, <-chan struct{}) {
	h := n.lease.holder.Load()
	if h == nil || h.Node == n.opts.Node {
		return nil, nil
	}
	return &h.Leader, h.gone
}

// Term returns the term in which this node leads; nil while it does not.
func (n *Node) Term() *Term { return n.term.Load() }

// Number is the node's own.
func (n *Node) Number() int { return n.opts.Node }

// SetRole says what the node does while it neither follows nor leads.
func (n *Node) SetRole(r Role) { n.role.Store(r) }

// SetRules says which rule files the node has.
func (n *Node) SetRules(revision string) { n.rules.Store(revision) }

// maxErrors bounds how many faults of its files a node tells, and maxError each, in bytes.
const (
	maxErrors = 5
	maxError  = 1 << 10
)

// SetFaults says which faults the node's files have; none where they are as they serve.
func (n *Node) SetFaults(all []string) {
	told := slices.Clone(all[:min(len(all), maxErrors)])
	for i, text := range told {
		if len(text) > maxError {
			told[i] = strings.ToValidUTF8(text[:maxError], "") + "…"
		}
	}
	n.faults.Store(&told)
}

// Unfit returns what keeps this node from standing for election while another can; empty where nothing does.
func (n *Node) Unfit() string { return cmp.Or(n.unfit.Load().(string), n.otherRules()) }

// otherRules returns why this node's rule files keep it from standing for election: they are not those of the
// leader, or of the latest one; empty where they are.
func (n *Node) otherRules() string {
	leader := n.lease.latest.Load()
	if own := n.rules.Load().(string); leader != nil && leader.Node != n.opts.Node && leader.Rules != own {
		return fmt.Sprintf("its rule files are not those of node %d, the leader", leader.Node)
	}
	return ""
}

// self is what this node tells of itself.
func (n *Node) self() NodeStatus {
	s := NodeStatus{
		Node: n.opts.Node, URL: n.opts.Advertise, Role: n.role.Load().(Role),
		Rules: n.rules.Load().(string), Version: n.opts.Version, Note: n.Unfit(),
	}
	if faults := n.faults.Load(); faults != nil {
		s.Errors = *faults
	}
	s.Position, _ = n.progress.at()
	s.LagGroups, s.LagSeconds = n.lag()
	if n.rivals.Load() >= enoughRivals {
		s.Note = "another process runs as this node"
	}
	return s
}

func (n *Node) lag() (groups uint64, seconds float64) {
	groups, behind := n.progress.lag()
	return groups, behind.Seconds()
}

// Behind is for how long the log has had what this node has not read yet.
func (n *Node) Behind() time.Duration {
	_, behind := n.progress.lag()
	return behind
}

// Run tells the other nodes how far this one is, and hears how far they are, until ctx ends. A leader that had better
// not lead leaves that to another.
func (n *Node) Run(ctx context.Context) {
	for told := (sometimes{}); ; {
		if n.opts.Unfit != nil {
			n.unfit.Store(n.opts.Unfit())
		}
		err := n.tell(ctx)
		if _, e := n.told(ctx); err == nil {
			err = e
		}
		if err != nil && ctx.Err() == nil {
			n.log.Debug("the other nodes can't be told how far this one is, or can't be heard", zap.Error(err))
		}
		if why := n.unfit.Load().(string); why != "" && n.term.Load() != nil && told.now() {
			n.log.Warn("this node leaves the lead to another", zap.String("reason", why), zap.Error((&Control{Node: n}).StepDown(ctx)))
		}
		if pause(ctx, tellEvery) != nil {
			return
		}
	}
}

func (n *Node) tell(ctx context.Context) error {
	if n.term.Load() == nil {
		log, err := n.logState(ctx)
		if err != nil {
			return err
		}
		n.progress.ends(log.LastSeq)
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	text, err := json.Marshal(telling{n.self(), n.keys.public()})
	if err != nil {
		return err
	}
	return n.put(ctx, text)
}

// put writes what this node tells, and notices where another process with its number does too.
func (n *Node) put(ctx context.Context, text []byte) (err error) {
	key := nodePrefix + strconv.Itoa(n.opts.Node)
	if n.toldAt > 0 {
		if n.toldAt, err = n.bucket.Update(ctx, key, text, n.toldAt); err == nil {
			n.rivals.Store(0)
		}
		if !errors.Is(err, jetstream.ErrKeyExists) {
			return err
		}
		if n.rivals.Add(1) == enoughRivals {
			n.log.Error("another process runs as this node: give each a number and an address of its own, cluster.node and cluster.advertise", zap.Int("node", n.opts.Node))
		}
	}
	n.toldAt, err = n.bucket.Put(ctx, key, text)
	return err
}

// enoughRivals is how often another must have written between two writes of this node: somebody may have removed it from
// the list, once.
const enoughRivals = 2

// Status returns what is known of the cluster. Where the servers can't be reached it is what this node knows
// itself, with the error.
func (n *Node) Status(ctx context.Context) (Status, error) {
	s := Status{Name: n.opts.Name, Node: n.opts.Node, Leader: n.Leader()}
	self := n.self()
	all, err := n.told(ctx)
	for _, o := range all {
		if o.Node == self.Node {
			self.Seen = o.Seen
		} else {
			s.Nodes = append(s.Nodes, o)
		}
	}
	s.Nodes = append(s.Nodes, self)
	slices.SortFunc(s.Nodes, func(a, b NodeStatus) int { return a.Node - b.Node })
	return s, err
}

// others are the other nodes that have told of themselves.
func (n *Node) others(ctx context.Context) (all []NodeStatus, err error) {
	all, err = n.told(ctx)
	return slices.DeleteFunc(all, func(s NodeStatus) bool { return s.Node == n.opts.Node }), err
}

// told are what nodes have told of themselves, this one too.
func (n *Node) told(ctx context.Context) (all []NodeStatus, err error) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	keys, latest, err := n.bucketKeys(ctx, nodePrefix+"*")
	_, end := n.progress.at()
	for _, key := range keys {
		e, err := n.bucket.Get(ctx, key)
		if errors.Is(err, jetstream.ErrKeyNotFound) {
			continue // it was removed
		}
		if err != nil {
			return all, err
		}
		var t telling
		if json.Unmarshal(e.Value(), &t) != nil {
			continue // no node wrote it
		}
		n.keys.learn(t.Node, t.Key)
		s := t.NodeStatus
		s.Seen = e.Created().UTC()
		if silent := n.heard.silence(key, e.Revision(), latest); silent > goneAfter {
			s.Role, s.LagGroups, s.LagSeconds = Gone, max(end, s.Position)-s.Position, silent.Seconds()
		}
		all = append(all, s)
	}
	return all, err
}

// bucketSubject is that of a key in the bucket's stream.
func (n *Node) bucketSubject(key string) string { return "$KV." + n.opts.bucket() + "." + key }

// bucketKeys are the bucket's keys that match, with its latest revision. They are asked for as subjects of the bucket's
// stream: listing keys needs a consumer, which servers that elect are slow to make.
func (n *Node) bucketKeys(ctx context.Context, which string) (keys []string, latest uint64, err error) {
	info, err := n.bucketStream.Info(ctx, jetstream.WithSubjectFilter(n.bucketSubject(which)))
	if err != nil {
		return nil, 0, err
	}
	for subject := range info.State.Subjects {
		keys = append(keys, strings.TrimPrefix(subject, n.bucketSubject("")))
	}
	return keys, info.State.LastSeq, nil
}

// Remove forgets a node that does not come back. One that runs tells of itself again.
func (n *Node) Remove(ctx context.Context, node int) error {
	others, err := n.others(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(others, func(s NodeStatus) bool { return s.Node == node })
	switch {
	case i < 0:
		return fmt.Errorf("there is no other node %d: see signalbox cluster status", node)
	case others[i].Role != Gone:
		return fmt.Errorf("node %d runs at %s: stop it first", node, others[i].URL)
	}
	return n.bucket.Delete(ctx, nodePrefix+strconv.Itoa(node))
}
