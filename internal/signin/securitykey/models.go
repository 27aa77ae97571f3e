package securitykey

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

// ModelName returns the name of an authenticator model by its AAGUID, or "" when it is not known. Makers publish these identifiers; nobody
// vouches for a name, and nothing rests on one.
func ModelName(aaguid string) string { return models()[aaguid].name }

// modelName is a name of the table.
type modelName struct {
	name string
	// better says that it stands also where the metadata has a name.
	better bool
}

//go:embed models.txt
var modelTable string

// models reads the table once, when the first name is asked for.
var models = sync.OnceValue(func() map[string]modelName {
	list, err := parseModels(modelTable)
	if err != nil {
		panic(err) // it is part of the program, and a test reads it
	}
	return list
})

// parseModels reads lines of an AAGUID and a name, which "=" stands before where it is better than the metadata's.
func parseModels(table string) (map[string]modelName, error) {
	list := make(map[string]modelName, 512)
	for line := range strings.Lines(table) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		aaguid, name, ok := strings.Cut(line, " ")
		name, better := strings.CutPrefix(name, "=")
		if _, twice := list[aaguid]; !ok || twice || name == "" {
			return nil, fmt.Errorf("models: %q is no AAGUID with a name, or stands there twice", line)
		}
		list[aaguid] = modelName{name, better}
	}
	return list, nil
}
