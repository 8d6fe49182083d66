package admin

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

// Categories is where categories are kept.
type Categories interface {
	PutCategory(ctx context.Context, key string, c chat.Category, hash string, g pg.Groups) (pg.CategoryRecord, error)
	Category(ctx context.Context, key string) (pg.CategoryRecord, error)
	DeleteCategory(ctx context.Context, key string, retain bool) error
}

// Rooms is where rooms are kept.
type Rooms interface {
	PutRoom(ctx context.Context, key, categoryKey string, r chat.Room, hash string, g pg.Groups) (pg.RoomRecord, error)
	Room(ctx context.Context, key string) (pg.RoomRecord, error)
	DeleteRoom(ctx context.Context, key string, retain bool) error
}

// Activations is the server's right to accept posts, in a pool with two sites.
type Activations interface {
	Activation() adminapi.Activation
	Activate(ctx context.Context, o adminapi.Opening) (adminapi.Activation, error)
	Deactivate() adminapi.Activation
	Quiesce(ctx context.Context, epoch int64) (adminapi.Activation, error)
	Record(ctx context.Context, r adminapi.Recording) error
}

// Salvages brings what an overtaken database has into this one, in a pool with two sites.
type Salvages interface {
	Salvage(ctx context.Context, s adminapi.Salvaging) (adminapi.Salvage, error)
	Salvages(ctx context.Context) (adminapi.Salvages, error)
}

// Options are what the API works with.
type Options struct {
	Domain     string // SIP domain of the pool
	Categories Categories
	Rooms      Rooms
	Groups     pg.Groups
	// Changed is told after each change, before it is answered.
	Changed func(context.Context)
	Status  func(context.Context) adminapi.Status
	// Activations and Salvages are nil in a pool with one site.
	Activations Activations
	Salvages    Salvages
	Database    func(context.Context) adminapi.DatabaseState
	Log         *slog.Logger
}

// requestTime bounds what a request waits for.
const requestTime = 9 * time.Second

type api struct{ Options }

// Handler serves the admin API to the operator. The listener does the TLS.
func Handler(o Options) http.Handler {
	a := &api{o}
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /v1/categories/{key}", a.serve(a.putCategory))
	mux.HandleFunc("GET /v1/categories/{key}", a.serve(a.category))
	mux.HandleFunc("DELETE /v1/categories/{key}", a.serve(a.deleteCategory))
	mux.HandleFunc("PUT /v1/rooms/{key}", a.serve(a.putRoom))
	mux.HandleFunc("GET /v1/rooms/{key}", a.serve(a.room))
	mux.HandleFunc("DELETE /v1/rooms/{key}", a.serve(a.deleteRoom))
	mux.HandleFunc("GET /v1/status", a.serve(func(r *http.Request) (any, error) { return a.Status(r.Context()), nil }))
	mux.HandleFunc("GET /v1/activation", a.serve(a.activation))
	mux.HandleFunc("POST /v1/activation", a.serve(a.activate))
	mux.HandleFunc("DELETE /v1/activation", a.serve(a.deactivate))
	mux.HandleFunc("POST /v1/quiesce", a.serve(a.quiesce))
	mux.HandleFunc("POST /v1/epoch", a.serve(a.recordEpoch))
	mux.HandleFunc("GET /v1/database", a.serve(a.database))
	mux.HandleFunc("POST /v1/salvage", a.serve(a.salvage))
	mux.HandleFunc("GET /v1/salvage", a.serve(a.salvages))
	mux.HandleFunc("/", a.serve(func(r *http.Request) (any, error) {
		return nil, chat.Errorf(chat.NotFound, "%s %s: no such call", r.Method, r.URL.Path)
	}))
	return operatorOnly(mux)
}

// serve turns a call's result into an answer: nil is 204.
func (a *api) serve(call func(*http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				a.Log.Error("panic in the admin API", "method", r.Method, "path", r.URL.Path, "panic", p, "stack", string(debug.Stack()))
				writeProblem(w, chat.Errorf(chat.Unavailable, "internal error"))
			}
		}()
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = http.MaxBytesReader(w, r.Body, adminapi.MaxBody)
		answer, err := call(r)
		switch {
		case err != nil:
			a.Log.Warn("admin call refused", "method", r.Method, "path", r.URL.Path, "kind", chat.KindOf(err), "err", err)
			writeProblem(w, err)
		case answer == nil:
			w.WriteHeader(http.StatusNoContent)
		default:
			writeJSON(w, http.StatusOK, "application/json", answer)
		}
	}
}

func writeProblem(w http.ResponseWriter, err error) {
	p, status := adminapi.ProblemOf(err)
	writeJSON(w, status, adminapi.ProblemType, p)
}

func writeJSON(w http.ResponseWriter, status int, mediaType string, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", mediaType)
	w.WriteHeader(status)
	w.Write(b) // an error means that nobody reads it
}

// key is the declaring object's name from the path.
func key(r *http.Request) (string, error) {
	k := r.PathValue("key")
	namespace, name, ok := strings.Cut(k, "/")
	if !ok || namespace == "" || name == "" || strings.Contains(name, "/") || len(k) > 512 {
		return "", chat.FieldErrorf("key", "%q: want NAMESPACE/NAME, path-escaped", k)
	}
	return k, nil
}

// retain is the query's parameter; it must be given, because one of its values removes content.
func retain(r *http.Request) (bool, error) {
	switch v := r.URL.Query().Get("retain"); v {
	case "true":
		return true, nil
	case "false":
		return false, nil
	default:
		return false, chat.FieldErrorf("retain", "%q: want true or false", v)
	}
}

// maxDeclared bounds the hash of a declaration, in bytes.
const maxDeclared = 128

func checkDeclared(hash string) error {
	if len(hash) > maxDeclared {
		return chat.FieldErrorf("declared", "%d bytes: want at most %d", len(hash), maxDeclared)
	}
	return nil
}

func decode(r *http.Request, v any) error {
	err := adminapi.DecodeStrict(r.Body, v)
	var tooLong *http.MaxBytesError
	if errors.As(err, &tooLong) {
		return chat.Errorf(chat.TooLarge, "the request has more than %d bytes", tooLong.Limit)
	}
	return err
}

// principals brings a list into canonical form; the error names the field.
func principals(field string, list []chat.Principal) ([]chat.Principal, error) {
	out := make([]chat.Principal, len(list))
	for i, p := range list {
		q, err := chat.ParsePrincipal(string(p))
		if err != nil {
			return nil, chat.FieldErrorf(field, "%v", err)
		}
		out[i] = q
	}
	return out, nil
}

// remove answers DELETE of a category or a room.
func (a *api) remove(r *http.Request, remove func(ctx context.Context, key string, retain bool) error) (any, error) {
	k, err := key(r)
	if err != nil {
		return nil, err
	}
	keep, err := retain(r)
	if err != nil {
		return nil, err
	}
	if err := remove(r.Context(), k, keep); err != nil {
		return nil, err
	}
	a.Changed(r.Context())
	return nil, nil
}
