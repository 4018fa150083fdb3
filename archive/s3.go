package archive

import (
	"regexp"

	"signalbox/targets"
	"signalbox/targets/amazon"
	"signalbox/targets/remote"
)

// S3 is a bucket of Amazon S3, or of a server that speaks as it does.
type S3 struct {
	// Bucket is its name.
	Bucket string `yaml:"bucket" required:"true" example:"shop-archive"`
	// Prefix stands before the names of all objects.
	Prefix string `yaml:"prefix" example:"signalbox/"`
	// Region is where the bucket is.
	Region string `yaml:"region" required:"true" example:"eu-central-1"`
	// PathStyle puts the bucket into the path of an address, and not into its host. It is for servers
	// other than AWS's.
	PathStyle bool `yaml:"path_style"`
	// Access is where the service is, and who asks it.
	amazon.Access `yaml:",inline"`
	// TLS is whom to trust, and which certificate to show.
	TLS remote.TLS `yaml:"tls"`
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	regionName = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
	prefixForm = regexp.MustCompile(`^([A-Za-z0-9._=-]+/)*[A-Za-z0-9._=-]+/?$`)
)

func (s *S3) validate(v *targets.Validation) {
	inner := &targets.Validation{Secrets: v.Secrets, Dir: v.Dir}
	if !bucketName.MatchString(s.Bucket) {
		inner.Fail([]string{"bucket"}, "is %q: a bucket is called by 3 to 63 lower-case letters, digits, dots and -", s.Bucket)
	}
	if !regionName.MatchString(s.Region) {
		inner.Fail([]string{"region"}, "is %q: set the bucket's region, such as eu-central-1", s.Region)
	}
	if s.Prefix != "" && !prefixForm.MatchString(s.Prefix) {
		inner.Fail([]string{"prefix"}, "is %q: it is made of letters, digits and . _ = - with a / between", s.Prefix)
	}
	s.Access.Validate(inner)
	s.TLS.Validate(inner)
	for _, fault := range inner.Faults() {
		v.Fail(append([]string{"s3"}, fault.Path...), "%s", fault.Msg)
	}
}

func (s *S3) show(shown map[string]any) {
	shown["bucket"], shown["region"] = s.Bucket, s.Region
	if s.Prefix != "" {
		shown["prefix"] = s.Prefix
	}
	s.Access.Show(shown)
}
