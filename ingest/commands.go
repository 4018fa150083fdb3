package ingest

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"signalbox/commands"
	"signalbox/event"
)

// The headers of an answer to a command or a query.
const (
	// HeaderEventID is the id of the message's event, and HeaderWorkRequest that of
	// a command's work request.
	HeaderEventID     = "X-Signalbox-Event-Id"
	HeaderWorkRequest = "X-Signalbox-Work-Request"
	// HeaderAnsweredBy is "handler" where status and body are the handler's own.
	HeaderAnsweredBy = "X-Signalbox-Answered-By"
)

// queryWait is how long the sender of a query waits who does not say.
const queryWait = 10 * time.Second

// The codes of problems that commands and queries alone have.
const (
	codeNoReply       = "NoReply"
	codeHandlerFailed = "HandlerFailed"
	codeTooLarge      = "AnswerTooLarge"
)

// serveCommands takes a command, and answers with what its handler answers, or
// with the work request that tells what becomes of it.
func (h *Handler) serveCommands(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, parseWait(0), func(w http.ResponseWriter, r *http.Request, f form, params parameters) outcome {
		return h.ask(w, r, f, params, event.KindCommand, h.opts.Command)
	})
}

// serveQueries takes a query, and answers with what its handler answers.
func (h *Handler) serveQueries(w http.ResponseWriter, r *http.Request) {
	h.serve(w, r, parseWait(queryWait), func(w http.ResponseWriter, r *http.Request, f form, params parameters) outcome {
		if params.wait <= 0 {
			writeProblem(w, badQuery("wait: a query is asked for its reply: wait longer than 0s"))
			return outcomeRefused
		}
		return h.ask(w, r, f, params, event.KindQuery, h.opts.Query)
	})
}

// parseWait reads a query that may say how long to wait.
func parseWait(otherwise time.Duration) func(string) (parameters, *problem) {
	return func(query string) (parameters, *problem) {
		values, err := url.ParseQuery(query)
		if err != nil {
			return parameters{}, badQuery("%v", err)
		}
		wait := otherwise
		if n := len(values["wait"]); n > 1 {
			return parameters{}, badQuery("wait is there %d times: give it once", n)
		}
		if text := values.Get("wait"); values.Has("wait") {
			if wait, err = time.ParseDuration(text); err != nil || wait < 0 || wait > commands.MaxWait {
				return parameters{}, badQuery("wait: %q is not a time from 0s to %v, such as 10s", text, commands.MaxWait)
			}
		}
		values.Del("wait")
		params, p := parseParameters(values.Encode())
		params.wait = wait
		return params, p
	}
}

// ask hands one message to a function that waits for its answer.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, f form, params parameters, kind event.Kind,
	ask func(context.Context, *event.Event, time.Duration) (commands.Reply, error),
) outcome {
	batch, ok := h.readBatch(w, r, f, params)
	if !ok {
		return outcomeRefused
	}
	if n := len(batch.Events); n != 1 {
		writeProblem(w, &problem{status: http.StatusBadRequest, Code: event.CodeValidation,
			Message: fmt.Sprintf("%d messages: send one %s in a request", n, kind)})
		return outcomeRefused
	}
	e := batch.Events[0]
	e.Meta.Kind = kind
	switch {
	case params.dryRun:
		return h.dryRun(w, r, batch.Events)
	case ask == nil:
		writeProblem(w, &problem{status: http.StatusNotImplemented, Code: "NotImplemented", Message: "commands and queries are turned off here"})
		return outcomeRefused
	}
	usageOf(r.Context()).end() // what remains is one message
	ctx, cancel := h.waiting(w, r, params.wait)
	defer cancel()
	reply, err := ask(ctx, e, params.wait)
	if err != nil {
		if p, internal := ofError(err); !internal {
			writeProblem(w, p)
			return outcomeRefused
		}
		return h.failed(w, err)
	}
	writeReply(w, reply, kind, params.wait)
	return outcomeAccepted
}

// waiting returns the context of a wait, which ends when the client has gone or the
// router stops, and keeps the connection open for so long.
func (h *Handler) waiting(w http.ResponseWriter, r *http.Request, wait time.Duration) (context.Context, context.CancelFunc) {
	const toWrite = 30 * time.Second
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Time{}) // a server of another kind has no deadlines
	_ = control.SetWriteDeadline(time.Now().Add(wait + toWrite))
	ctx, cancel := context.WithCancel(r.Context())
	if h.opts.Stopping == nil {
		return ctx, cancel
	}
	unhook := context.AfterFunc(h.opts.Stopping, cancel)
	return ctx, func() { unhook(); cancel() }
}

// writeReply answers a command or a query.
func writeReply(w http.ResponseWriter, reply commands.Reply, kind event.Kind, wait time.Duration) {
	w.Header().Set(HeaderEventID, reply.EventID)
	workID := reply.EventID // by which it is found too
	if reply.Work != nil {
		workID = reply.Work.ID
		w.Header().Set(HeaderWorkRequest, workID)
	}
	switch {
	case reply.Cut:
		writeProblem(w, &problem{status: http.StatusBadGateway, Code: codeTooLarge, Message: fmt.Sprintf(
			"the handler answered %d, but only the first %d bytes of its body could be read, and no more than 256 KiB are: let it answer with less, or with where the rest is",
			reply.Status, len(reply.Body))})
	case reply.Outcome == commands.ReplyAnswered || reply.Outcome == commands.ReplyRefused:
		relay(w, reply)
	case reply.Outcome == commands.ReplyFailed:
		writeProblem(w, &problem{status: http.StatusBadGateway, Code: codeHandlerFailed, Message: notHandled(kind, reply.Message)})
	case kind == event.KindCommand:
		w.Header().Set("Location", "/v1/work-requests/"+url.PathEscape(workID))
		writeJSON(w, http.StatusAccepted, reply.Work)
	case reply.Outcome == commands.ReplyNothing:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeProblem(w, &problem{status: http.StatusGatewayTimeout, Code: codeNoReply, Message: fmt.Sprintf(
			"the handler gave no reply within %v: the query is not asked again; ask it anew, or with a longer wait", wait)})
	}
}

// notHandled returns why a handler could not be asked, and what to do about it.
func notHandled(kind event.Kind, why string) string {
	if kind == event.KindQuery {
		return fmt.Sprintf("the handler gave no reply: %s; the query is not asked again: fix the handler, and ask it anew", why)
	}
	return fmt.Sprintf("the handler did not take the command: %s; it rests in the dead-letter queue, and its work request is FAILED: fix the handler, and send it anew or redrive it", why)
}

// relay hands the handler's own answer on.
func relay(w http.ResponseWriter, reply commands.Reply) {
	w.Header().Set(HeaderAnsweredBy, "handler")
	w.Header().Set("Content-Type", cmp.Or(reply.ContentType, "application/octet-stream"))
	if reply.Status == http.StatusNoContent {
		w.Header().Del("Content-Type")
		w.WriteHeader(reply.Status)
		return
	}
	// A page from a target would else run in the router's name.
	w.Header().Set("Content-Security-Policy", "sandbox; default-src 'none'")
	w.Header().Set("Content-Length", strconv.Itoa(len(reply.Body)))
	w.WriteHeader(reply.Status)
	_, _ = w.Write(reply.Body) // a client that has gone misses nothing
}
