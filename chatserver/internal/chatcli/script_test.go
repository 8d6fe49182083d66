package chatcli_test

import (
	"context"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"chatpool.dev/chatserver/client/clienttest"
	"chatpool.dev/chatserver/internal/chatcli"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"chat": func() {
			e := chatcli.Environment{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Getenv: os.Getenv}
			os.Exit(chatcli.Run(context.Background(), e, os.Args[1:]))
		},
	})
}

// Each script has a pool of its own, with the rooms Desk, Lunch and "Trading Floor" and the users alice and bob. Its
// servers are in $SERVER and $OTHER (without TLS) and $SECURE (with TLS, CA in $CA, for the name chat.example.com).
func TestScripts(t *testing.T) {
	type state struct {
		pool   *clienttest.Pool
		first  *clienttest.Server
		faults *atomic.Int32
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			s := &state{faults: &atomic.Int32{}}
			s.pool = clienttest.New(t, map[string]string{"alice@example.com": "apple", "bob@example.com": "banana"}, "Desk", "Lunch", "Trading Floor")
			s.pool.OnRequest = func(q clienttest.Request) clienttest.Action {
				if q.Command == "grpchat" && s.faults.Add(-1) >= 0 {
					return clienttest.Refuse
				}
				return clienttest.Handle
			}
			s.first = s.pool.Listen()
			secure := s.pool.ListenTLS("chat.example.com")
			e.Values["state"] = s
			e.Setenv("SERVER", s.first.Addr)
			e.Setenv("OTHER", s.pool.Listen().Addr)
			e.Setenv("SECURE", secure.Addr)
			e.Setenv("CA", secure.CAFile)
			e.Setenv("CHAT_PASSWORD", "apple")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// said AUTHOR ROOM TEXT: somebody else has written that.
			"said": func(ts *testscript.TestScript, _ bool, args []string) {
				ts.Value("state").(*state).pool.Say(args[1], "sip:"+args[0]+"@example.com", strings.NewReplacer(`\e`, "\x1b", `\n`, "\n").Replace(args[2]))
			},
			// stored ROOM N TEXT: the room has N messages and the last is TEXT.
			"stored": func(ts *testscript.TestScript, _ bool, args []string) {
				m := ts.Value("state").(*state).pool.Messages(args[0])
				if strconv.Itoa(len(m)) != args[1] || len(m) > 0 && m[len(m)-1].Text != args[2] {
					ts.Fatalf("stored: %+v", m)
				}
			},
			// refuse N: the next N posts are answered 503.
			"refuse": func(ts *testscript.TestScript, _ bool, args []string) {
				n, err := strconv.Atoi(args[0])
				ts.Check(err)
				ts.Value("state").(*state).faults.Store(int32(n))
			},
			// stop: the first server is gone.
			"stop": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value("state").(*state).first.Stop() },
		},
	})
}
