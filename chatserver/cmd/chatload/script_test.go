package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"chatpool.dev/chatserver/client/clienttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"chatload": func() { os.Exit(run(os.Args[1:])) }})
}

// Each script has a pool with the rooms Desk and Lunch; its servers are $SERVER and $OTHER.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			pool := clienttest.New(t, map[string]string{"alice@example.com": "apple", "bob@example.com": "banana"}, "Desk", "Lunch")
			e.Setenv("SERVER", pool.Listen().Addr)
			e.Setenv("OTHER", pool.Listen().Addr)
			return nil
		},
	})
}
