package exprenv

import (
	"errors"
	"strings"
	"sync"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/checker"
	"github.com/expr-lang/expr/compiler"
	"github.com/expr-lang/expr/conf"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/optimizer"
	"github.com/expr-lang/expr/vm"
)

// dialect compiles the expressions of one language that are to give one kind of result.
type dialect struct {
	language
	// plain has configurations for an expression as it is written, metered those for one that
	// pays for its work.
	plain, metered sync.Pool
}

func newDialect(of language, opts ...expr.Option) *dialect {
	opts = append(opts, expr.Env(of.env), expr.DisableBuiltin("now"))
	opts = append(opts, boundedTexts()...)
	metered := append(opts[:len(opts):len(opts)], expr.Patch(metering{}))
	d := &dialect{language: of}
	d.plain.New = func() any { return newConfig(opts) }
	d.metered.New = func() any { return newConfig(metered) }
	return d
}

// newConfig returns what expr.Compile makes of options for each expression anew: a table of all
// functions, and the types of the environment. That costs more than a usual condition, and would be
// kept with each. A configuration is only read but for what it remembers of types, so that one after
// the other may use it.
func newConfig(opts []expr.Option) *conf.Config {
	c := conf.CreateNew()
	for _, set := range opts {
		set(c)
	}
	for name := range c.Disabled {
		delete(c.Builtins, name)
	}
	c.Check()
	return c
}

func (d *dialect) compile(source string) (*Program, error) {
	if strings.TrimSpace(source) == "" {
		return nil, &Error{Reason: "the expression is empty"}
	}
	program, err := compileWith(&d.plain, source)
	if err != nil {
		return nil, d.located(source, err)
	}
	if !costs(program.Node()) {
		return &Program{source: source, program: program}, nil
	}
	// Only what has been checked as it is written is metered.
	if program, err = compileWith(&d.metered, source); err != nil {
		return nil, d.located(source, err)
	}
	return &Program{source: source, program: program, steps: maxSteps}, nil
}

// compileWith is expr.Compile with a configuration of a pool.
func compileWith(configs *sync.Pool, source string) (*vm.Program, error) {
	c := configs.Get().(*conf.Config)
	p, err := compileExpr(c, source)
	configs.Put(c)
	return p, err
}

func compileExpr(c *conf.Config, source string) (*vm.Program, error) {
	tree, err := checker.ParseCheck(source, c)
	if err != nil {
		return nil, err
	}
	if err := optimizer.Optimize(&tree.Node, c); err != nil {
		if at := (*file.Error)(nil); errors.As(err, &at) {
			return nil, at.Bind(tree.Source)
		}
		return nil, err
	}
	return compiler.Compile(tree, c)
}
