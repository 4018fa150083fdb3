package serve

import (
	"strings"

	"go.uber.org/zap/zapcore"
)

// plainErrors writes errors as their text alone. Those of some libraries carry the stack of
// the place where they were made, which would follow in as many lines.
type plainErrors struct{ zapcore.Core }

// With adds fields to all entries.
func (c plainErrors) With(fields []zapcore.Field) zapcore.Core {
	return plainErrors{c.Core.With(plain(fields))}
}

// Check adds this core where the entry is to be written.
func (c plainErrors) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

// Write writes an entry.
func (c plainErrors) Write(e zapcore.Entry, fields []zapcore.Field) error {
	return c.Core.Write(e, plain(fields))
}

func plain(fields []zapcore.Field) []zapcore.Field {
	for i, f := range fields {
		switch f.Type {
		case zapcore.ErrorType:
			if err, ok := f.Interface.(error); ok {
				f.String = err.Error()
			}
		case zapcore.StringType:
		default:
			continue
		}
		text, _, _ := strings.Cut(f.String, "\ngoroutine ") // that of a panic
		fields[i] = zapcore.Field{Key: f.Key, Type: zapcore.StringType, String: text}
	}
	return fields
}
