package serve

import (
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"signalbox/cmd/signalbox/internal/cli"
	"signalbox/config"
)

// newLogger makes the logger that the configuration asks for. Colours are for
// terminals alone.
func newLogger(cfg config.Log, w *outlet) *zap.Logger {
	level, err := zapcore.ParseLevel(cfg.Level)
	if err != nil {
		level = zapcore.InfoLevel // the configuration was validated: a zero Log
	}
	enc := zap.NewProductionEncoderConfig()
	enc.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc.EncodeDuration = zapcore.StringDurationEncoder
	encoder := zapcore.NewJSONEncoder(enc)
	if cfg.Format == "console" {
		enc.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		enc.EncodeLevel = zapcore.CapitalLevelEncoder
		if cli.IsTerminal(w.w) {
			enc.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
		encoder = zapcore.NewConsoleEncoder(enc)
	}
	return zap.New(plainErrors{zapcore.NewCore(encoder, w, level)})
}
