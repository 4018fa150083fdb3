package journal

// Entry is one event and its plan, written as one.
type Entry struct {
	Record Record
	// Deliveries are Ready, or Dead where their body could not be rendered.
	Deliveries []Delivery
	// Matched means that some rule matched, though it may plan no delivery.
	Matched bool
	// Object is what the event tells the state of; nil for none.
	Object *Object
	// Said and Story are for traces; they are kept as KeepTouches says.
	Said  []Said
	Story Story
	// Works are the states that the event gives to work requests.
	Works []Work
	// Fingerprint makes repeats of the event known as such; nil for one that can't
	// be told from others. EventID is the event's id then.
	Fingerprint *Fingerprint
	EventID     string
	// Derived numbers the events that have come of Root by replies and buses; 0 for one that has not.
	Root    Seq
	Derived int
	// Marks are further fingerprints to write, of this event or of earlier ones.
	Marks []Mark
}

// End is how a delivery ended.
type End uint8

// The ends of a delivery. One that moves to another state has NotEnded.
const (
	NotEnded End = iota
	Delivered
	Dropped // by a written policy: a synthetic event, a purge
	Logged  // in place of being sent: a synthetic event
)

// Move takes a delivery from one state to another, or to its end.
type Move struct {
	From Delivery
	// To is the delivery's next state; nil where End says that it ended.
	To  *Delivery
	End End
	// Key is what becomes of the record of the delivery's ordering key; nil where
	// that stays as it is. With KeyAlone there is no delivery to move.
	Key      *KeyChange
	KeyAlone bool
	// Record is the event, to be kept with a dead letter, or to be put back where
	// a redriven one has outlived it.
	Record *Record
	// Forward is the delivery of a dead letter that is planned with the move; nil for none. It is given
	// another number if its own is taken.
	Forward *Delivery
	// Made is set by MoveSync where the move was made.
	Made bool
	// Restore is set by MoveSync where Record is gone from the log and goes back there.
	Restore bool
	// Answered is for the delivery's touch.
	Answered Answered
	// Applied is called once the move can be seen by readers.
	Applied func()
}
