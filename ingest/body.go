package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"

	"signalbox/machine"
)

const (
	// maxKeptBuffer is the largest buffer in bytes that waits for the next request.
	maxKeptBuffer = 2 << 20
	// firstPart is how much of a large body is read before memory is taken for all of it.
	firstPart = 256 << 10
)

var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

func releaseBuffer(b *bytes.Buffer) {
	if b.Cap() <= maxKeptBuffer {
		b.Reset()
		buffers.Put(b)
	}
}

// readBody reads the body of a request into a buffer, which the caller gives
// back with releaseBuffer. A body that claims to be over the limit is refused
// before anything of it is read.
func (h *Handler) readBody(w http.ResponseWriter, r *http.Request) (*bytes.Buffer, *problem) {
	if r.ContentLength > h.opts.MaxBody {
		// The rest of the body is not worth the wait.
		w.Header().Set("Connection", "close")
		return nil, tooLarge(h.opts.MaxBody)
	}
	body, claim := io.Reader(r.Body), max(r.ContentLength, 0) // which net/http holds it to
	if r.ContentLength < 0 {
		body = http.MaxBytesReader(w, r.Body, h.opts.MaxBody)
	}
	switch encoding := strings.ToLower(r.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
	case "gzip":
		inflated, err := gzip.NewReader(body)
		if err != nil {
			return nil, unreadable(err, h.opts.MaxBody)
		}
		// One byte more than the limit tells a bomb from a body that just fits.
		claim, body = 0, io.LimitReader(usageOf(r.Context()).meter(inflated), h.opts.MaxBody+1)
	default:
		return nil, &problem{status: http.StatusUnsupportedMediaType, Code: "UnsupportedContentEncoding",
			Message: fmt.Sprintf("Content-Encoding %q is not supported: send gzip or none", encoding)}
	}
	buf := buffers.Get().(*bytes.Buffer)
	n, err := fill(buf, body, claim, usageOf(r.Context()))
	if err != nil || n > h.opts.MaxBody {
		releaseBuffer(buf)
		if err == nil {
			return nil, tooLarge(h.opts.MaxBody)
		}
		p := unreadable(err, h.opts.MaxBody)
		if p.status != http.StatusBadRequest {
			w.Header().Set("Connection", "close") // what is left of the body is not worth the wait
		}
		return nil, p
	}
	if err := usageOf(r.Context()).begin(r.Context(), buf.Len()); err != nil {
		releaseBuffer(buf)
		return nil, unreadable(err, h.opts.MaxBody)
	}
	return buf, nil
}

// fill reads a body to its end, of claim bytes where that is known, else 0. A claim alone does
// not make us take much memory: the first part must have come.
func fill(buf *bytes.Buffer, body io.Reader, claim int64, u *usage) (int64, error) {
	buf.Grow(int(min(claim, firstPart)) + bytes.MinRead)
	if claim <= firstPart {
		return buf.ReadFrom(body)
	}
	first, err := buf.ReadFrom(io.LimitReader(body, firstPart))
	if err != nil {
		return first, err
	}
	if !u.expect(claim) {
		return first, machine.ErrMemory
	}
	buf.Grow(int(claim-first) + bytes.MinRead)
	rest, err := buf.ReadFrom(body)
	return first + rest, err
}

func tooLarge(limit int64) *problem {
	return &problem{status: http.StatusRequestEntityTooLarge, Code: "RequestEntityTooLargeException",
		Message: fmt.Sprintf("the body is over the limit of %d bytes: send fewer or smaller events in a request", limit)}
}

func unreadable(err error, limit int64) *problem {
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return tooLarge(limit)
	case errors.Is(err, machine.ErrMemory):
		return overloaded(err.Error())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &problem{status: http.StatusRequestTimeout, Code: "RequestTimeout", Message: "the body did not come in time: send it again"}
	}
	return &problem{status: http.StatusBadRequest, Code: "SerializationException", Message: "the body can't be read: " + err.Error()}
}
