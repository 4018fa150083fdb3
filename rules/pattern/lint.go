package pattern

// Warning is something in a pattern that is legal but probably not what was
// meant.
type Warning struct {
	// Code names the kind of warning: duplicate-key, duplicate-path, dotted-key, ….
	Code string `json:"code"`
	// Path is the dotted path of the field.
	Path string `json:"path"`
	// Offset is the byte offset in the pattern's source.
	Offset  int    `json:"offset"`
	Message string `json:"message"`
}

// checkTests looks for tests of one condition that have no effect.
func (p *parser) checkTests(c *condition) {}
