package router

// RetryTarget makes all that waits at a target for a later attempt due now. It returns
// how many deliveries those are, or an *Unknown.
func (r *Router) RetryTarget(name string) (uint64, error) {
	if r.gate.closed.Load() {
		return 0, ErrStopping
	}
	l, ok := r.snapshot.Load().lanes[name]
	if !ok {
		return 0, &Unknown{targetPause(name).String()}
	}
	return l.RetryNow(), nil
}
