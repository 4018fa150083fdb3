// Kafka is a stand-in for a broker, for machines that have none: a topic in memory, at a port.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"

	"github.com/twmb/franz-go/pkg/kfake"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: kafka PORT TOPIC")
	}
	port, err := strconv.Atoi(os.Args[1])
	if err != nil {
		log.Fatalf("the port %q is no number", os.Args[1])
	}
	if _, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.Ports(port), kfake.SeedTopics(1, os.Args[2])); err != nil {
		log.Fatal(err)
	}
	fmt.Println("listens on 127.0.0.1:" + os.Args[1])
	select {} // until it is killed
}
