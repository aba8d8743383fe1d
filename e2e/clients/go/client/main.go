// A gRPC client without a sidecar: google.golang.org/grpc with its own xDS, which reads GRPC_XDS_BOOTSTRAP_CONFIG.
// A line of input says which calls to make, a line of output what came back; e2e/clients/client.ts has both as types.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	xdscredentials "google.golang.org/grpc/credentials/xds"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	_ "google.golang.org/grpc/xds"
)

type calls struct {
	Count      int               `json:"count"`
	AtOnce     int               `json:"atOnce"`
	Target     string            `json:"target"`
	Method     string            `json:"method"`
	Metadata   map[string]string `json:"metadata"`
	DeadlineMs int               `json:"deadlineMs"`
	Mtls       bool              `json:"mtls"`
}

type outcome struct {
	Answers map[string]int `json:"answers"`
	Message string         `json:"message"`
}

// Bytes as they are: what is called has no .proto file.
type raw struct{}

func (raw) Marshal(value any) ([]byte, error) { return *value.(*[]byte), nil }

func (raw) Unmarshal(data []byte, value any) error {
	*value.(*[]byte) = append([]byte(nil), data...)
	return nil
}

func (raw) Name() string { return "raw" }

func connect(target string, mtls bool) (*grpc.ClientConn, error) {
	var how credentials.TransportCredentials = insecure.NewCredentials()
	if mtls {
		fallback := xdscredentials.ClientOptions{FallbackCreds: insecure.NewCredentials()}
		withXds, err := xdscredentials.NewClientCredentials(fallback)
		if err != nil {
			return nil, err
		}
		how = withXds
	}
	return grpc.NewClient(target, grpc.WithTransportCredentials(how))
}

func call(connection *grpc.ClientConn, wanted calls) (string, error) {
	within := time.Duration(wanted.DeadlineMs) * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	ctx = metadata.NewOutgoingContext(ctx, metadata.New(wanted.Metadata))
	request, answer := []byte{}, []byte{}
	options := []grpc.CallOption{grpc.ForceCodec(raw{}), grpc.CallContentSubtype("")}
	err := connection.Invoke(ctx, wanted.Method, &request, &answer, options...)
	return string(answer), err
}

func callAll(connection *grpc.ClientConn, wanted calls) outcome {
	result := outcome{Answers: map[string]int{}}
	var lock sync.Mutex
	var waiting sync.WaitGroup
	left := make(chan struct{}, wanted.Count)
	for range wanted.Count {
		left <- struct{}{}
	}
	close(left)
	for range wanted.AtOnce {
		waiting.Go(func() {
			for range left {
				answer, err := call(connection, wanted)
				lock.Lock()
				if err != nil {
					answer = nameOf(status.Convert(err))
					if result.Message == "" {
						result.Message = status.Convert(err).Message()
					}
				}
				result.Answers[answer]++
				lock.Unlock()
			}
		})
	}
	waiting.Wait()
	return result
}

// DEADLINE_EXCEEDED, as the other languages say it.
func nameOf(failed *status.Status) string {
	var name strings.Builder
	for at, letter := range failed.Code().String() {
		if at > 0 && letter >= 'A' && letter <= 'Z' {
			name.WriteByte('_')
		}
		name.WriteRune(letter)
	}
	return strings.ToUpper(name.String())
}

func main() {
	connections := map[string]*grpc.ClientConn{}
	input := bufio.NewScanner(os.Stdin)
	output := json.NewEncoder(os.Stdout)
	for input.Scan() {
		var wanted calls
		if err := json.Unmarshal(input.Bytes(), &wanted); err != nil {
			log.Fatal(err)
		}
		key := wanted.Target
		if wanted.Mtls {
			key += " mtls"
		}
		connection, known := connections[key]
		if !known {
			made, err := connect(wanted.Target, wanted.Mtls)
			if err != nil {
				log.Fatal(err)
			}
			connections[key] = made
			connection = made
		}
		if err := output.Encode(callAll(connection, wanted)); err != nil {
			log.Fatal(err)
		}
	}
}
