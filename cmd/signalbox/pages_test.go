package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"signalbox/targets/targetstest"
)

// TestPagesDoWhatTheyShow runs the tutorial, docs/time.md and the how-to pages from top to bottom, each in a
// copy of the quick start: every command in a block of console prints what stands below it. A …
// stands for anything, and spaces are not counted.
func TestPagesDoWhatTheyShow(t *testing.T) {
	pages, err := filepath.Glob(filepath.Join("..", "..", "docs", "how-to", "*.md"))
	must(t, err)
	receiver := filepath.Join(t.TempDir(), "receiver")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", receiver, "../../examples/quickstart/receiver").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, page := range append(pages, filepath.Join("..", "..", "docs", "tutorial.md"), filepath.Join("..", "..", "docs", "time.md")) {
		t.Run(filepath.Base(page), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(page)
			must(t, err)
			p := newReader(t, receiver)
			steps := stepsIn(string(text))
			if len(steps) < 3 {
				t.Fatalf("only %d commands", len(steps))
			}
			for _, s := range steps {
				p.follow(s)
			}
		})
	}
}

// step is one command of a page, and what it prints.
type step struct {
	line    int
	command string
	said    []string
}

// stepsIn returns the commands in blocks of console, in their order.
func stepsIn(text string) (steps []step) {
	block, document := false, ""
	for i, line := range strings.Split(text, "\n") {
		command, begins := strings.CutPrefix(line, "$ ")
		switch {
		case strings.HasPrefix(line, "```"):
			block = line == "```console"
		case !block:
		case document != "":
			last := &steps[len(steps)-1]
			last.command += "\n" + line
			if line == document {
				document = ""
			}
		case begins:
			steps = append(steps, step{line: i + 1, command: command})
			if _, end, found := strings.Cut(command, "<<'"); found {
				document = strings.TrimSuffix(end, "'")
			}
		case len(steps) > 0:
			steps[len(steps)-1].said = append(steps[len(steps)-1].said, line)
		}
	}
	return steps
}

// reader is somebody who does what a page says.
type reader struct {
	*testing.T
	dir      string
	replace  *strings.Replacer
	receiver string
	environ  []string
}

func newReader(t *testing.T, receiver string) *reader {
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "examples", "quickstart"), os.DirFS(filepath.Join("..", "..", "examples", "quickstart"))))
	config, err := os.ReadFile(filepath.Join("..", "..", "config.yaml"))
	must(t, err)
	program, err := filepath.Abs(os.Args[0])
	must(t, err)
	must(t, os.Mkdir(filepath.Join(dir, "bin"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "bin", "signalbox"), fmt.Appendf(nil, "#!/bin/sh\n%s=1 exec %s \"$@\"\n", asProgram, program), 0o755))
	p := &reader{T: t, dir: dir, receiver: receiver, replace: strings.NewReplacer("127.0.0.1:8080", targetstest.FreeAddress(t), "127.0.0.1:9000", targetstest.FreeAddress(t))}
	write(t, dir, "config.yaml", p.replace.Replace(string(config))+"\nmin_free_disk: 0\n")
	rules := filepath.Join(dir, "examples", "quickstart", "warehouse.yaml")
	text, err := os.ReadFile(rules)
	must(t, err)
	must(t, os.WriteFile(rules, []byte(p.replace.Replace(string(text))), 0o600))
	p.environ = append(os.Environ(), "PATH="+filepath.Join(dir, "bin")+":"+os.Getenv("PATH"), "SIGNALBOX_URL=", "SIGNALBOX_CONFIG=", "SIGNALBOX_API_KEY=")
	return p
}

// looks are the commands that may be given again until they show what the page shows.
var looks = regexp.MustCompile(`^(timeout 3 )?signalbox (tail|archive|targets list|dlq list|events|rules list|trace|send .*--dry-run|health|audit|replays list)\b`)

// follow runs a command, and wants it to print what the page shows.
func (p *reader) follow(s step) {
	p.Helper()
	if s.command == "make build" || strings.HasPrefix(s.command, "export PATH") {
		return // which other tests do
	}
	command := p.replace.Replace(strings.ReplaceAll(s.command, "go run ./examples/quickstart/receiver", p.receiver+" -listen 127.0.0.1:9000"))
	var want []string
	for _, line := range s.said {
		want = append(want, p.replace.Replace(line))
	}
	if name := strings.Fields(s.command); slices.Contains([]string{"signalbox serve", "go run"}, strings.Join(name[:2], " ")) {
		p.start(s, command, want)
		return
	}
	var got string
	for end := time.Now().Add(40 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		cmd := exec.CommandContext(p.Context(), "bash", "-c", command)
		cmd.Dir, cmd.Env = p.dir, p.environ
		out, _ := cmd.CombinedOutput()
		got = string(out)
		if shows(got, want) {
			return
		}
		if !looks.MatchString(s.command) || time.Now().After(end) {
			break
		}
	}
	p.Fatalf("line %d: %s\nprints\n%s\nand not\n%s", s.line, s.command, got, strings.Join(want, "\n"))
}

// start runs a command that does not end, until the page does.
func (p *reader) start(s step, command string, want []string) {
	out := new(output)
	cmd := exec.CommandContext(p.Context(), "bash", "-c", "exec "+command)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.dir, p.environ, out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGINT) }
	must(p.T, cmd.Start())
	p.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		_ = cmd.Wait()
	})
	for end := time.Now().Add(20 * time.Second); !shows(out.String(), want); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			p.Fatalf("line %d: %s\nprints\n%s\nand not\n%s", s.line, s.command, out.String(), strings.Join(want, "\n"))
		}
	}
}

// shows reports whether an output is what a page shows.
func shows(got string, want []string) bool {
	var lines []string
	if got = strings.TrimRight(got, "\n"); got != "" {
		lines = strings.Split(got, "\n")
	}
	return says(lines, want)
}

func TestSteps(t *testing.T) {
	steps := stepsIn("# A\n```console\n$ cat > a <<'END'\nx\nEND\n$ signalbox check\nok\n```\n```sh\n$ rm\n```\n")
	if len(steps) != 2 || steps[0].command != "cat > a <<'END'\nx\nEND" || !slices.Equal(steps[1].said, []string{"ok"}) || steps[1].line != 6 {
		t.Errorf("got %+v", steps)
	}
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fenced  = regexp.MustCompile("(?ms)^```.*?^```$")
	notSlug = regexp.MustCompile(`[^\p{L}\p{N}_ -]`)
)

// anchorsOf returns the anchors of a page's headings, as GitHub makes them.
func anchorsOf(text string) (anchors []string) {
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		slug := strings.ReplaceAll(notSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		for base, n := slug, 1; slices.Contains(anchors, slug); n++ {
			slug = fmt.Sprintf("%s-%d", base, n)
		}
		anchors = append(anchors, slug)
	}
	return anchors
}

// TestLinksLead wants each link between the pages here to lead to a file, and to a heading.
func TestLinksLead(t *testing.T) {
	root := filepath.Join("..", "..")
	found := 0
	for _, glob := range []string{"*.md", "docs/*.md", "docs/how-to/*.md", "examples/*/*.md", "deploy/*/*.md"} {
		pages, err := filepath.Glob(filepath.Join(root, glob))
		must(t, err)
		for _, page := range pages {
			text, err := os.ReadFile(page)
			must(t, err)
			for _, m := range link.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
				if strings.Contains(m[1], "://") || strings.HasPrefix(m[1], "mailto:") {
					continue
				}
				found++
				path, anchor, hasAnchor := strings.Cut(m[1], "#")
				target := page
				if path != "" {
					target = filepath.Join(filepath.Dir(page), path)
				}
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s: %s leads nowhere", page, m[1])
					continue
				}
				if !hasAnchor {
					continue
				}
				there, err := os.ReadFile(target)
				must(t, err)
				if !slices.Contains(anchorsOf(string(there)), anchor) {
					t.Errorf("%s: %s has no such heading", page, m[1])
				}
			}
		}
	}
	if found < 150 {
		t.Errorf("only %d links", found)
	}
}
