package admin

import (
	"context"
	"net/http"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
)

func (a *api) activation(*http.Request) (any, error) {
	if a.Activations == nil {
		return adminapi.Activation{How: adminapi.BySingleSite}, nil
	}
	return a.Activations.Activation(), nil
}

func (a *api) activate(r *http.Request) (any, error) {
	var in adminapi.Opening
	if err := a.gated(r, &in); err != nil {
		return nil, err
	}
	return answer(a.Activations.Activate(r.Context(), in))
}

func (a *api) deactivate(r *http.Request) (any, error) {
	if err := a.gated(r, nil); err != nil {
		return nil, err
	}
	return a.Activations.Deactivate(), nil
}

func (a *api) quiesce(r *http.Request) (any, error) {
	var in adminapi.Quiescing
	if err := a.gated(r, &in); err != nil {
		return nil, err
	}
	return answer(a.Activations.Quiesce(r.Context(), in.Epoch))
}

func (a *api) recordEpoch(r *http.Request) (any, error) {
	var in adminapi.Recording
	if err := a.gated(r, &in); err != nil {
		return nil, err
	}
	return nil, a.Activations.Record(r.Context(), in)
}

// gated reads a request that makes sense in a pool with two sites only.
func (a *api) gated(r *http.Request, in any) error {
	if a.Activations == nil {
		return chat.Errorf(chat.Conflict, "this pool has one site: its servers are always activated (gate is false in the configuration)")
	}
	if in == nil {
		return nil
	}
	return decode(r, in)
}

// answer keeps an empty value from going out with an error.
func answer(v adminapi.Activation, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// database answers in time also when the database does not.
func (a *api) database(r *http.Request) (any, error) {
	ctx, cancel := context.WithTimeout(r.Context(), adminapi.DatabaseTime)
	defer cancel()
	return a.Database(ctx), nil
}
