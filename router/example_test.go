package router_test

import (
	"context"
	"fmt"

	"signalbox/event"
	"signalbox/router"
)

func ExampleEmbed() {
	r, err := router.Embed("", router.Options{})
	if err != nil {
		panic(err)
	}
	handled := make(chan string)
	unsubscribe, err := r.Subscribe("mail", `{"source": ["shop.orders"]}`, func(_ context.Context, e *event.Event) error {
		handled <- e.DetailType + " " + string(e.Detail)
		return nil
	})
	if err != nil {
		panic(err)
	}
	r.Start()
	err = r.Handle(context.Background(),
		&event.Event{Source: "shop.orders", DetailType: "OrderCreated", Detail: []byte(`{"id":7}`)},
		&event.Event{Source: "shop.stock", DetailType: "StockCounted", Detail: []byte(`{}`)})
	fmt.Println(<-handled, err)
	fmt.Println(unsubscribe(), r.Close(context.Background()))
	// Output:
	// OrderCreated {"id":7} <nil>
	// <nil> <nil>
}
