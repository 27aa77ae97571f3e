package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/alecthomas/kong"
)

// This file is how settings are read, from flags, environment and file: as people and the tools around them write them. Compose, Helm and
// systemd set "VAR=" for what is not set; lists have a space after the comma; an editor of another system ends lines with a carriage return
// or begins the file with a byte order mark.

// lenient reads the values of settings: paths, lists, and words of a few.
func lenient() kong.Option {
	return kong.OptionFunc(func(k *kong.Kong) error {
		var errs []error
		for _, o := range []kong.Option{
			kong.NamedMapper("path", kong.MapperFunc(readPath)),
			kong.TypeMapper(reflect.TypeFor[[]string](), kong.MapperFunc(readList)),
			kong.KindMapper(reflect.String, kong.MapperFunc(readWord)),
		} {
			errs = append(errs, o.Apply(k))
		}
		return errors.Join(errs...)
	})
}

// readPath reads the path of a file or folder. An empty one names none: kong would take it for the working directory.
func readPath(ctx *kong.DecodeContext, target reflect.Value) error {
	if target.Kind() == reflect.Slice {
		return readList(ctx, target)
	}
	var path string
	if err := ctx.Scan.PopValueInto("file", &path); err != nil {
		return err
	}
	path, err := pathOf(ctx.Value, path)
	target.SetString(path)
	return err
}

// pathOf is the path that a text names. "-" is standard input.
func pathOf(v *kong.Value, path string) (string, error) {
	switch path = strings.TrimSpace(path); {
	case path == "" && v.HasDefault:
		return "", errors.New("is empty: leave it out, or name a file or folder")
	case path == "" || path == "-":
		return path, nil
	}
	return kong.ExpandPath(path), nil
}

// readList reads a list of texts, with commas between them and room around them.
func readList(ctx *kong.DecodeContext, target reflect.Value) error {
	var texts []string
	if ctx.Value.Flag == nil { // arguments
		for _, t := range ctx.Scan.PopWhile(func(t kong.Token) bool { return t.IsValue() }) {
			texts = append(texts, t.String())
		}
	} else {
		t := ctx.Scan.Pop()
		switch v := t.Value.(type) {
		case string:
			texts = kong.SplitEscaped(v, ctx.Value.Tag.Sep)
		case []any: // of a settings file
			for _, one := range v {
				texts = append(texts, fmt.Sprint(one))
			}
		default:
			if t.IsEOL() {
				return errors.New("missing value")
			}
			texts = []string{fmt.Sprint(v)}
		}
	}
	for _, text := range texts {
		text = strings.TrimSpace(text)
		if text == "" {
			continue
		}
		if ctx.Value.Tag.Type == "path" {
			path, err := pathOf(ctx.Value, text)
			if err != nil {
				return err
			}
			text = path
		}
		target.Set(reflect.Append(target, reflect.ValueOf(wordOf(ctx.Value, text))))
	}
	return nil
}

// readWord reads a text; one of a few words in any case.
func readWord(ctx *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := ctx.Scan.PopValueInto("string", &text); err != nil {
		return err
	}
	target.SetString(wordOf(ctx.Value, text))
	return nil
}

func wordOf(v *kong.Value, text string) string {
	if v.Enum == "" {
		return text
	}
	for _, word := range v.EnumSlice() {
		if strings.EqualFold(word, strings.TrimSpace(text)) {
			return word
		}
	}
	return text
}

// tidyVariables makes an empty environment variable of a setting as if it were not there, and takes the white space around the others away.
func tidyVariables(n *kong.Node) error {
	var errs []error
	for _, f := range n.Flags {
		for _, name := range f.Envs {
			value, set := os.LookupEnv(name)
			switch tidy := strings.TrimSpace(value); {
			case set && tidy == "":
				errs = append(errs, os.Unsetenv(name))
			case tidy != value:
				errs = append(errs, os.Setenv(name, tidy))
			}
		}
	}
	for _, child := range n.Children {
		errs = append(errs, tidyVariables(child))
	}
	return errors.Join(errs...)
}

// configFile is the name of a settings file. Kong asks it for values that neither a flag nor the environment gives.
type configFile string

// BeforeResolve reads the file and hooks it in.
func (f configFile) BeforeResolve(k *kong.Kong, ctx *kong.Context, trace *kong.Path) error {
	name := string(ctx.FlagValue(trace.Flag).(configFile))
	if name == "" {
		return nil
	}
	values := map[string]any{}
	if _, err := toml.DecodeFile(name, &values); err != nil {
		return fmt.Errorf("settings file %s: %w", name, err)
	}
	known := map[string]bool{}
	collectFlags(k.Model.Node, known)
	var unknown []string
	for key := range values {
		if !known[flagName(key)] {
			unknown = append(unknown, key)
		}
	}
	if len(unknown) > 0 {
		slices.Sort(unknown)
		return fmt.Errorf("settings file %s: unknown settings: %s", name, strings.Join(unknown, ", "))
	}
	maps.DeleteFunc(values, func(_ string, v any) bool { return v == "" }) // not set, as an empty variable
	ctx.AddResolver(kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		for _, name := range flag.Envs { // kong would let the file win
			if _, set := os.LookupEnv(name); set {
				return nil, nil
			}
		}
		for key, value := range values {
			if flagName(key) == flag.Name {
				return value, nil
			}
		}
		return nil, nil
	}))
	return nil
}

// flagName lets a file say time_zone as well as time-zone.
func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }

func collectFlags(n *kong.Node, known map[string]bool) {
	for _, f := range n.Flags {
		if f.Name != "help" && f.Name != "config" {
			known[f.Name] = true
		}
	}
	for _, child := range n.Children {
		collectFlags(child, known)
	}
}

// fileText is the one text that a file holds, without what editors put around it: ends of lines, and a byte order mark.
func fileText(raw []byte) string { return strings.TrimSpace(strings.TrimPrefix(string(raw), "\uFEFF")) }
