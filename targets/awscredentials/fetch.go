package awscredentials

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const (
	// maxAnswer bounds an answer, fetchTimeout the wait for one of this machine's own services.
	maxAnswer    = 64 << 10
	fetchTimeout = 2 * time.Second
	// metadataService and containerService are where clouds give machines and containers
	// credentials. The environment of the router alone can say another place.
	metadataService  = "http://169.254.169.254"
	containerService = "http://169.254.170.2"
)

// near asks services of this machine. No proxy and no redirection: what it gets is secret.
var near = &http.Client{
	Timeout:       fetchTimeout,
	Transport:     &http.Transport{DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// ask sends a request and returns the body of an answer of 200.
func ask(client *http.Client, q *http.Request) ([]byte, error) {
	answer, err := client.Do(q)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s", q.URL.Host, answer.Status)
	}
	return body, err
}

// get asks a service of this machine.
func get(ctx context.Context, method, url, header, value string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, method, url, nil)
	if err != nil {
		return nil, err
	}
	if header != "" {
		q.Header.Set(header, value)
	}
	return ask(near, q)
}

// temporary are credentials that expire, as containers and machines get them.
type temporary struct {
	AccessKeyID     string `json:"AccessKeyId"`
	SecretAccessKey string
	Token           string
	Expiration      time.Time
}

func (t temporary) credentials() (aws.Credentials, error) {
	c, err := keys(t.AccessKeyID, t.SecretAccessKey, t.Token)
	c.CanExpire, c.Expires = !t.Expiration.IsZero(), t.Expiration
	return c, err
}

// getCredentials asks a service of this machine for credentials.
func getCredentials(ctx context.Context, url, header, value string) (aws.Credentials, error) {
	body, err := get(ctx, http.MethodGet, url, header, value)
	if err != nil {
		return aws.Credentials{}, err
	}
	var t temporary
	if json.Unmarshal(body, &t) != nil { // whose error would show a part of it
		return aws.Credentials{}, errors.New("the answer holds no credentials")
	}
	return t.credentials()
}

// container asks the service of a container of ECS or EKS.
func (s Source) container(ctx context.Context) (aws.Credentials, error) {
	v, err := s.envs("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE")
	if err != nil {
		return aws.Credentials{}, err
	}
	address, token := v[1], v[2]
	switch {
	case v[0] != "":
		address = containerService + v[0]
	case address == "":
		return aws.Credentials{}, errNone
	}
	if err := checkContainer(address); err != nil {
		return aws.Credentials{}, err
	}
	if v[3] != "" {
		text, err := s.Secrets.Read(v[3])
		if err != nil {
			return aws.Credentials{}, err
		}
		token = strings.TrimSpace(string(text))
	}
	if token == "" {
		return getCredentials(ctx, address, "", "")
	}
	return getCredentials(ctx, address, "Authorization", token)
}

// checkContainer refuses an address to which a token would go in the clear.
func checkContainer(address string) error {
	u, err := url.Parse(address)
	if err != nil {
		return errors.New("AWS_CONTAINER_CREDENTIALS_FULL_URI is no URL")
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip.IsLoopback() || ip.IsLinkLocalUnicast() || u.Hostname() == "fd00:ec2::23"
	if u.Scheme != "https" && !local {
		return fmt.Errorf("%s is neither of this machine nor https", u.Host)
	}
	return nil
}

// machine asks the metadata service of EC2, in its second version.
func (s Source) machine(ctx context.Context) (aws.Credentials, error) {
	v, err := s.envs("AWS_EC2_METADATA_DISABLED", "AWS_EC2_METADATA_SERVICE_ENDPOINT")
	if err != nil {
		return aws.Credentials{}, err
	}
	if strings.EqualFold(v[0], "true") {
		return aws.Credentials{}, errNone
	}
	base := metadataService
	if v[1] != "" {
		base = strings.TrimRight(v[1], "/")
	}
	token, err := get(ctx, http.MethodPut, base+"/latest/api/token", "X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "300")
	var unreachable net.Error
	if errors.As(err, &unreachable) && ctx.Err() == nil { // no machine of AWS
		return aws.Credentials{}, errNone
	}
	if err != nil {
		return aws.Credentials{}, err
	}
	const path, header = "/latest/meta-data/iam/security-credentials/", "X-Aws-Ec2-Metadata-Token"
	role, err := get(ctx, http.MethodGet, base+path, header, string(token))
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("the machine has no role: %w", err)
	}
	name, _, _ := strings.Cut(string(role), "\n")
	return getCredentials(ctx, base+path+url.PathEscape(strings.TrimSpace(name)), header, string(token))
}

// webIdentity exchanges the token of a file for credentials of a role (sts:AssumeRoleWithWebIdentity).
func (s Source) webIdentity(ctx context.Context) (aws.Credentials, error) {
	v, err := s.envs("AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME", "AWS_ENDPOINT_URL_STS")
	if err != nil {
		return aws.Credentials{}, err
	}
	if v[0] == "" {
		return aws.Credentials{}, errNone
	}
	token, err := s.Secrets.Read(v[0])
	if err != nil {
		return aws.Credentials{}, err
	}
	session, service := v[2], v[3]
	if session == "" {
		session = "signalbox"
	}
	if service == "" {
		service = "https://sts." + s.Region + ".amazonaws.com"
		if strings.HasPrefix(s.Region, "cn-") {
			service += ".cn"
		}
	}
	form := url.Values{
		"Action": {"AssumeRoleWithWebIdentity"}, "Version": {"2011-06-15"}, "RoleArn": {v[1]}, "RoleSessionName": {session},
		"WebIdentityToken": {strings.TrimSpace(string(token))},
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, service, strings.NewReader(form.Encode()))
	if err != nil {
		return aws.Credentials{}, err
	}
	q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	body, err := ask(s.Client, q)
	if err != nil {
		return aws.Credentials{}, err
	}
	var answer struct {
		Credentials struct {
			AccessKeyID     string `xml:"AccessKeyId"`
			SecretAccessKey string
			SessionToken    string
			Expiration      time.Time
		} `xml:"AssumeRoleWithWebIdentityResult>Credentials"`
	}
	if xml.Unmarshal(body, &answer) != nil {
		return aws.Credentials{}, errors.New("the answer holds no credentials")
	}
	c := answer.Credentials
	return temporary{c.AccessKeyID, c.SecretAccessKey, c.SessionToken, c.Expiration}.credentials()
}
