package files

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
)

// watchPlan is the directories to watch, and the names in each that matter.
type watchPlan map[string]map[string]bool

// ruleFiles stands for the names of all rule files of a directory, and for any
// coming and going in it.
const ruleFiles = ""

// maxLinks is how many symlinks are followed on the way of one path, as the
// kernel does it.
const maxLinks = 40

// add plans to watch all that can change what a path or glob leads to.
func (p watchPlan) add(pattern string) {
	pattern, err := filepath.Abs(pattern)
	if err != nil {
		return
	}
	f, err := glob(pattern)
	for _, dir := range f.dirs {
		p.trace(dir)
		if real, err := filepath.EvalSymlinks(dir); err == nil {
			p.name(real, ruleFiles)
		}
	}
	for _, file := range f.files {
		p.trace(file)
	}
	if err != nil {
		p.trace(pattern) // up to what is missing, or may not be read
	}
}

// name plans to watch for one name in a directory.
func (p watchPlan) name(dir, name string) {
	if p[dir] == nil {
		p[dir] = map[string]bool{}
	}
	p[dir][name] = true
}

// trace follows a path component by component, through symlinks, as far as it
// exists. Each symlink on the way can be swapped, and the last two components
// replaced by renaming.
func (p watchPlan) trace(path string) {
	at, rest := string(filepath.Separator), split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if err != nil {
			p.name(at, name)
			return
		}
		if info.Mode()&os.ModeSymlink == 0 {
			if len(rest) < 2 {
				p.name(at, name)
			}
			at = next
			continue
		}
		p.name(at, name)
		target, err := os.Readlink(next)
		if links++; err != nil || links > maxLinks {
			return
		}
		if filepath.IsAbs(target) {
			at = string(filepath.Separator)
		}
		rest = append(split(target), rest...)
	}
}

func split(path string) []string {
	parts := strings.Split(filepath.Clean(path), string(filepath.Separator))
	if len(parts) > 0 && parts[0] == "" {
		parts = parts[1:]
	}
	if len(parts) == 1 && parts[0] == "" {
		return nil
	}
	return parts
}

// concerns reports whether an event may change what the paths lead to.
func (p watchPlan) concerns(ev fsnotify.Event) bool {
	dir, name := filepath.Split(ev.Name)
	names, planned := p[filepath.Clean(dir)]
	_, self := p[ev.Name]
	switch {
	case self && ev.Op&(fsnotify.Remove|fsnotify.Rename) != 0:
		return true
	case !planned:
		return self
	case names[name] || !names[ruleFiles]:
		return names[name]
	}
	return isRuleFile(name) || ev.Op&(fsnotify.Create|fsnotify.Remove|fsnotify.Rename) != 0
}
