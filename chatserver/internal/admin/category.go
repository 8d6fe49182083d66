package admin

import (
	"net/http"

	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/internal/store/pg"
)

func (a *api) putCategory(r *http.Request) (any, error) {
	k, err := key(r)
	if err != nil {
		return nil, err
	}
	var in adminapi.Category
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	if err := checkDeclared(in.Declared); err != nil {
		return nil, err
	}
	c, err := categoryOf(in)
	if err != nil {
		return nil, err
	}
	rec, err := a.Categories.PutCategory(r.Context(), k, c, in.Declared, a.Groups)
	if err != nil {
		return nil, err
	}
	a.Changed(r.Context())
	return a.categoryStatus(rec), nil
}

func (a *api) category(r *http.Request) (any, error) {
	k, err := key(r)
	if err != nil {
		return nil, err
	}
	rec, err := a.Categories.Category(r.Context(), k)
	if err != nil {
		return nil, err
	}
	if !rec.Withdrawn.IsZero() {
		return adminapi.CategoryState{Withdrawn: &rec.Withdrawn}, nil
	}
	c := rec.Category
	return adminapi.CategoryState{
		Category: adminapi.Category{
			Name: c.Name, Description: c.Description,
			AllowedMembers: c.Allowed, DeniedMembers: c.Denied, Creators: c.Creators,
			ChatHistory: &c.ChatHistory, FileUpload: c.FileUpload, Invitations: c.Invitations, Declared: rec.Declared,
		},
		CategoryStatus: a.categoryStatus(rec),
	}, nil
}

func (a *api) deleteCategory(r *http.Request) (any, error) {
	return a.remove(r, a.Categories.DeleteCategory)
}

func (a *api) categoryStatus(rec pg.CategoryRecord) adminapi.CategoryStatus {
	c := rec.Category
	return adminapi.CategoryStatus{ID: c.ID, URI: chat.CategoryURI(a.Domain, c.ID), Rooms: rec.Rooms, Version: c.Version}
}

// categoryOf makes a category of a declaration and checks it.
func categoryOf(in adminapi.Category) (chat.Category, error) {
	c := chat.Category{
		Name: in.Name, Description: in.Description,
		ChatHistory: in.ChatHistory == nil || *in.ChatHistory,
		FileUpload:  in.FileUpload, Invitations: in.Invitations,
	}
	var err error
	if c.Allowed, err = principals("allowedMembers", in.AllowedMembers); err != nil {
		return c, err
	}
	if c.Denied, err = principals("deniedMembers", in.DeniedMembers); err != nil {
		return c, err
	}
	if c.Creators, err = principals("creators", in.Creators); err != nil {
		return c, err
	}
	return c, chat.ValidateCategory(&c)
}
