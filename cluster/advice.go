package cluster

import (
	"context"
	"errors"
	"fmt"
	"strings"

	natsio "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Codes of errors of JetStream that its client has no names for (server/errors.json of nats-server).
const (
	codeNoPeers       jetstream.ErrorCode = 10005
	codeNoMajority    jetstream.ErrorCode = 10008
	codeNoResources   jetstream.ErrorCode = 10023
	codeNoStorage     jetstream.ErrorCode = 10047
	codeOverlaps      jetstream.ErrorCode = 10065
	codeNotClustered  jetstream.ErrorCode = 10074
	codeStreamIsFull  jetstream.ErrorCode = 10077
	codeAccountIsFull jetstream.ErrorCode = 10002
)

// advised adds to an error of the servers how to fix it, where that is known.
func advised(err error) error {
	if advice := adviceOn(err); advice != "" {
		return fmt.Errorf("%w: %s", err, advice)
	}
	return err
}

func adviceOn(err error) string {
	if err == nil {
		return ""
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "the servers of NATS do not answer, as while they elect, or while no majority of them runs"
	}
	if strings.Contains(strings.ToLower(err.Error()), natsio.ErrAuthorization.Error()) {
		return "correct cluster.user and cluster.password, cluster.token or cluster.credentials_file, or the user on the servers"
	}
	if errors.Is(err, natsio.ErrNoResponders) {
		return "enable JetStream on the servers of NATS: jetstream { store_dir: … }"
	}
	api, ok := errors.AsType[*jetstream.APIError](err)
	if !ok {
		return ""
	}
	switch api.ErrorCode {
	case jetstream.JSErrCodeJetStreamNotEnabled, jetstream.JSErrCodeJetStreamNotEnabledForAccount:
		return "enable JetStream on the servers of NATS, and for the account of the routers"
	case codeNoPeers, codeNotClustered:
		return "there are fewer servers than cluster.replicas: start the others, as one cluster, or set cluster.replicas: 1 to try it with one"
	case codeNoMajority:
		return "the servers elect, or no majority of them runs"
	case codeNoResources, codeNoStorage, codeStreamIsFull, codeAccountIsFull:
		return "the servers have no more room: free their disks, or raise max_file_store of JetStream, or the limits of the account or stream"
	case codeOverlaps:
		return "another stream takes the subject of the log: set cluster.name to another name, or change the subjects of that stream"
	}
	return ""
}

// leastServer is the oldest version of the servers that will do.
const leastMajor, leastMinor = 2, 11

// tooOld reports whether a version of the servers is older than the oldest that will do.
func tooOld(version string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err != nil {
		return false // none of theirs
	}
	return major < leastMajor || major == leastMajor && minor < leastMinor
}
