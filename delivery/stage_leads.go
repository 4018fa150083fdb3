package delivery

// leads leaves a delivery to the router that leads the cluster, where this one does not any more. It
// is the last step before sending: a machine that has slept may wake up in any other.
func leads(a *Attempt) bool { return a.lane.env.Leads == nil || a.lane.env.Leads() }
