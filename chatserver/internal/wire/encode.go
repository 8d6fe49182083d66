package wire

import (
	"strconv"
	"sync/atomic"

	"chatpool.dev/chatserver/chat"
)

// MaxDocument is the largest size of a document we send, in bytes. Decode takes up to 64 KiB.
const MaxDocument = 60 << 10

// headroom is what a document has around its data, at most: names and references in it are bounded by Decode.
const headroom = 2 << 10

// Encoder writes documents of one pool. Its methods are safe from any goroutine; what they return is only read from then
// on and may be shared between receivers.
type Encoder struct {
	domain   string
	envelope atomic.Uint64
}

// NewEncoder makes an encoder for a SIP domain. Envelope ids count up from start+1.
func NewEncoder(domain string, start uint64) *Encoder {
	e := &Encoder{domain: domain}
	e.envelope.Store(start)
	return e
}

func (e *Encoder) begin(size int) []byte {
	b := make([]byte, 0, size)
	b = append(b, `<xccos ver="1" envid="`...)
	b = strconv.AppendUint(b, e.envelope.Add(1), 10)
	return append(b, `" xmlns="urn:parlano:xml:ns:xccos">`...)
}

// reply wraps the content of a data element.
func (e *Encoder) reply(to Ref, name string, code Code, data []byte, more bool) []byte {
	b := e.begin(len(data) + 512)
	b = appendAttr(append(b, "<rpl"...), "id", "rpl:"+name)
	b = append(b, ` seqid="1"><commandid`...)
	b = appendAttr(appendAttr(b, "seqid", to.Seq), "envid", to.Envelope)
	b = appendNumber(append(b, `/><resp`...), "code", int64(code.Number))
	b = append(append(append(b, '>'), code.Phrase...), "</resp><data"...)
	if more {
		b = append(b, ` more="true"`...)
	}
	b = append(append(b, '>'), data...)
	return append(b, "</data></rpl></xccos>"...)
}

func (e *Encoder) notice(name string, data []byte) []byte {
	b := e.begin(len(data) + 256)
	b = appendAttr(append(b, "<ntc"...), "id", "ntc:"+name)
	b = append(append(b, ` seqid="1"><data>`...), data...)
	return append(b, "</data></ntc></xccos>"...)
}

// RequestURI answers cmd:requri with the URI to invite for channels; it begins with sip:.
func (e *Encoder) RequestURI(to Ref, uri string) []byte {
	b := appendAttr([]byte("<uib"), "uri", uri)
	return e.reply(to, "requri", OK, append(b, "/>"...), false)
}

// ServerInfo answers cmd:getserverinfo.
func (e *Encoder) ServerInfo(to Ref, s Server) []byte {
	b := appendAttr([]byte(`<sib infoType="123"`), "domain", e.domain)
	b = appendAttr(b, "serverTime", stamp(s.Time))
	b = appendNumber(b, "searchLimit", int64(s.SearchLimit))
	b = appendNumber(b, "messageSizeLimit", int64(s.MessageBytes))
	b = appendNumber(b, "storySizeLimit", int64(s.MessageBytes))
	b = appendOptional(b, "rootUri", s.RootURI)
	b = appendOptional(b, "dbVersion", s.DBVersion)
	b = appendOptional(b, "displayName", s.Name)
	return e.reply(to, "getserverinfo", OK, append(b, "/>"...), false)
}

// Parted answers cmd:part.
func (e *Encoder) Parted(to Ref, rooms []chat.ID) []byte {
	var b []byte
	for _, id := range rooms {
		b = append(appendAttr(append(b, "<chanib"...), "uri", chat.RoomURI(e.domain, id)), "/>"...)
	}
	return e.reply(to, "part", OK, b, false)
}

// Invitations answers cmd:getinv: there are none.
func (e *Encoder) Invitations(to Ref) []byte { return e.reply(to, "getinv", OK, nil, false) }

// Failure answers the command of that name with an outcome other than OK; reason is for people.
func (e *Encoder) Failure(to Ref, name string, code Code, reason string) []byte {
	const most = 1 << 10
	if len(reason) > most {
		reason = reason[:most]
	}
	b := appendAttr([]byte("<error"), "text", reason)
	return e.reply(to, name, code, append(b, "/>"...), false)
}
