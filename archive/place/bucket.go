package place

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"signalbox/archive"
	"signalbox/targets/amazon"
	"signalbox/targets/remote"
)

const (
	// askTimeout bounds a request that carries no file, transferTimeout one that does.
	askTimeout      = 30 * time.Second
	transferTimeout = 15 * time.Minute
	// idleConnections is how many connections are kept that nobody uses.
	idleConnections = 4
)

// Bucket is a bucket of S3, or of a server that speaks as it does. An object is there as a whole
// or not at all, as the service promises.
type Bucket struct {
	client *s3.Client
	caller *amazon.Caller
	bucket string
	prefix string // ends with a slash
	shown  string
	hidden remote.Hidden
	spool  string
}

// newBucket returns the place of an archive in a bucket. It connects to nothing.
func newBucket(a *archive.Archive, env Env) (*Bucket, error) {
	o := a.S3
	caller, err := o.Access.Caller(amazon.CallerOptions{
		Region: o.Region, Dir: a.Dir, TLS: o.TLS, Secrets: env.Secrets, Guard: env.Egress, Bounds: amazon.Bounds{Idle: idleConnections, Answer: math.MaxInt64},
	})
	if err != nil {
		return nil, err
	}
	b := &Bucket{caller: caller, bucket: o.Bucket, prefix: path.Join(o.Prefix, a.Name) + "/", hidden: remote.NewHidden(caller.Secrets), spool: env.Spool}
	b.shown = "s3://" + path.Join(o.Bucket, b.prefix)
	if o.Endpoint != "" {
		b.shown += " at " + remote.MaskURL(o.Endpoint)
	}
	b.client = s3.New(s3.Options{
		Region: o.Region, HTTPClient: caller.HTTP, Credentials: caller.Credentials, BaseEndpoint: caller.Endpoint, UsePathStyle: o.PathStyle,
		// The signature holds a checksum of what is sent, and manifests hold those of what is
		// read. What goes beyond that, not every server knows.
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenRequired,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenRequired,
	})
	return b, nil
}

// String returns the address.
func (b *Bucket) String() string { return b.shown }

// Close closes the connections that nobody uses.
func (b *Bucket) Close() { b.caller.Close() }

// Prepare does nothing: the bucket must be there.
func (b *Bucket) Prepare(context.Context) error { return nil }

// Create begins a file on the machine's disk, which is sent when it is whole.
func (b *Bucket) Create(context.Context) (Draft, error) {
	file, err := b.spooled()
	if err != nil {
		return nil, err
	}
	return &objectDraft{file, b}, nil
}

// spooled returns a file that goes with the process.
func (b *Bucket) spooled() (*os.File, error) {
	file, err := os.CreateTemp(b.spool, ".archive-*")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Open fetches an object to the machine's disk.
func (b *Bucket) Open(ctx context.Context, name string) (io.ReadSeekCloser, error) {
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	answer, err := b.client.GetObject(ctx, &s3.GetObjectInput{Bucket: &b.bucket, Key: b.key(name)})
	if _, ok := errors.AsType[*types.NoSuchKey](err); ok {
		return nil, fmt.Errorf("%s: %w", name, fs.ErrNotExist)
	}
	if err != nil {
		return nil, b.failed(ctx, "get "+name, err)
	}
	defer answer.Body.Close()
	file, err := b.spooled()
	if err != nil {
		return nil, err
	}
	if _, err = io.Copy(file, answer.Body); err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(b.failed(ctx, "get "+name, err), file.Close())
	}
	return file, nil
}

// List returns the names of the objects that begin with a prefix.
func (b *Bucket) List(ctx context.Context, prefix string) (names []string, err error) {
	pages := s3.NewListObjectsV2Paginator(b.client, &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: b.key(prefix)})
	for pages.HasMorePages() {
		part, err := b.page(ctx, pages)
		if err != nil {
			return nil, err
		}
		for i := range part.Contents {
			names = append(names, strings.TrimPrefix(aws.ToString(part.Contents[i].Key), b.prefix))
		}
	}
	return names, nil // the service sorts them
}

func (b *Bucket) page(ctx context.Context, pages *s3.ListObjectsV2Paginator) (*s3.ListObjectsV2Output, error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	part, err := pages.NextPage(ctx)
	if err != nil {
		return nil, b.failed(ctx, "list", err)
	}
	return part, nil
}

// Delete removes an object.
func (b *Bucket) Delete(ctx context.Context, name string) error {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	if _, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.key(name)}); err != nil {
		return b.failed(ctx, "delete "+name, err)
	}
	return nil
}

func (b *Bucket) key(name string) *string { return aws.String(b.prefix + name) }

// failed returns the error of a request, without secrets.
func (b *Bucket) failed(ctx context.Context, what string, err error) error {
	return b.hidden.InError(fmt.Errorf("%s: %w", what, amazon.Explain(ctx, err)))
}

// objectDraft is a file on its way into a bucket.
type objectDraft struct {
	*os.File
	bucket *Bucket
}

// Commit sends the file. The service has it for good when it answers.
func (d *objectDraft) Commit(ctx context.Context, name string) error {
	size, err := d.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = d.Seek(0, io.SeekStart)
	}
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, transferTimeout)
	defer cancel()
	b := d.bucket
	if _, err := b.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &b.bucket, Key: b.key(name), Body: d.File, ContentLength: &size}); err != nil {
		return b.failed(ctx, "put "+name, err)
	}
	return d.Close()
}

// Discard lets go of the file, which goes with that.
func (d *objectDraft) Discard() { _ = d.Close() }
