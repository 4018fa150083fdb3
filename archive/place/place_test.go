package place

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"signalbox/archive"
	"signalbox/targets/amazon"
	"signalbox/targets/egress"
)

const secretKey = "wJalrXUtnFEMI"

// bucketAt returns an archive in a bucket at an address.
func bucketAt(url string) *archive.Archive {
	return &archive.Archive{Config: archive.Config{Name: "orders", S3: &archive.S3{Bucket: "kept", Prefix: "signalbox", Region: "us-east-1", PathStyle: true,
		Access: amazon.Access{Endpoint: url, AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secretKey}}}}
}

// server starts a server of S3 with a bucket.
func server(t *testing.T) string {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("kept"); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(gofakes3.New(backend).Server())
	t.Cleanup(s.Close)
	return s.URL
}

// TestPlaces holds a folder and a bucket against what a Place promises.
func TestPlaces(t *testing.T) {
	for name, a := range map[string]*archive.Archive{
		"folder": {Config: archive.Config{Name: "orders", Folder: t.TempDir()}},
		"bucket": bucketAt(server(t)),
	} {
		t.Run(name, func(t *testing.T) {
			p, err := Of(a, Env{Spool: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			ctx := t.Context()
			put := func(name, text string) {
				t.Helper()
				draft, err := p.Create(ctx)
				if err != nil {
					t.Fatal(err)
				}
				defer draft.Discard()
				if _, err := io.WriteString(draft, text); err != nil {
					t.Fatal(err)
				}
				if name == "" {
					return
				}
				if err := draft.Commit(ctx, name); err != nil {
					t.Fatal(err)
				}
			}
			get := func(name string) string {
				t.Helper()
				file, err := p.Open(ctx, name)
				if err != nil {
					t.Fatal(err)
				}
				defer file.Close()
				first, err1 := io.ReadAll(file)
				_, err2 := file.Seek(0, io.SeekStart)
				again, err3 := io.ReadAll(file)
				if err := errors.Join(err1, err2, err3); err != nil || string(first) != string(again) {
					t.Errorf("%s: %q, then %q, %v", name, first, again, err)
				}
				return string(first)
			}
			wantNames := func(prefix string, want ...string) {
				t.Helper()
				if names, err := p.List(ctx, prefix); err != nil || !slices.Equal(names, want) {
					t.Errorf("%q: %v, %v; want %v", prefix, names, err, want)
				}
			}
			wantNames("")
			if err := p.Prepare(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Open(ctx, "2026/none"); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("what is not there: %v", err)
			}
			put("2026/01/31/b", "one")
			put("archive.json", "")
			put("2026/01/31/a", strings.Repeat("two", 100_000))
			put("", "never")
			put("2026/01/31/b", "three")
			if text := get("2026/01/31/b"); text != "three" {
				t.Errorf("b is %q", text)
			}
			if text := get("2026/01/31/a"); len(text) != 300_000 {
				t.Errorf("a has %d bytes", len(text))
			}
			wantNames("", "2026/01/31/a", "2026/01/31/b", "archive.json")
			wantNames("2026/01", "2026/01/31/a", "2026/01/31/b")
			for range 2 {
				if err := p.Delete(ctx, "2026/01/31/a"); err != nil {
					t.Error(err)
				}
			}
			wantNames("", "2026/01/31/b", "archive.json")
		})
	}
}

// TestABucketThatCannotBeReached is told in words that help, and without secrets.
func TestABucketThatCannotBeReached(t *testing.T) {
	url := server(t)
	guard, err := egress.New(egress.Policy{Deny: []string{egress.Private}})
	if err != nil {
		t.Fatal(err)
	}
	down := httptest.NewServer(nil)
	down.Close()
	for name, c := range map[string]struct {
		url   string
		env   Env
		alter func(*archive.S3)
		want  string
	}{
		"no bucket":  {url, Env{}, func(s *archive.S3) { s.Bucket = "none" }, "NoSuchBucket"},
		"down":       {down.URL, Env{}, nil, "connection refused"},
		"denied":     {url, Env{Egress: guard}, nil, "add it to egress.allow"},
		"no secrets": {url, Env{}, func(s *archive.S3) { s.SecretAccessKey = "${NO_SUCH_SECRET}" }, "NO_SUCH_SECRET"},
	} {
		t.Run(name, func(t *testing.T) {
			a := bucketAt(c.url)
			if c.alter != nil {
				c.alter(a.S3)
			}
			c.env.Spool = t.TempDir()
			p, err := Of(a, c.env)
			if err == nil {
				defer p.Close()
				_, err = p.List(context.Background(), "")
			}
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), secretKey) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
