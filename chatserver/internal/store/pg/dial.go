package pg

import (
	"context"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

// secureDial makes a connection notice, within deadPeer, that the other machine is gone, also while it waits for the
// answer to a COMMIT. Unless it may be one that is only read, it refuses servers that do not take writes: a demoted
// primary, a mirror.
func secureDial(c *pgx.ConnConfig, readOnly bool) {
	d := &net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: deadPeer / 3, Interval: deadPeer / 5, Count: 3},
		Control:         userTimeout,
	}
	c.DialFunc = d.DialContext
	c.ConnectTimeout = connectTimeout
	if !readOnly {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
}

// userTimeout bounds how long sent bytes may stay without acknowledgement, with TCP_USER_TIMEOUT (RFC 5482).
func userTimeout(network, _ string, conn syscall.RawConn) error {
	if network == "unix" {
		return nil
	}
	var err error
	controlled := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(deadPeer/time.Millisecond))
	})
	if controlled != nil {
		return controlled
	}
	return err
}

// bounded is a context for what must end even when nobody waits for it.
func bounded(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), d)
}
