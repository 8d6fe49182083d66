package client

import (
	"context"
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
	"chatpool.dev/chatserver/client/internal/sip"
)

// registrationSeconds is how long a registration shall last.
const registrationSeconds = 3600

// signIn connects to a server, registers, asks for the pool's address and opens the dialog. It ends within
// Options.Timeout for the connection and as much for the rest.
func signIn(ctx context.Context, o *Options, server string) (*link, error) {
	l, err := connect(ctx, o, server)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = l.conn.Close() })
	defer stop()
	_ = l.conn.SetDeadline(time.Now().Add(o.Timeout))
	for _, step := range []func() error{l.signInRegister, l.signInProvision, l.signInInvite} {
		if err := step(); err != nil {
			l.close()
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, explain(o, server, err)
		}
	}
	return l, nil
}

func (l *link) signInRegister() error {
	self := fmt.Sprintf("<%s>", l.o.aor)
	from := fmt.Sprintf("%s;tag=%s;epid=%s", self, randomHex(5), l.o.Endpoint)
	l.registration = identity{callID: randomHex(12), from: from, to: self}
	m, err := l.ask(l.register(registrationSeconds))
	if err != nil {
		return err
	}
	if m.Status == 401 || m.Status == 407 {
		if err := l.challenged(m); err != nil {
			return &chat.Error{Kind: chat.Denied, Text: err.Error(), Err: err}
		}
		if m, err = l.ask(l.register(registrationSeconds)); err != nil {
			return err
		}
		if m.Status == 401 || m.Status == 407 {
			return chat.Errorf(chat.Denied, "wrong password for %s, or no such user", l.o.aor)
		}
	}
	if m.Status != 200 {
		return refused("sign-in", m)
	}
	if n, err := strconv.Atoi(expiresOf(m)); err == nil && n > 0 {
		l.reRegister = time.Duration(n) * time.Second
	}
	return nil
}

func expiresOf(m *sip.Message) string {
	if s := m.Get("Expires"); s != "" {
		return s
	}
	return sip.Param(m.Get("Contact"), "expires")
}

const provisioningRequest = `<provisioningGroupList xmlns="http://schemas.microsoft.com/2006/09/sip/provisioninggrouplist">` +
	`<provisioningGroup name="persistentChatConfiguration"/></provisioningGroupList>`

// signInProvision learns the pool's address (MS-SIPREGE 2.2.2.5.11), which the 200 carries.
func (l *link) signInProvision() error {
	id := identity{callID: randomHex(12), from: l.registration.from, to: l.registration.to}
	m := l.request(&id, "SUBSCRIBE", l.o.aor)
	m.Add("Event", "vnd-microsoft-provisioning-v2")
	m.Add("Accept", "application/vnd-microsoft-roaming-provisioning-v2+xml")
	m.Add("Supported", "ms-piggyback-first-notify")
	m.Add("Expires", "0")
	m.Add("Content-Type", "application/vnd-microsoft-roaming-provisioning-v2+xml")
	m.Body = []byte(provisioningRequest)
	r, err := l.ask(m)
	if err != nil {
		return err
	}
	if r.Status != 200 {
		return refused("ask for the pool's address", r)
	}
	found, err := provisioned(r.Body)
	if err != nil {
		return err
	}
	l.site, l.servers = found["ChatpoolSite"], strings.Split(found["ChatpoolServers"], ";")
	l.pool, err = poolOf(found)
	return err
}

// provisioned reads the part of the provisioning document that is about chat.
func provisioned(body []byte) (map[string]string, error) {
	var doc struct {
		Groups []struct {
			Name       string `xml:"name,attr"`
			Properties []struct {
				Name  string `xml:"name,attr"`
				Value string `xml:",chardata"`
			} `xml:"propertyEntryList>property"`
		} `xml:"provisionGroup"`
	}
	if err := xml.Unmarshal(body, &doc); err != nil {
		return nil, chat.Errorf(chat.Unavailable, "the server's provisioning document cannot be read: %w", err)
	}
	found := map[string]string{}
	for _, g := range doc.Groups {
		if g.Name == "persistentChatConfiguration" {
			for _, p := range g.Properties {
				found[p.Name] = strings.TrimSpace(p.Value)
			}
		}
	}
	return found, nil
}

func poolOf(found map[string]string) (string, error) {
	pool := found["DefaultPersistentChatPoolUri"]
	switch {
	case strings.EqualFold(found["EnablePersistentChat"], "false"):
		return "", chat.Errorf(chat.Denied, "the pool's policy does not let this user chat")
	case !strings.HasPrefix(pool, "sip:"):
		return "", chat.Errorf(chat.Unavailable, "the server names no chat pool: is it a chat server?")
	}
	return pool, nil
}

func (l *link) signInInvite() error {
	l.dialog = identity{
		callID: randomHex(12),
		from:   fmt.Sprintf("<%s>;tag=%s;epid=%s", l.o.aor, randomHex(5), l.o.Endpoint),
		to:     fmt.Sprintf("<%s>", l.pool),
	}
	m := l.request(&l.dialog, "INVITE", l.pool)
	m.Add("Supported", "timer")
	m.Add("Content-Type", "application/sdp")
	m.Body = []byte("v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns=session\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=message 5060 sip null\r\na=accept-types:text/plain\r\n")
	r, err := l.ask(m)
	if err != nil {
		return err
	}
	if r.Status != 200 {
		return refused("open the chat session", r)
	}
	l.dialog.to = r.Get("To")
	l.target = sip.Address(r.Get("Contact"))
	if l.target == "" {
		l.target = l.pool
	}
	seconds, _, _ := strings.Cut(r.Get("Session-Expires"), ";")
	if n, err := strconv.Atoi(strings.TrimSpace(seconds)); err == nil && n > 0 {
		l.refresh = time.Duration(n) * time.Second
	}
	_, err = l.conn.Write(l.build(&l.dialog, l.dialog.seq, "ACK", l.target).Append(nil))
	return err
}

// ask sends a request and waits for its final response. What the server sends meanwhile is kept for later.
func (l *link) ask(m *sip.Message) (*sip.Message, error) {
	if _, err := l.conn.Write(m.Append(nil)); err != nil {
		return nil, err
	}
	want, method := m.CSeq()
	for {
		r, err := sip.Read(l.reader)
		if err != nil {
			return nil, err
		}
		n, of := r.CSeq()
		switch {
		case r.Method != "":
			if len(l.early) == 64 {
				return nil, fmt.Errorf("the server sent %d requests before it answered %s", len(l.early), method)
			}
			l.early = append(l.early, r)
		case r.Status >= 200 && n == want && of == method && r.Get("Call-ID") == m.Get("Call-ID"):
			return r, nil
		}
	}
}
