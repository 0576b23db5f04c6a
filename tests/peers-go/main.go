// An OpenID provider in Go, as its authors' own example sets it up: github.com/zitadel/oidc on a free loopback port.
//
// It prints one JSON object with its issuer and its client, serves until its standard input ends, and keeps everything in
// memory. The tests in ../peers start it.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"

	"github.com/zitadel/oidc/v3/example/server/exampleop"
	"github.com/zitadel/oidc/v3/example/server/storage"
)

const clientID = "native-app"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "peers-go:", err)
		os.Exit(1)
	}
}

func run() error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	issuer := "http://" + listener.Addr().String()
	storage.RegisterClients(storage.NativeClient(clientID, "http://127.0.0.1/callback"))
	users := storage.NewUserStore(issuer)
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	router := exampleop.SetupServer(issuer, storage.NewStorage(users), logger, false)

	user := users.GetUserByID("id1")
	description := map[string]any{
		"issuer":    issuer,
		"client_id": clientID,
		"user":      map[string]any{"username": user.Username, "password": user.Password, "roles": []string{}},
	}
	if err := json.NewEncoder(os.Stdout).Encode(description); err != nil {
		return err
	}
	go func() {
		// The test that started this program has ended, well or not.
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	return http.Serve(listener, router)
}
