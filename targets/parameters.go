package targets

// Parameters are what a rule adds to each request of an http target: EventBridge's
// HttpParameters.
type Parameters struct {
	// Path are the values for each * in the path of the target's URL.
	Path []Parameter
	// Query and Headers are sorted by their names.
	Query, Headers []Parameter
}

// Parameter is one value that a rule adds.
type Parameter struct {
	Name string
	// Static is the value where it is the same for every event; Of is then nil.
	Static string
	// Of returns the value for a delivery; its error says that the event has none.
	Of func(d *Delivery) (string, error)
}

// Value returns the parameter's value for a delivery.
func (p *Parameter) Value(d *Delivery) (string, error) {
	if p.Of == nil {
		return p.Static, nil
	}
	return p.Of(d)
}

// Parametrized are the options of a kind whose requests take Parameters.
type Parametrized interface {
	// CheckParameters returns why they can't be added; nil if they can.
	CheckParameters(p *Parameters) error
}
