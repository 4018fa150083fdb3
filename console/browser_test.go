package console_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a tab of a real Chromium.
type browser struct {
	t   testing.TB
	ctx context.Context
	url string

	mu    sync.Mutex
	heard []string // what its console has complained of
}

func newBrowser(t testing.TB, url string) *browser {
	t.Helper()
	program, err := exec.LookPath("chromium")
	if err != nil {
		t.Skip("Chromium is not installed: apt-get install chromium")
	}
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(program), chromedp.NoSandbox, chromedp.Flag("lang", "en"))
	allocated, end := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, closeTab := chromedp.NewContext(allocated)
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	b := &browser{t: t, ctx: ctx, url: url}
	t.Cleanup(func() { cancel(); closeTab(); end() })
	must(t, chromedp.Listen(ctx, b.listen))
	return b
}

// listen notes what the browser complains of: errors of scripts, and what the policy forbids.
func (b *browser) listen(e any) {
	switch e := e.(type) {
	case *log.EventEntryAdded:
		b.note(fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL))
	case *runtime.EventExceptionThrown:
		b.note("exception: " + e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		b.note(fmt.Sprintf("console: %s %v", e.Type, e.Args))
	case *page.EventJavascriptDialogOpening:
		b.note("dialog: " + e.Message)
	}
}

func (b *browser) note(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = append(b.heard, text)
}

// quiet fails the test if the browser has complained.
func (b *browser) quiet() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, text := range b.heard {
		b.t.Errorf("the browser says: %s", text)
	}
	b.heard = nil
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	must(b.t, chromedp.Do(b.ctx, actions...))
}

// of returns the value of an expression in the page.
func of[T any](b *browser, expression string) T {
	b.t.Helper()
	value, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	must(b.t, err)
	return value
}

func (b *browser) open(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.url + path))
}

// text returns the text of the page.
func (b *browser) text() string {
	b.t.Helper()
	return of[string](b, pageText)
}

// pageText is the text of the page in its own language.
const pageText = "document.body ? document.body.innerText : ''"

// sees waits until the page has a text.
func (b *browser) sees(want string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		text, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](pageText))
		if err == nil && strings.Contains(text, want) {
			return
		}
		if time.Now().After(end) { // until then a page that is being left has no text
			b.t.Fatalf("the page has no %q, but:\n%s\n%v", want, text, err)
		}
	}
}

// arrives waits until the page is one whose address has a text.
func (b *browser) arrives(want string) {
	b.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		at, err := chromedp.Run(b.ctx, chromedp.Evaluate[string]("document.readyState == 'complete' ? location.href : ''"))
		if err == nil && strings.Contains(at, want) {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("the page is %s, not one of %s; %v", at, want, err)
		}
	}
}

// click clicks the first button or link with a text.
func (b *browser) click(text string) {
	b.t.Helper()
	b.do(chromedp.Click(fmt.Sprintf(`//main//*[self::a or self::button][normalize-space()=%q]`, text), chromedp.NodeVisible))
}

// size sets how large the window is, and whether it is dark.
func (b *browser) size(width int64, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do(chromedp.EmulateViewport(width, 800))
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	must(b.t, err)
}

// picture writes a picture of the whole page.
func (b *browser) picture(path string) {
	b.t.Helper()
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	must(b.t, err)
	must(b.t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(b.t, os.WriteFile(path, png, 0o600))
}
