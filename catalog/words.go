package catalog

import "strings"

// verb is what is known of one verb.
type verb struct {
	participle string
	// asks means that a message named by it asks for something and changes nothing.
	asks bool
}

// regular are verbs whose participle is made by the rule (participleOf).
const regular = `abort accept acknowledge activate add allocate apply approve archive assign authorize
book calculate cancel capture change charge check close collect complete confirm connect copy correct create
credit deactivate debit decline delete deliver deploy detect disable disconnect dispatch duplicate edit enable
end enqueue enrol escalate estimate evict execute exit expire export extend fail finish fix flag fulfil
generate grant hire import index inform initialize inspect install invalidate invite invoice issue join launch
link load lock log mail mark merge migrate modify move notify open organize pack park pause
pick place plan post prepare print process promote provision publish pull purchase push query queue
rate reactivate receive reconcile record redeem refund refuse register reject release relocate remind remove
rename renew reopen repair replace replay report request reschedule reserve reset resolve restart restock
restore resume retire retry return revert review revoke roll save scan schedule screen settle ship
sign skip split start stop store submit subscribe succeed suspend sync terminate test
time track train transfer translate trigger unassign unblock unlink unlock unpublish unreserve unsubscribe
update upgrade upload validate verify view visit void`

// irregular are verbs whose participle is none that the rule makes, or that double
// a letter that others do not.
var irregular = map[string]string{
	"bind": "bound", "break": "broken", "bring": "brought", "build": "built", "buy": "bought", "choose": "chosen",
	"deal": "dealt", "do": "done", "draw": "drawn", "drive": "driven", "drop": "dropped", "fall": "fallen",
	"feed": "fed", "find": "found", "forget": "forgotten", "freeze": "frozen", "give": "given", "go": "gone",
	"grow": "grown", "hold": "held", "keep": "kept", "know": "known", "lay": "laid", "lead": "led", "leave": "left",
	"lend": "lent", "lose": "lost", "make": "made", "map": "mapped", "meet": "met", "overdraw": "overdrawn",
	"pay": "paid", "plan": "planned", "plug": "plugged", "prepay": "prepaid", "put": "put", "rebuild": "rebuilt", "refer": "referred",
	"repay": "repaid", "reset": "reset", "rewrite": "rewritten", "ring": "rung", "rise": "risen", "run": "run",
	"scan": "scanned", "sell": "sold", "send": "sent", "set": "set", "ship": "shipped", "skip": "skipped", "speak": "spoken",
	"split": "split", "spend": "spent", "stop": "stopped", "submit": "submitted", "take": "taken", "teach": "taught",
	"tell": "told", "transfer": "transferred", "understand": "understood", "unfreeze": "unfrozen", "win": "won",
	"withdraw": "withdrawn", "withhold": "withheld", "write": "written", "cancel": "canceled", "enrol": "enrolled",
	"fulfil": "fulfilled", "void": "voided", "begin": "begun", "plot": "plotted", "swap": "swapped", "tag": "tagged",
	"drag": "dragged", "stem": "stemmed", "commit": "committed", "admit": "admitted", "permit": "permitted",
	"occur": "occurred", "debug": "debugged", "undo": "undone", "redo": "redone", "resend": "resent", "sync": "synced",
}

// asking are verbs whose messages ask for something and change nothing.
var asking = map[string]string{
	"count": "counted", "describe": "described", "fetch": "fetched", "find": "found", "get": "got", "list": "listed",
	"lookup": "looked-up", "read": "read", "search": "searched",
}

// statuses are words that stand where a participle does, among them the adjectives
// of the status pairs (Validated and Invalid, InError and Aborted), and other
// spellings.
var statuses = []string{
	"invalid", "valid", "error", "errored", "cancelled", "ready", "available", "unavailable", "due", "overdue",
	"gone", "live", "online", "offline", "unreserved", "agreed", "freed", "failed", "travelled", "labelled",
}

// nouns end as a participle does, and are none.
var nouns = map[string]bool{"seed": true, "speed": true, "breed": true, "shed": true, "sled": true, "embed": true, "hundred": true, "watershed": true}

// Both are written once, before main, and only read then. Verbs that begin names as
// nouns more often (order, event) are left out: OrderUpdate is no command.
var (
	verbs       = knownVerbs()
	participles = knownParticiples()
)

func knownVerbs() map[string]verb {
	all := map[string]verb{}
	for v := range strings.FieldsSeq(regular) {
		all[v] = verb{participle: participleOf(v)}
	}
	for v, p := range irregular {
		all[v] = verb{participle: p}
	}
	for v, p := range asking {
		all[v] = verb{participle: p, asks: true}
	}
	return all
}

func knownParticiples() map[string]bool {
	all := map[string]bool{}
	for _, v := range verbs {
		all[v.participle] = true
	}
	for _, s := range statuses {
		all[s] = true
	}
	// "put", "set", "read" … are their own participles, and say nothing.
	for v := range verbs {
		delete(all, v)
	}
	return all
}

// participleOf makes the past participle of a regular verb, or gives that of one
// that is known to be irregular.
func participleOf(word string) string {
	if p, ok := irregular[word]; ok {
		return p
	}
	n := len(word)
	switch {
	case n == 0:
		return ""
	case word[n-1] == 'e':
		return word + "d"
	case n > 1 && word[n-1] == 'y' && !strings.ContainsRune("aeiou", rune(word[n-2])):
		return word[:n-1] + "ied"
	}
	return word + "ed"
}
