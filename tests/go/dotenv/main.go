// Command dotenv reads a .env file from stdin as Go programs do, with godotenv.
//
// It prints each name and its value, with a NUL after both.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/joho/godotenv"
)

func main() {
	values, err := godotenv.Parse(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	for name, value := range values {
		fmt.Printf("%s\x00%s\x00", name, value)
	}
}
