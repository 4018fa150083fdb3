package archiver

import (
	"context"
	"time"

	"signalbox/archive/segment"
)

// Verification is how far the verification of an archive has come, and what it has found.
type Verification struct {
	Running   bool      `json:"running"`
	StartedAt time.Time `json:"started_at"`
	EndedAt   time.Time `json:"ended_at,omitzero"`
	// Done counts the bytes of the segments that were compared.
	Done int64 `json:"done"`
	// Checked is what was found, once it has ended; Error why it did not come to its end.
	Checked *segment.Checked `json:"checked,omitempty"`
	Error   string           `json:"error,omitempty"`
}

// Verify begins to verify an archive, unless that is under way, and returns how far it has come;
// nil if there is no such archive. Archives are verified one after the other.
func (a *Archiver) Verify(name string) *Verification {
	k := a.keeper(name)
	if k == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if v := k.verification; v == nil || !v.Running {
		k.verification = &Verification{Running: true, StartedAt: time.Now().UTC()}
		a.running.Go(func() { k.verify(a.ctx) })
	}
	v := *k.verification
	return &v
}

// Verification returns the latest verification of an archive; nil if there was none since the
// router began, or there is no such archive.
func (a *Archiver) Verification(name string) *Verification {
	k := a.keeper(name)
	if k == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if k.verification == nil {
		return nil
	}
	v := *k.verification
	return &v
}

// keeper returns the one of an archive; nil if there is none.
func (a *Archiver) keeper(name string) *keeper {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.all[name]
}

func (k *keeper) verify(ctx context.Context) {
	a := k.of
	a.verifying.Lock()
	defer a.verifying.Unlock()
	note := func(change func(*Verification)) {
		a.mu.Lock()
		defer a.mu.Unlock()
		change(k.verification)
	}
	files, err := k.reading()
	var checked segment.Checked
	if err == nil {
		checked, err = files.Check(ctx, func(done int64) { note(func(v *Verification) { v.Done = done }) })
	}
	note(func(v *Verification) {
		if v.Running, v.EndedAt = false, time.Now().UTC(); err != nil {
			v.Error = err.Error()
		} else {
			v.Checked = &checked
		}
	})
}
