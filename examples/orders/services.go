package main

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// order is what the events carry: each service adds what it knows to it.
type order struct {
	ID         string `json:"orderId"`
	Item       string `json:"item"`
	Quantity   int    `json:"quantity"`
	CustomerID string `json:"customerId"`
	Card       string `json:"card"`

	Price    float64   `json:"price,omitempty"`
	Shipping float64   `json:"shipping,omitempty"`
	Customer *customer `json:"customer,omitempty"`
	Status   string    `json:"status,omitempty"`
}

type customer struct{ Name, Address, Email string }

// action is what a service does on one type of message. It says what has happened.
// A delivery may be repeated, so doing it twice must be as good as once.
type action func(*order) (happened string)

// service is one of the five: its actions by the type of the message.
type service map[string]action

// shop is the five services. The router's rules say which message goes to which.
type shop struct {
	stock      *stock
	statistics *statistics
}

func newShop() *shop { return &shop{stock: newStock(), statistics: newStatistics()} }

// handler is each service, and the one that comes later, under the path of its target.
func (s *shop) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/order", s.orders())
	mux.Handle("/inventory", s.inventory())
	mux.Handle("/customer", s.customers())
	mux.Handle("/delivery", s.deliveries())
	mux.Handle("/payment", s.payments())
	mux.Handle("/statistics", s.statistics)
	return mux
}

func (s *shop) orders() service {
	become := func(status, happened string) action {
		return func(o *order) string {
			o.Status = status
			return happened
		}
	}
	return service{
		"CreateOrder":          become("created", "OrderCreated"),
		"DeliveryWasDelivered": become("delivered", "OrderDelivered"),
		"DeliveryWasCanceled":  become("canceled", "OrderCanceled"),
	}
}

func (s *shop) inventory() service {
	return service{
		"OrderCreated":  s.stock.reserve,
		"ItemReserved":  s.stock.describe,
		"PaymentMade":   s.stock.remove,
		"PaymentFailed": s.stock.unreserve,
		"OrderCanceled": s.stock.giveBack,
	}
}

func (s *shop) customers() service {
	known := map[string]customer{
		"ada":   {"Ada", "1 Analytical Row", "ada@example.com"},
		"grace": {"Grace", "2 Compiler Court", "grace@example.com"},
	}
	return service{"ItemDescribed": func(o *order) string {
		c, ok := known[o.CustomerID]
		if !ok {
			return "ErrorCustomerDescribed"
		}
		o.Customer = &c
		return "CustomerDescribed"
	}}
}

func (s *shop) deliveries() service {
	say := func(happened string) action { return func(*order) string { return happened } }
	return service{
		"CustomerDescribed": func(o *order) string {
			o.Shipping = 4.90
			return "DeliveryEstimated"
		},
		"ItemRemoved":      say("DeliveryStarted"),
		"Delivered":        say("DeliveryWasDelivered"),
		"DeliveryCanceled": say("DeliveryWasCanceled"),
	}
}

func (s *shop) payments() service {
	return service{
		"DeliveryEstimated": func(o *order) string {
			if o.Card == "refused" {
				return "PaymentFailed"
			}
			return "PaymentMade"
		},
		"ItemReturned": func(*order) string { return "PaymentCanceled" },
	}
}

// message is what the router delivers and what the services answer: an event.
type message struct {
	Source     string `json:"source"`
	DetailType string `json:"detail-type"`
	Detail     order  `json:"detail"`
}

// ServeHTTP does what the message's type asks for, and answers with the event that
// it led to.
func (s service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var m message
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&m); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	act, ok := s[m.DetailType]
	if !ok {
		http.Error(w, fmt.Sprintf("%s does nothing on %s", r.URL.Path, m.DetailType), http.StatusUnprocessableEntity)
		return
	}
	m.DetailType = act(&m.Detail)
	m.Source = "shop." + r.URL.Path[1:]
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(m) // the router asks again where it does not get it
}
