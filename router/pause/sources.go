package pause

import "signalbox/journal"

func sourceKey(name string) key { return key{kind: journal.PauseSource, name: name} }

// PauseSource notes that a source is to take nothing in until it is resumed, through restarts.
// Who runs the source asks OfSource.
func (p *Pauses) PauseSource(name string) error {
	return p.command(sourceKey(name), func(to *journal.Pause) { to.Command = true })
}

// ResumeSource notes that a source is to go on. The error is a *ByFile where its file has paused
// it.
func (p *Pauses) ResumeSource(name string) error {
	return p.command(sourceKey(name), func(to *journal.Pause) { to.Command = false })
}

// OfSource returns how a source is paused; nil where it is not.
func (p *Pauses) OfSource(name string) *Pause {
	p.opts.Lock.Lock()
	defer p.opts.Lock.Unlock()
	known := p.known[sourceKey(name)]
	return view(&known)
}
