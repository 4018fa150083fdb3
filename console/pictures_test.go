package console_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"signalbox/replay"
)

// shown are all pages with something on them, and a text that each has.
func (w *world) shown(big string) map[string]string {
	return map[string]string{
		"":                              "Targets that need a look",
		"rules":                         "orders-to-warehouse",
		"rule?bus=default&name=vip":     "Condition errors",
		"rule?bus=default&name=fraud":   "What it would have sent",
		"shadow?bus=default&name=fraud": "would have been sent",
		"flow":                          "Declared types",
		"state":                         "Customer",
		"state?type=Customer":           "eu/42",
		"state?type=Customer&key=eu/42": "The events that made it",
		"sources":                       "No sources",
		"audit":                         "Who operated",
		"playground":                    "does not match",
		"playground?id=" + big:          "matches",
		"explain?id=" + big:             "Does not match",
		"explain":                       "Another event",
		"send?target=search-index":      "sends to search-index",
		"events":                        "OrderCreated",
		"events?outcome=dead":           "billing",
		"event?id=" + big:               "What happened",
		"targets":                       "warehouse",
		"target?name=partner":           "Configuration",
		"target?name=billing":           "Last failure",
		"deadletters":                   "By target and fault",
		"deadletters?target=billing":    "Chosen",
		"replay?target=billing":         "would be sent",
		"purge?target=search-index":     "would be deleted",
		"redrives":                      "Of past events",
		"past?name=again":               "Has come to",
		"again":                         "Replay past events",
		"again?since=1h&rule=search":    "2 deliveries of 2 events",
		"archives":                      "No archives",
	}
}

// busy makes a world in which something has happened of everything.
func busy(t testing.TB) (w *world, big string) {
	w = newWorld(t)
	for n := range 12 {
		big = w.order(n, 60+n*45)
	}
	w.send("shop.catalog", "ProductChanged", `{"sku": "A-7", "name": "Lamp"}`)
	w.send("shop.catalog", "ProductChanged", `{"sku": "A-14", "name": "Chair"}`)
	for left := range 3 {
		w.send("shop.stock", "StockLow", fmt.Sprintf(`{"sku": "A-7", "left": %d}`, 3-left))
	}
	w.send("shop.users", "UserSignedUp", `{"name": "Ada"}`)
	for _, tier := range []string{"silver", "gold"} {
		w.customer(fmt.Sprintf(`"id": "eu/42", "name": "Ada", "tier": %q`, tier), false)
	}
	w.settled(6)
	_, err := w.client.Replays.Begin(context.Background(), replay.Request{Name: "again", Target: "warehouse", Since: time.Unix(0, 0)})
	must(t, err)
	w.eventually("the replay has ended", func() bool {
		j, err := w.client.Replays.Get(context.Background(), "again")
		return err == nil && j.State.Ended()
	})
	return w, big
}

// maxReadmePicture bounds the picture in the README, in bytes.
const maxReadmePicture = 150_000

// TestReadmePicture makes the picture in the README anew: make console-picture.
func TestReadmePicture(t *testing.T) {
	path := os.Getenv("CONSOLE_PICTURE")
	if path == "" {
		t.Skip("CONSOLE_PICTURE names no file to write the README's picture to")
	}
	w, _ := busy(t)
	b := newBrowser(t, w.server.URL+"/ui/")
	b.size(1280, false)
	b.do(chromedp.EmulateViewport(1200, 680))
	b.open("events")
	b.sees("PaymentMade")
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	must(t, err)
	if len(png) > maxReadmePicture {
		t.Fatalf("the picture has %d bytes, and may have %d", len(png), maxReadmePicture)
	}
	must(t, os.WriteFile(path, png, 0o644))
}

// TestPictures writes pictures of all pages to CONSOLE_PICTURES, to be looked at.
func TestPictures(t *testing.T) {
	dir := os.Getenv("CONSOLE_PICTURES")
	if dir == "" {
		t.Skip("CONSOLE_PICTURES names no folder to write pictures to")
	}
	w, big := busy(t)
	newBrowser(t, w.server.URL+"/ui/").pictures(dir, w.shown(big), big)
	o := operated(t)
	newBrowser(t, o.server.URL+"/ui/").pictures(dir, operatedPages, "-")
	wide := newWorldOf(t, wideRules(0))
	newBrowser(t, wide.server.URL+"/ui/").pictures(dir, map[string]string{"flow?fold=none": "service-5", "flow?fold=target": "service-5"}, "-")
}

// pictures writes pictures of pages into a folder; big is an id that the files' names leave out.
func (b *browser) pictures(dir string, pages map[string]string, big string) {
	for path, text := range pages {
		if only := os.Getenv("CONSOLE_ONLY"); !strings.Contains(path, only) {
			continue
		}
		for _, width := range []int64{1280, 390} {
			for _, dark := range []bool{false, true} {
				b.size(width, dark)
				b.open(path)
				b.sees(text)
				name := "p-" + strings.NewReplacer("?", "-", "=", "-", "&", "-", "/", "-").Replace(strings.ReplaceAll(path, big, "big"))
				b.picture(filepath.Join(dir, fmt.Sprintf("%s-%d-%t.png", name, width, dark)))
			}
		}
	}
	b.quiet()
}
