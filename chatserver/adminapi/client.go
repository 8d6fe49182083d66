package adminapi

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chatpool.dev/chatserver/chat"
)

// callTimeout bounds a call whose context has no deadline of its own.
const callTimeout = 10 * time.Second

// Client speaks to a pool's admin API. It is safe for concurrent use. Every error it returns is or wraps a
// *chat.Error: what the server said, or Unavailable when it could not be asked.
type Client struct {
	base string
	http *http.Client
}

// NewClient makes a client for the API at baseURL, such as https://demo-admin.chat.svc:8443. The TLS configuration
// brings the client certificate and the pool's CA.
func NewClient(baseURL string, config *tls.Config) *Client {
	return &Client{
		base: strings.TrimSuffix(baseURL, "/"),
		http: &http.Client{Transport: &http.Transport{
			TLSClientConfig:     config,
			TLSHandshakeTimeout: callTimeout,
			MaxIdleConnsPerHost: 4,
			IdleConnTimeout:     30 * time.Second,
			ForceAttemptHTTP2:   true,
		}},
	}
}

// CloseIdleConnections lets go of connections that no call uses.
func (c *Client) CloseIdleConnections() { c.http.CloseIdleConnections() }

// PutCategory makes the category of the key as declared.
func (c *Client) PutCategory(ctx context.Context, key string, cat Category) (CategoryStatus, error) {
	return call[CategoryStatus](ctx, c, http.MethodPut, objectPath("categories", key), cat)
}

// Category reads the category of the key; one that was deleted is Withdrawn, one that never was there is NotFound.
func (c *Client) Category(ctx context.Context, key string) (CategoryState, error) {
	return call[CategoryState](ctx, c, http.MethodGet, objectPath("categories", key), nil)
}

// DeleteCategory forgets the key and, unless retain, removes the category; that is a Conflict as long as it has rooms.
func (c *Client) DeleteCategory(ctx context.Context, key string, retain bool) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, objectPath("categories", key)+retainQuery(retain), nil)
	return err
}

// PutRoom makes the room of the key as declared.
func (c *Client) PutRoom(ctx context.Context, key string, room Room) (RoomStatus, error) {
	return call[RoomStatus](ctx, c, http.MethodPut, objectPath("rooms", key), room)
}

// Room reads the room of the key; one that was deleted is Withdrawn, one that never was there is NotFound.
func (c *Client) Room(ctx context.Context, key string) (RoomState, error) {
	return call[RoomState](ctx, c, http.MethodGet, objectPath("rooms", key), nil)
}

// DeleteRoom forgets the key; the room is then disabled (retain) or removed with its messages.
func (c *Client) DeleteRoom(ctx context.Context, key string, retain bool) error {
	_, err := call[struct{}](ctx, c, http.MethodDelete, objectPath("rooms", key)+retainQuery(retain), nil)
	return err
}

// Status asks the pod that answers how it is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	return call[Status](ctx, c, http.MethodGet, "/v1/status", nil)
}

func objectPath(kind, key string) string { return "/v1/" + kind + "/" + url.PathEscape(key) }

func retainQuery(retain bool) string { return fmt.Sprintf("?retain=%t", retain) }

func call[T any](ctx context.Context, c *Client, method, path string, body any) (T, error) {
	var out T
	if _, has := ctx.Deadline(); !has {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, callTimeout)
		defer cancel()
	}
	var send io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return out, chat.Errorf(chat.Invalid, "encode request: %w", err)
		}
		send = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, send)
	if err != nil {
		return out, chat.Errorf(chat.Invalid, "make request: %w", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return out, chat.Errorf(chat.Unavailable, "call the admin API: %w", err)
	}
	defer resp.Body.Close()
	return out, readAnswer(resp, &out)
}

// maxAnswer bounds an answer: a room's lists come back, and again those of them that are out of scope.
const maxAnswer = 4 * MaxBody

func readAnswer(resp *http.Response, out any) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return chat.Errorf(chat.Unavailable, "read the admin API's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		var p Problem
		if json.Unmarshal(b, &p) != nil || p.Kind == "" {
			return chat.Errorf(chat.Unavailable, "the admin API answered %s", resp.Status)
		}
		return p.Err()
	}
	if resp.StatusCode == http.StatusNoContent {
		return nil
	}
	if err := json.Unmarshal(b, out); err != nil {
		return chat.Errorf(chat.Unavailable, "read the admin API's answer: %w", err)
	}
	return nil
}
