// Command poll reads its configuration as many Go programs do: it gets one key every 100 ms and unmarshals it into
// map[string]string.
//
//	poll ENDPOINT KEY
//
// It prints the value of "seq" after each change of the document. It ends with an error when the key is missing, blank
// or not such an object.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func main() {
	log.SetFlags(0)
	client, err := clientv3.New(clientv3.Config{Endpoints: os.Args[1:2], DialTimeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	for last := ""; ; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		answer, err := client.Get(ctx, os.Args[2])
		cancel()
		if err != nil {
			log.Fatal(err)
		}
		if len(answer.Kvs) != 1 || len(answer.Kvs[0].Value) == 0 {
			log.Fatal("missing or blank")
		}
		config := map[string]string{}
		if err := json.Unmarshal(answer.Kvs[0].Value, &config); err != nil {
			log.Fatal(err)
		}
		if text := string(answer.Kvs[0].Value); text != last {
			last = text
			fmt.Println(config["seq"])
		}
	}
}
