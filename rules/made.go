package rules

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"signalbox/document"
	"signalbox/event"
)

// Made is what a target is made of that nothing declares.
type Made struct {
	// ARN is that of a queue of SQS, of a bus of this router, or of a log group.
	ARN string
	// Group is the message group of a FIFO queue; it is taken as it is.
	Group string
}

var (
	regionForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	accountID  = regexp.MustCompile(`^[0-9]{12}$`)
	queueForm  = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$|^[A-Za-z0-9_-]{1,75}\.fifo$`)
)

// options are those of the target, by what its ARN is; ok is false where none can be made.
func (m *Made) options(account, region string) (options map[string]string, ok bool) {
	if name, a, r, isBus := event.BusOfARN(m.ARN); isBus {
		return map[string]string{"type": "bus", "bus": name}, a == account && r == region
	}
	parts := strings.SplitN(m.ARN, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" {
		return nil, false
	}
	switch parts[2] {
	case "sqs":
		queue := parts[5]
		fifo := strings.HasSuffix(queue, ".fifo")
		if !regionForm.MatchString(parts[3]) || !accountID.MatchString(parts[4]) || !queueForm.MatchString(queue) ||
			fifo == (m.Group == "") || strings.Contains(m.Group, "{{") || strings.Contains(m.Group, "${") {
			return nil, false
		}
		options = map[string]string{"type": "sqs", "url": "sqs://" + strings.Join([]string{parts[3], parts[4], queue}, "/")}
		if fifo {
			options["group"] = m.Group
		}
		return options, true
	case "logs":
		return map[string]string{"type": "log"}, strings.HasPrefix(parts[5], "log-group:")
	}
	return nil, false
}

// notInNames is what the name of a target can't hold.
var notInNames = regexp.MustCompile(`[^.\-_A-Za-z0-9]+`)

// name is that of the target: what it is, the end of the ARN, and a hash, so that two never share one.
func (m *Made) name(kind string) string {
	hash := sha256.Sum256([]byte(m.ARN + "\x00" + m.Group))
	parts := strings.Split(strings.TrimSuffix(m.ARN, ":*"), ":")
	end := strings.Trim(notInNames.ReplaceAllString(strings.TrimPrefix(parts[len(parts)-1], "event-bus/"), "-"), "-")
	return fmt.Sprintf("%s-%.40s-%s", kind, end, hex.EncodeToString(hash[:4]))
}

// Declaration returns the name of the target, and its options as in a rule file; ok is false where none can
// be made.
func (m *Made) Declaration(account, region string) (name string, options map[string]string, ok bool) {
	if options, ok = m.options(account, region); !ok {
		return "", nil, false
	}
	return m.name(options["type"]), options, true
}

// named returns how the entry names its target, and that of its dead letters.
func (t *targetDraft) named() entryNames {
	letters := targetName{written: t.DeadLetter.Value}
	if strings.HasPrefix(letters.written, "arn:") {
		letters.arn, letters.makes = letters.written, t.lettersMake
	}
	return entryNames{targetName{t.Target.Value, t.ARN, t.makes}, letters}
}

// make makes the target of an entry, unless there is one; it returns its name.
func (b *targetBuilder) make(m Made) (string, bool) {
	options, ok := m.options(b.src.Account, b.src.Region)
	if !ok {
		return "", false
	}
	if bus := options["bus"]; bus != "" {
		if _, ok := b.set.Buses[bus]; !ok {
			return "", false
		}
	}
	name := m.name(options["type"])
	if _, ok := b.set.Targets[name]; ok || b.broken[name] {
		return name, ok
	}
	written, err := json.Marshal(options)
	if err != nil {
		return "", false
	}
	root, err := document.Parse(m.ARN, written)
	if err != nil {
		return "", false
	}
	b.pos[name] = root.Pos
	b.target(document.Member{Key: name, Pos: root.Pos, Value: root}, document.Path{}.Key("targets").Key(name), b.src.Dir)
	return name, !b.broken[name]
}

// Reaches reports whether an entry that a source with MakeTargets has can name a target so: one that
// is declared by this ARN or by the name in it, or one that can be made.
func (s *Set) Reaches(m Made, account, region string) bool {
	if _, ok := s.Targets[NameInARN(m.ARN)]; ok {
		return true
	}
	for _, t := range s.Targets {
		if t.ARN == m.ARN {
			return true
		}
	}
	options, ok := m.options(account, region)
	if bus := options["bus"]; ok && bus != "" {
		_, ok = s.Buses[bus]
	}
	return ok
}
