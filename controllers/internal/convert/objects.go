package convert

import (
	"chatpool.dev/api/v1alpha1"
	"chatpool.dev/chatserver/adminapi"
	"chatpool.dev/chatserver/chat"
	"chatpool.dev/controllers/internal/naming"
)

// Category makes the admin API's category.
func Category(c *v1alpha1.Category) (adminapi.Category, error) {
	out := adminapi.Category{
		Name: nameOr(c.Spec.Name, c.Name), Description: string(c.Spec.Description),
		ChatHistory: c.Spec.ChatHistory, FileUpload: c.Spec.FileUpload, Invitations: c.Spec.Invitations,
	}
	return out, lists([]list{
		{"spec.allowedMembers", c.Spec.AllowedMembers, &out.AllowedMembers},
		{"spec.deniedMembers", c.Spec.DeniedMembers, &out.DeniedMembers},
		{"spec.creators", c.Spec.Creators, &out.Creators},
	})
}

// Room makes the admin API's room. Its category is named by key, so that renaming the category moves no room.
func Room(r *v1alpha1.Room) (adminapi.Room, error) {
	out := adminapi.Room{
		Category: naming.ObjectKey(r.Namespace, string(r.Spec.CategoryName)),
		Name:     nameOr(r.Spec.Name, r.Name), Description: string(r.Spec.Description),
		Privacy: chat.Privacy(r.Spec.Privacy), Type: chat.RoomType(r.Spec.Type),
		Invitations: chat.Invitations(r.Spec.Invitations), Disabled: r.Spec.Disabled,
	}
	return out, lists([]list{
		{"spec.members", r.Spec.Members, &out.Members},
		{"spec.managers", r.Spec.Managers, &out.Managers},
		{"spec.presenters", r.Spec.Presenters, &out.Presenters},
	})
}

type list struct {
	field string
	in    []v1alpha1.Principal
	out   *[]chat.Principal
}

func lists(all []list) error {
	for _, l := range all {
		var err error
		if *l.out, err = principals(l.field, l.in); err != nil {
			return err
		}
	}
	return nil
}

func nameOr(name v1alpha1.DisplayName, object string) string {
	if name != "" {
		return string(name)
	}
	return object
}
