package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"time"
)

func main() {
	client := http.Client{Timeout: 75 * time.Second}
	host, _ := os.Hostname()
	for after := 0; ; {
		url := fmt.Sprintf("%s?after=%d&wait=60", os.Getenv("CONFIG_URL"), after)
		req, _ := http.NewRequest("GET", url, nil)
		req.Header.Set("Authorization", "Bearer "+os.Getenv("TOKEN"))
		req.Header.Set("X-Instance", host)
		res, err := client.Do(req)
		if err != nil {
			time.Sleep(2 * time.Second)
			continue
		}
		var config struct {
			Release int
			Content json.RawMessage
		}
		switch {
		case res.StatusCode == 200 && json.NewDecoder(res.Body).Decode(&config) == nil:
			after = config.Release
			fmt.Println(string(config.Content))
		case res.StatusCode != 304:
			time.Sleep(2 * time.Second)
		}
		res.Body.Close()
	}
}
