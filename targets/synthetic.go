package targets

import (
	"go.uber.org/zap"

	"signalbox/event"
)

// LogSynthetic logs what t would have been sent, for a synthetic event at a
// target whose policy is SyntheticLog.
func LogSynthetic(log *zap.Logger, t Target, d *Delivery) error {
	request, err := t.Preview(d)
	if err != nil {
		return err
	}
	log.Info("synthetic event not sent",
		zap.String("rule", d.Rule),
		zap.String("target", d.Target),
		zap.String("delivery_id", d.ID),
		zap.String("event_id", d.EventID),
		zap.String("trace_id", event.TraceID(d.EventID, d.Meta)),
		zap.String("method", request.Method),
		zap.String("address", request.Address),
		zap.Any("headers", request.Headers),
		zap.String("body", request.Body))
	return nil
}
