// Command connectcaller asks URL with each protocol and codec of connect-go, over HTTP/1.1 and HTTP/2 without TLS, and
// prints a line of JSON for each call: what connect-go makes of the answer.
//
// usage: connectcaller URL
package main

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/emptypb"
)

// A call that takes longer is wrong, whatever it tells.
const limit = 20 * time.Second

const procedure = "/weft.interop.Test/Call"

type result struct {
	Call    string `json:"call"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type caller = connect.Client[emptypb.Empty, emptypb.Empty]

func unary(ctx context.Context, client *caller) error {
	_, err := client.CallUnary(ctx, connect.NewRequest(&emptypb.Empty{}))
	return err
}

func stream(ctx context.Context, client *caller) error {
	answers, err := client.CallServerStream(ctx, connect.NewRequest(&emptypb.Empty{}))
	if err != nil {
		return err
	}
	defer answers.Close()
	for answers.Receive() {
	}
	return answers.Err()
}

func transport(http2 bool) *http.Client {
	var protocols http.Protocols
	protocols.SetHTTP1(!http2)
	protocols.SetUnencryptedHTTP2(http2)
	return &http.Client{Transport: &http.Transport{Protocols: &protocols}}
}

func call(name string, client *caller, ask func(context.Context, *caller) error) result {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	err := ask(ctx, client)
	if err == nil {
		return result{Call: name, Code: "ok"}
	}
	var failure *connect.Error
	if errors.As(err, &failure) {
		return result{Call: name, Code: failure.Code().String(), Message: failure.Message()}
	}
	return result{Call: name, Code: "none", Message: err.Error()}
}

func main() {
	protocols := []struct {
		name    string
		options []connect.ClientOption
	}{
		{"connect", nil},
		{"grpc", []connect.ClientOption{connect.WithGRPC()}},
		{"grpc-web", []connect.ClientOption{connect.WithGRPCWeb()}},
	}
	out := json.NewEncoder(os.Stdout)
	print := func(one result) {
		if err := out.Encode(one); err != nil {
			panic(err)
		}
	}
	for _, http2 := range []bool{false, true} {
		version := map[bool]string{false: "HTTP/1.1", true: "HTTP/2"}[http2]
		client := transport(http2)
		for _, protocol := range protocols {
			if protocol.name == "grpc" && !http2 {
				continue // its trailers need HTTP/2
			}
			for _, codec := range []string{"proto", "json"} {
				options := protocol.options
				if codec == "json" {
					options = append([]connect.ClientOption{connect.WithProtoJSON()}, options...)
				}
				asked := connect.NewClient[emptypb.Empty, emptypb.Empty](client, os.Args[1]+procedure, options...)
				name := version + " " + protocol.name + "+" + codec
				print(call(name+" unary", asked, unary))
				print(call(name+" stream", asked, stream))
			}
		}
		get := connect.NewClient[emptypb.Empty, emptypb.Empty](client, os.Args[1]+procedure,
			connect.WithHTTPGet(), connect.WithIdempotency(connect.IdempotencyNoSideEffects))
		print(call(version+" connect GET", get, unary))
	}
}
