// Command mutex acquires and releases a lock as Go programs do, with etcd's concurrency package.
//
//	mutex ENDPOINT NAME
//
// It reads the commands lock, trylock, owner and unlock, one per line, and answers each with one line.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/client/v3/concurrency"
)

func main() {
	client, err := clientv3.New(clientv3.Config{Endpoints: os.Args[1:2], DialTimeout: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	if err != nil {
		log.Fatal(err)
	}
	mutex := concurrency.NewMutex(session, os.Args[2])
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(answer(client, mutex, lines.Text()))
	}
}

func answer(client *clientv3.Client, mutex *concurrency.Mutex, command string) string {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var err error
	switch command {
	case "lock":
		err = mutex.Lock(ctx)
	case "trylock":
		err = mutex.TryLock(ctx)
	case "unlock":
		err = mutex.Unlock(ctx)
	case "owner":
		answer, err := client.Txn(ctx).If(mutex.IsOwner()).Commit()
		if err != nil {
			return err.Error()
		}
		return fmt.Sprint(answer.Succeeded)
	default:
		return "unknown command"
	}
	switch {
	case errors.Is(err, concurrency.ErrLocked):
		return "locked"
	case err != nil:
		return err.Error()
	}
	return "ok"
}
