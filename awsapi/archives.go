package awsapi

import (
	"cmp"
	"context"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"signalbox/archive"
	"signalbox/rules"
)

// archiveDocument is an archive of the API: what a rule file says of it, and beside that what only
// the API tells. Its JSON is a rule file.
type archiveDocument struct {
	API      archiveSaid               `json:"Api"`
	Archives map[string]archiveSection `json:"archives"`
}

// archiveSaid is what only the API tells of an archive.
type archiveSaid struct {
	ArchiveName string
	// EventPattern is the text that was sent.
	EventPattern     string `json:",omitempty"`
	KmsKeyIdentifier string `json:",omitempty"`
	CreationTime     seconds
	// Invocation is of the request that made it.
	Invocation string `json:",omitempty"`
}

// archiveSection is an archive as a rule file has it.
type archiveSection struct {
	Description   string          `json:"description,omitempty"`
	Bus           string          `json:"bus"`
	Pattern       json.RawMessage `json:"pattern,omitempty"`
	RetentionDays int             `json:"retention_days,omitempty"`
	Folder        string          `json:"folder"`
	Start         string          `json:"start"`
}

func archivePath(name string) string { return "archives/" + name + ".json" }

func noArchive(name string) error { return notFound("Archive %s does not exist.", name) }

// archiveOf returns an archive that is there as the API tells of it. The API owns it where owned is
// true.
func (a *API) archiveOf(declared *archive.Archive) (d archiveDocument, owned bool, err error) {
	if owned, err = a.opts.Documents.read(archivePath(declared.Name), &d); owned || err != nil {
		return d, owned, err
	}
	made := declared.Start.From
	if made.IsZero() {
		made = a.opts.Since
	}
	return archiveDocument{API: archiveSaid{ArchiveName: declared.Name, EventPattern: string(declared.Pattern), CreationTime: secondsOf(made)}}, false, nil
}

// archiveView is an archive in an answer.
type archiveView struct {
	ArchiveArn       string `json:",omitempty"`
	ArchiveName      string
	EventSourceArn   string
	Description      string `json:",omitempty"`
	EventPattern     string `json:",omitempty"`
	State            string
	StateReason      string `json:",omitempty"`
	KmsKeyIdentifier string `json:",omitempty"`
	RetentionDays    int
	SizeBytes        int64
	EventCount       int
	CreationTime     seconds
}

// listed returns an archive as it is in a listing.
func (a *API) listed(declared *archive.Archive, d *archiveDocument) archiveView {
	content, err := a.opts.Archives.Content(context.Background(), declared.Name)
	v := archiveView{
		ArchiveName: declared.Name, EventSourceArn: a.sourceOf(declared), State: enabled, RetentionDays: declared.RetentionDays,
		SizeBytes: content.Bytes, EventCount: content.Events, CreationTime: d.API.CreationTime,
	}
	if err != nil {
		v.StateReason = err.Error()
	}
	return v
}

// sourceOf is the ARN of the bus that an archive is of; of every bus it is that of none.
func (a *API) sourceOf(declared *archive.Archive) string {
	return a.busARN(cmp.Or(declared.Bus, everyBus))
}

// everyBus stands in an ARN for all buses, which AWS has no word for.
const everyBus = "*"

type archiveName struct{ ArchiveName string }

func (a *API) describeArchive(in *archiveName) (any, error) {
	declared := a.opts.Rules().Archives[in.ArchiveName]
	if declared == nil {
		return nil, noArchive(in.ArchiveName)
	}
	d, _, err := a.archiveOf(declared)
	if err != nil {
		return nil, err
	}
	v := a.listed(declared, &d)
	v.ArchiveArn, v.Description = a.archiveARN(declared.Name), declared.Description
	v.EventPattern, v.KmsKeyIdentifier = d.API.EventPattern, d.API.KmsKeyIdentifier
	return v, nil
}

func (a *API) archiveARN(name string) string { return a.arn("archive/" + name) }

func (a *API) listArchives(in *struct {
	paging
	NamePrefix, EventSourceArn, State string
}) (any, error) {
	set := a.opts.Rules()
	names := withPrefix(slices.Collect(maps.Keys(set.Archives)), in.NamePrefix, func(name string) string { return name })
	if in.EventSourceArn != "" {
		bus, err := a.bus(set, in.EventSourceArn)
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(name string) bool { return set.Archives[name].Bus != bus.Name })
	}
	if in.State != "" && in.State != enabled {
		names = nil
	}
	part, next, err := page(in.paging, names, func(name string) string { return name })
	if err != nil {
		return nil, err
	}
	views := make([]archiveView, len(part))
	for i, name := range part {
		d, _, err := a.archiveOf(set.Archives[name])
		if err != nil {
			return nil, err
		}
		views[i] = a.listed(set.Archives[name], &d)
	}
	return struct {
		Archives  []archiveView
		NextToken string `json:",omitempty"`
	}{views, next}, nil
}

// changedArchive answers what has made or changed an archive.
type changedArchive struct {
	ArchiveArn   string
	State        string
	CreationTime seconds
}

func (a *API) createArchive(in *struct {
	ArchiveName, EventSourceArn, Description, EventPattern, KmsKeyIdentifier string
	RetentionDays                                                            int
}) (any, error) {
	set := a.opts.Rules()
	bus, err := a.bus(set, in.EventSourceArn)
	if err != nil {
		return nil, err
	}
	if declared := set.Archives[in.ArchiveName]; declared != nil {
		made, _, err := a.archiveOf(declared)
		switch {
		case err != nil:
			return nil, err
		case a.repeats(made.API.Invocation):
			return a.changedArchive(&made), nil
		}
		return nil, taken("Archive " + in.ArchiveName)
	}
	if fault := archive.CheckName(in.ArchiveName); fault != "" {
		return nil, invalid("ArchiveName %s", fault)
	}
	now := time.Now().UTC()
	d := archiveDocument{archiveSaid{in.ArchiveName, "", in.KmsKeyIdentifier, secondsOf(now), a.invocation}, map[string]archiveSection{in.ArchiveName: {
		Description: in.Description, Bus: bus.Name, RetentionDays: in.RetentionDays, Start: now.Format(time.RFC3339Nano),
		// one of the same name that is made later has nothing of this one
		Folder: filepath.Join(a.opts.ArchiveFolder, strconv.FormatInt(now.UnixNano(), 36)),
	}}}
	if err := d.filter(in.EventPattern); err != nil {
		return nil, err
	}
	return a.keepArchive(&d)
}

// filter sets which events an archive takes; empty for all.
func (d *archiveDocument) filter(given string) error {
	section := d.Archives[d.API.ArchiveName]
	d.API.EventPattern, section.Pattern = given, nil
	if given != "" {
		if _, err := parsePattern(given); err != nil {
			return err
		}
		section.Pattern = json.RawMessage(given)
	}
	d.Archives[d.API.ArchiveName] = section
	return nil
}

func (a *API) keepArchive(d *archiveDocument) (any, error) {
	if err := a.change(archivePath(d.API.ArchiveName), d); err != nil {
		return nil, err
	}
	return a.changedArchive(d), nil
}

func (a *API) changedArchive(d *archiveDocument) changedArchive {
	return changedArchive{a.archiveARN(d.API.ArchiveName), enabled, d.API.CreationTime}
}

// ownArchive returns an archive of the API.
func (a *API) ownArchive(set *rules.Set, name string) (d archiveDocument, err error) {
	declared := set.Archives[name]
	if declared == nil {
		return d, noArchive(name)
	}
	d, owned, err := a.archiveOf(declared)
	if err == nil && !owned {
		err = managed("Archive "+name, "the configuration")
	}
	return d, err
}

func (a *API) updateArchive(in *struct {
	ArchiveName                                 string
	Description, EventPattern, KmsKeyIdentifier *string
	RetentionDays                               *int
}) (any, error) {
	if in.Description == nil && in.EventPattern == nil && in.RetentionDays == nil && in.KmsKeyIdentifier == nil {
		return nil, invalid("At least one of EventPattern, RetentionDays or Description must be provided.")
	}
	d, err := a.ownArchive(a.opts.Rules(), in.ArchiveName)
	if err != nil {
		return nil, err
	}
	section := d.Archives[in.ArchiveName]
	if in.Description != nil {
		section.Description = *in.Description
	}
	if in.RetentionDays != nil {
		section.RetentionDays = *in.RetentionDays
	}
	if in.KmsKeyIdentifier != nil {
		d.API.KmsKeyIdentifier = *in.KmsKeyIdentifier
	}
	d.Archives[in.ArchiveName] = section
	if in.EventPattern != nil {
		if err := d.filter(*in.EventPattern); err != nil {
			return nil, err
		}
	}
	return a.keepArchive(&d)
}

// eraseWithin bounds how long the files of an archive are deleted before the answer.
const eraseWithin = 20 * time.Second

func (a *API) deleteArchive(in *archiveName) (any, error) {
	d, err := a.ownArchive(a.opts.Rules(), in.ArchiveName)
	if err != nil {
		return nil, err
	}
	if err := a.change(archivePath(in.ArchiveName), nil); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), eraseWithin)
	defer cancel()
	if err := a.opts.Archives.Erase(ctx, in.ArchiveName); err != nil {
		return nil, err
	}
	folder := d.Archives[in.ArchiveName].Folder // which only the archive has used, and is empty
	_, _ = os.Remove(filepath.Join(folder, in.ArchiveName)), os.Remove(folder)
	return struct{}{}, nil
}
