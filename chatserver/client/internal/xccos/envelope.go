package xccos

import (
	"encoding/xml"
	"fmt"
	"strings"
)

// Envelope is one document of the server.
type Envelope struct {
	XMLName xml.Name  `xml:"urn:parlano:xml:ns:xccos xccos"`
	Replies []Reply   `xml:"rpl"`
	Notices []Notice  `xml:"ntc"`
	Posts   []Message `xml:"grpchat"`
}

// Reply answers a command.
type Reply struct {
	ID      string    `xml:"id,attr"` // rpl:NAME
	Command CommandID `xml:"commandid"`
	Result  Result    `xml:"resp"`
	Data    Data      `xml:"data"`
}

// CommandID names the command that is answered.
type CommandID struct {
	Envelope string `xml:"envid,attr"`
}

// Result is how a command went: code 200 is success.
type Result struct {
	Code   int    `xml:"code,attr"`
	Phrase string `xml:",chardata"`
}

// Notice is something that the server says unasked: ntc:join, ntc:bjoin, ntc:part, ntc:kick.
type Notice struct {
	ID   string `xml:"id,attr"`
	Data Data   `xml:"data"`
}

// Data is the payload of replies and notices. More (attribute more) tells of a reply that another document goes on with it.
type Data struct {
	More    string   `xml:"more,attr"`
	Rooms   []Room   `xml:"chanib"`
	Users   []User   `xml:"uib"`
	Failed  []ChanID `xml:"fib"`
	Servers []Info   `xml:"sib"`
	Error   struct {
		Text string `xml:"text,attr"`
	} `xml:"error"`
}

// ChanID names a room by domain and id.
type ChanID struct {
	Domain string `xml:"domain,attr"`
	Value  string `xml:"value,attr"`
}

// Room is what a document says about a room. Last (attribute lastChatId) is the position of the newest message at the
// time of the join, More (attribute more) that the history goes on after the last message given, Fork (attribute fork) the
// position that the messages come after, when it is before the one that was asked from.
type Room struct {
	URI         string     `xml:"uri,attr"`
	Name        string     `xml:"name,attr"`
	Description string     `xml:"description,attr"`
	Parent      string     `xml:"parent,attr"`
	Behavior    string     `xml:"behavior,attr"`
	Disabled    string     `xml:"disabled,attr"`
	Last        string     `xml:"lastChatId,attr"`
	More        string     `xml:"more,attr"`
	Fork        string     `xml:"fork,attr"`
	Roles       []Role     `xml:"aib"`
	Info        []Property `xml:"info"`
	Properties  []Property `xml:"prop"`
	Messages    []Message  `xml:"msg"`
	Users       []User     `xml:"uib"` // in ntc:part
	// Present is who is in the room: the users that Roles names, each once.
	Present []User `xml:"-"`
}

// Role is an aib element: in a room, users (by their ids in this document) who have the rights of the key; in ntc:join, a room.
type Role struct {
	Key    string `xml:"key,attr"`
	Domain string `xml:"domain,attr"`
	Value  string `xml:"value,attr"`
}

// Property is an info or prop element.
type Property struct {
	ID    string `xml:"id,attr"`
	Value string `xml:",chardata"`
}

// User is somebody in a room.
type User struct {
	ID    string `xml:"id,attr"`
	URI   string `xml:"uri,attr"`
	Name  string `xml:"dispname,attr"`
	Rooms []Role `xml:"aib"` // in ntc:join
}

// Message is a post, live (grpchat) or from history (msg).
type Message struct {
	Room     string `xml:"chanUri,attr"`
	Author   string `xml:"author,attr"`
	Name     string `xml:"authdisp,attr"`
	Alert    string `xml:"alert,attr"`
	Position string `xml:"chatId,attr"`
	Origin   string `xml:"originChatId,attr"` // of a recovered message; else ""
	Time     string `xml:"ts,attr"`
	Text     string `xml:"chat"`
	RTF      string `xml:"rtf"`
}

// Info is a sib element: what the server says about itself. Sizes are in bytes.
type Info struct {
	Time        string `xml:"serverTime,attr"`
	SearchLimit int    `xml:"searchLimit,attr"`
	MessageSize int    `xml:"messageSizeLimit,attr"`
	StorySize   int    `xml:"storySizeLimit,attr"`
	Root        string `xml:"rootUri,attr"`
	Version     string `xml:"dbVersion,attr"`
	Name        string `xml:"displayName,attr"`
}

// Parse reads a document.
func Parse(body []byte) (*Envelope, error) {
	e := &Envelope{}
	if err := xml.Unmarshal(body, e); err != nil {
		return nil, fmt.Errorf("read an XCCOS document of %d bytes: %w", len(body), err)
	}
	for i := range e.Replies {
		d := &e.Replies[i].Data
		for j := range d.Rooms {
			d.Rooms[j].Present = d.Rooms[j].present(d.Users)
		}
	}
	return e, nil
}

// Extend adds what another document of the same reply has.
func (d *Data) Extend(next *Data) {
	d.More = next.More
	d.Rooms = append(d.Rooms, next.Rooms...)
	d.Failed = append(d.Failed, next.Failed...)
	d.Servers = append(d.Servers, next.Servers...)
}

// Property finds the text of an info or prop by the last part of its id, as in "logged", or "".
func (r *Room) Property(name string) string {
	for _, list := range [][]Property{r.Info, r.Properties} {
		for _, p := range list {
			if strings.HasSuffix(p.ID, ":"+name) {
				return strings.TrimSpace(p.Value)
			}
		}
	}
	return ""
}

// present lists who of the users of the document is in the room, in the order of the roles.
func (r *Room) present(users []User) []User {
	byID := make(map[string]User, len(users))
	for _, u := range users {
		byID[u.ID] = u
	}
	var out []User
	for _, role := range r.Roles {
		for _, id := range strings.Split(role.Value, ",") {
			id = strings.TrimSpace(id)
			if u, ok := byID[id]; ok {
				out = append(out, u)
				delete(byID, id)
			}
		}
	}
	return out
}
