package console

import (
	"net/http"
	"time"

	"signalbox/cluster"
	"signalbox/config"
	"signalbox/delivery"
	"signalbox/dlq"
	"signalbox/history"
	"signalbox/router"
)

// overviewView is what the first page shows.
type overviewView struct {
	Accounts router.Accounts
	// Oldest is since when the oldest delivery of all targets is pending; zero for none.
	Oldest time.Time
	Charts []chart
	Disk   float64
	// Bad are the targets that do not take deliveries as they should.
	Bad    []targetView
	Groups dlq.Groups
	// Reload is how the rules were last read; nil where the program does not read any.
	Reload *config.Status
	// Faulty are the other nodes of the cluster whose files have faults.
	Faulty []cluster.NodeStatus
}

func loadOverview(v *visit) (any, error) {
	x := overviewView{}
	var err error
	if x.Accounts, err = v.api.Store.Accounts(v.ctx()); err != nil {
		return nil, err
	}
	figures, err := v.figures(history.Filter{})
	if err != nil {
		return nil, err
	}
	x.Charts = []chart{
		figures.of("accepted", "", "Accepted a second", "busy"), figures.of("delivered", "", "Delivered a second", "good"),
		figures.of("dead", "", "Dead a second", "bad"), figures.of("unmatched", "", "Unmatched a second", "calm"),
	}
	x.Disk = figures.of("disk", "", "", "").Last
	list, err := v.api.Targets.List(v.ctx())
	if err != nil {
		return nil, err
	}
	for _, t := range list {
		if at := t.OldestPending; !at.IsZero() && (x.Oldest.IsZero() || at.Before(x.Oldest)) {
			x.Oldest = at
		}
		if t.State != delivery.OK {
			x.Bad = append(x.Bad, viewTarget(t))
		}
	}
	if x.Groups, err = v.api.DeadLetters.Groups(v.ctx(), "", ""); err != nil {
		return nil, err
	}
	x.Groups.Groups = x.Groups.Groups[:min(len(x.Groups.Groups), 6)]
	status, err := v.api.Store.Reload(v.ctx())
	switch {
	case err == nil:
		x.Reload = &status
	case statusOf(err) != http.StatusNotFound:
		return nil, err
	}
	nodes, err := v.api.Cluster.Status(v.ctx())
	if err != nil && statusOf(err) != http.StatusNotFound {
		return nil, err
	}
	for _, n := range nodes.Nodes {
		if len(n.Errors) > 0 && n.Node != nodes.Node { // which Reload tells
			x.Faulty = append(x.Faulty, n)
		}
	}
	return x, nil
}

func doReload(v *visit) (string, string, error) {
	changed, err := v.api.Store.ReloadNow(v.ctx())
	if err != nil || !changed {
		return "", "The files say what already serves.", err
	}
	return "", "The files are read, and serve.", nil
}
