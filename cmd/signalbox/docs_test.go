package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"signalbox/cmd/signalbox/internal/cli"
)

// documented is a call of the program that a document shows.
type documented struct {
	file string
	line int
	args []string
	// Whole means that it stands in a block, to be pasted, and not in a sentence.
	whole bool
	// Into means that its output goes to a file or to another program.
	into bool
	dir  string   // where the block went with cd
	said []string // what the document says it prints, line by line
}

// TestDocumentedCommandsParse holds every call that the documents show against the
// commands and flags that there are.
func TestDocumentedCommandsParse(t *testing.T) {
	found := documentedCommands(t)
	if len(found) < 90 {
		t.Errorf("only %d calls found: do the documents look otherwise?", len(found))
	}
	for _, d := range found {
		cmd, rest, err := newRootCommand(new(cli.Env)).Find(d.args)
		if err == nil {
			cmd.InitDefaultHelpFlag()
			cmd.InitDefaultVersionFlag()
			err = cmd.ParseFlags(rest)
		}
		if args := cmd.Flags().Args(); err == nil && d.whole || err == nil && cmd.HasSubCommands() && len(args) > 0 && isWord(args[0]) {
			err = cmd.ValidateArgs(args)
		}
		if !d.whole && err != nil && strings.Contains(err.Error(), "flag needs an argument") {
			err = nil // a sentence may leave it out
		}
		if err != nil && !slices.Contains([]string{"completion", "help"}, d.args[0]) {
			t.Errorf("%s:%d: signalbox %s: %v", d.file, d.line, strings.Join(d.args, " "), err)
		}
	}
}

// TestDocumentedOutput runs the calls that need nothing but the files here, and
// compares what they print with what the documents say.
func TestDocumentedOutput(t *testing.T) {
	ran := 0
	for _, d := range documentedCommands(t) {
		offline := slices.Contains([]string{"check", "table", "graph", "match", "test"}, d.args[0]) || strings.HasPrefix(strings.Join(d.args, " "), "catalog list")
		named := d.dir != "" || slices.Contains(d.args, "--config") || d.args[0] == "match"
		if !offline || !named || d.into || len(d.said) == 0 {
			continue
		}
		ran++
		t.Run(strings.Join(d.args, " "), func(t *testing.T) {
			t.Chdir(filepath.Join("..", "..", d.dir))
			var out bytes.Buffer
			run(t.Context(), d.args, strings.NewReader(""), &out, &out)
			if !says(strings.Split(strings.TrimRight(out.String(), "\n"), "\n"), d.said) {
				t.Errorf("%s:%d: it prints\n%s\nthe document says\n%s", d.file, d.line, out.String(), strings.Join(d.said, "\n"))
			}
		})
	}
	if ran < 4 {
		t.Errorf("only %d calls were run", ran)
	}
}

// says compares lines; one that is … stands for any number of them.
func says(got, want []string) bool {
	switch {
	case len(want) == 0:
		return len(got) == 0
	case want[0] == "…":
		for i := range len(got) + 1 {
			if says(got[i:], want[1:]) {
				return true
			}
		}
		return false
	}
	return len(got) > 0 && sameLine(got[0], want[0]) && says(got[1:], want[1:])
}

// sameLine compares two lines, but for how many spaces are in them; a … stands for anything.
func sameLine(got, want string) bool {
	got, want = strings.Join(strings.Fields(got), " "), strings.Join(strings.Fields(want), " ")
	parts := strings.Split(want, "…")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(got)
}

func TestSays(t *testing.T) {
	got := []string{"a", "b", "c"}
	for _, tt := range []struct {
		want string
		ok   bool
	}{{"a b c", true}, {"a …", true}, {"… c", true}, {"a … c", true}, {"a … b c", true}, {"a b", false}, {"b …", false}, {"…", true}} {
		if says(got, strings.Fields(tt.want)) != tt.ok {
			t.Errorf("%s: want %v", tt.want, tt.ok)
		}
	}
}

func isWord(text string) bool { return regexp.MustCompile(`^[a-z]+$`).MatchString(text) }

func documentedCommands(t *testing.T) []documented {
	t.Helper()
	var found []documented
	for _, glob := range []string{"README.md", "docs/*.md", "docs/how-to/*.md", "examples/*/README.md"} {
		files, err := filepath.Glob(filepath.Join("..", "..", glob))
		must(t, err)
		for _, file := range files {
			text, err := os.ReadFile(file)
			must(t, err)
			found = append(found, commandsIn(file, string(text))...)
		}
	}
	return found
}

var (
	shownCall  = regexp.MustCompile(`^(?:\$ )?(?:\./bin/|bin/)?signalbox (.*)$`)
	inlineCall = regexp.MustCompile("`signalbox ([^`]+)`")
)

// commandsIn finds the calls in blocks of code, and those in sentences.
func commandsIn(file, text string) (found []documented) {
	block, console, dir, answering := false, false, "", false
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		line, number := lines[i], i+1
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			block, console, dir, answering = !block, line == "```console", "", false
			continue
		}
		if !block {
			for _, m := range inlineCall.FindAllStringSubmatch(line, -1) {
				args, _ := words(m[1])
				found = append(found, documented{file: file, line: number, args: args})
			}
			continue
		}
		if folder, ok := strings.CutPrefix(line, "$ cd "); ok {
			dir, answering = strings.Fields(folder)[0], false
			continue
		}
		m := shownCall.FindStringSubmatch(line)
		if console && !strings.HasPrefix(line, "$ ") {
			m = nil // what a call has printed
		}
		switch {
		case m != nil:
			call := m[1]
			for goesOn(call) && i+1 < len(lines) {
				i++
				call = strings.TrimSuffix(call, "\\") + "\n" + lines[i]
			}
			args, into := words(call)
			found = append(found, documented{file: file, line: number, args: args, whole: true, into: into, dir: dir})
			answering = strings.HasPrefix(line, "$ ")
		case strings.HasPrefix(line, "$ "):
			answering = false
		case answering:
			last := &found[len(found)-1]
			last.said = append(last.said, line)
		}
	}
	return found
}

// goesOn reports whether a call continues on the next line.
func goesOn(call string) bool {
	return strings.HasSuffix(call, "\\") || strings.Count(call, "'")%2 == 1
}

// words splits a call as a shell does, as far as documents need it: up to a comment,
// a pipe or a redirection, which into tells of.
func words(call string) (args []string, into bool) {
	var word strings.Builder
	quote, inWord := rune(0), false
	end := func() {
		if inWord {
			args = append(args, word.String())
		}
		word.Reset()
		inWord = false
	}
	for _, r := range call {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\n':
			end()
		case !inWord && r == '#':
			return args, into
		case r == '|' || r == '>' && !inWord || r == '<' && !inWord:
			return args, true
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	end()
	return args, into
}

func TestWords(t *testing.T) {
	args, into := words(`send '{"a": "b c"}' --bus "x y"   # why`)
	if want := []string{"send", `{"a": "b c"}`, "--bus", "x y"}; !slices.Equal(args, want) || into {
		t.Errorf("got %q, %v", args, into)
	}
	if args, into := words("graph -o dot | dot -Tpdf"); len(args) != 3 || !into {
		t.Errorf("got %q, %v", args, into)
	}
}

// A document that shows what there is not is found.
func TestCommandsInADocument(t *testing.T) {
	text := "Say `signalbox dlq lst` or\n```\n$ signalbox send --to \\\n  x '{\n}'\nsome answer\n$ ls\nfile\n```\n"
	found := commandsIn("x.md", text)
	if len(found) != 2 || !slices.Equal(found[1].args, []string{"send", "--to", "x", "{\n}"}) || !slices.Equal(found[1].said, []string{"some answer"}) || found[1].line != 3 {
		t.Errorf("got %+v", found)
	}
	root := newRootCommand(new(cli.Env))
	root.SetOut(io.Discard)
	cmd, _, err := root.Find(found[0].args)
	if err != nil || cmd.ValidateArgs([]string{"lst"}) == nil || cmd.Name() != "dlq" {
		t.Errorf("got %v, %v", cmd.Name(), err)
	}
}
