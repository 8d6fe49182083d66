package sipedge

import (
	"encoding/xml"
	"slices"
	"strings"
)

const (
	provisioningEvent = "vnd-microsoft-provisioning-v2"
	provisioningType  = "application/vnd-microsoft-roaming-provisioning-v2+xml"
	piggyback         = "ms-piggyback-first-notify"
)

// subscribe answers the one subscription that we offer: the pool's provisioning document, which comes with the answer.
func (c *connection) subscribe(m *message) bool {
	event, _, _ := strings.Cut(m.get("event"), ";")
	switch {
	case !strings.EqualFold(strings.TrimSpace(event), provisioningEvent):
		return c.respond(m, 489, "", field{"Allow-Events", provisioningEvent})
	case !slices.Contains(m.tokens("supported"), piggyback):
		return c.respond(m, 421, "", field{"Require", piggyback})
	}
	to := m.sip.To().Address
	if addressOfRecord(&to) != string(c.user.subject.User) {
		return c.respond(m, 403, "")
	}
	body := provisioningDocument(c.server.backend.Provisioning(c.user.subject))
	return c.respondWith(m, 200, "", c.tag, []field{
		{"Expires", "0"}, {"Event", provisioningEvent}, {"subscription-state", "terminated;expires=0"},
		{"ms-piggyback-cseq", "1"}, {"Supported", "ms-benotify, " + piggyback}, {"Content-Type", provisioningType},
	}, body)
}

func provisioningDocument(p Provisioning) []byte {
	var b strings.Builder
	b.WriteString(`<provisionGroupList xmlns="http://schemas.microsoft.com/2006/09/sip/provisiongrouplist-notification">` +
		`<provisionGroup name="persistentChatConfiguration"><propertyEntryList>`)
	property := func(name, value string) {
		b.WriteString(`<property name="` + name + `">`)
		xml.EscapeText(&b, []byte(value))
		b.WriteString(`</property>`)
	}
	if p.Enabled {
		property("EnablePersistentChat", "true")
		property("DefaultPersistentChatPoolUri", p.PoolURI)
		property("PersistentChatPoolUris", p.PoolURI)
		if len(p.Servers) > 0 {
			property("ChatpoolSite", p.Site)
			property("ChatpoolServers", strings.Join(p.Servers, ";"))
		}
	} else {
		property("EnablePersistentChat", "false")
	}
	b.WriteString(`</propertyEntryList></provisionGroup></provisionGroupList>`)
	return []byte(b.String())
}
