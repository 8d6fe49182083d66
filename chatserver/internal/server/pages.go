package server

import (
	"net/http"

	"chatpool.dev/chatserver/internal/obs"
)

// pages is what the HTTP listener serves: health and metrics, and at / the way to the other site when the pool is there.
func (s *Server) pages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", obs.Handler(s.ready, s.registry))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		site, elsewhere := s.sessions.Elsewhere()
		if !elsewhere || site.HTTPS == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, "https://"+site.HTTPS+"/", http.StatusTemporaryRedirect)
	})
	return mux
}
