package console

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"sync"
	"time"
)

const (
	// sessionCookie holds the id of a viewer, saidCookie what the next page tells once.
	sessionCookie = "signalbox"
	saidCookie    = "signalbox_told"
	// sessionLength is how long a login lasts, maxSessions how many last at once: the oldest
	// gives way.
	sessionLength = 12 * time.Hour
	maxSessions   = 1000
)

// sessions are the viewers who have logged in. They end with the process.
type sessions struct {
	secret [sha256.Size]byte // of form tokens

	mu   sync.Mutex
	open map[[sha256.Size]byte]session // by the hash of their ids
}

type session struct {
	key     string
	expires time.Time
}

func newSessions() *sessions {
	s := &sessions{open: map[[sha256.Size]byte]session{}}
	_, _ = rand.Read(s.secret[:]) // never fails
	return s
}

// visitor returns the id that a browser has, or gives it one.
func (s *sessions) visitor(w http.ResponseWriter, r *http.Request) string {
	if cookie, err := r.Cookie(sessionCookie); err == nil && len(cookie.Value) == len(rand.Text()) {
		return cookie.Value
	}
	return s.renew(w, r)
}

// renew gives a browser a new id, so that nobody knows that of a login from before it.
func (s *sessions) renew(w http.ResponseWriter, r *http.Request) string {
	id := rand.Text()
	setCookie(w, r, sessionCookie, id, 0)
	return id
}

// setCookie sets a cookie that no script reads, and that no other site makes a browser send.
// Age is in seconds: 0 lasts as long as the browser runs, and less removes it.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: Path, MaxAge: age,
		HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode,
	})
}

// key returns the key that a viewer has logged in with; empty for none.
func (s *sessions) key(id string, now time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if of := s.open[sha256.Sum256([]byte(id))]; now.Before(of.expires) {
		return of.key
	}
	return ""
}

// begin notes that a viewer has logged in.
func (s *sessions) begin(id, key string, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.open) >= maxSessions {
		s.dropOldest()
	}
	s.open[sha256.Sum256([]byte(id))] = session{key, now.Add(sessionLength)}
}

func (s *sessions) dropOldest() {
	var oldest [sha256.Size]byte
	var expires time.Time
	for id, of := range s.open {
		if expires.IsZero() || of.expires.Before(expires) {
			oldest, expires = id, of.expires
		}
	}
	delete(s.open, oldest)
}

func (s *sessions) end(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, sha256.Sum256([]byte(id)))
}

// token returns what a viewer's forms carry, so that only the console's own are taken.
func (s *sessions) token(id string) string {
	sum := hmac.New(sha256.New, s.secret[:])
	sum.Write([]byte(id))
	return hex.EncodeToString(sum.Sum(nil))
}
