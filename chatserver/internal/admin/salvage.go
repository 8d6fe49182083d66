package admin

import (
	"net/http"

	"chatpool.dev/chatserver/adminapi"
)

func (a *api) salvage(r *http.Request) (any, error) {
	var in adminapi.Salvaging
	if err := a.gated(r, &in); err != nil {
		return nil, err
	}
	if err := in.Validate(); err != nil {
		return nil, err
	}
	s, err := a.Salvages.Salvage(r.Context(), in)
	if err != nil {
		return nil, err
	}
	return s, nil
}

// salvages of a pool with one site are none.
func (a *api) salvages(r *http.Request) (any, error) {
	if a.Salvages == nil {
		return adminapi.Salvages{Salvages: []adminapi.Salvage{}}, nil
	}
	s, err := a.Salvages.Salvages(r.Context())
	if err != nil {
		return nil, err
	}
	return s, nil
}
