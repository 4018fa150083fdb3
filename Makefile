# What there is to do: make help. Needs Go, make and git; make race also needs a
# C compiler, as Go's race detector does.

SHELL       := bash
GO          ?= go
BIN         := bin/signalbox
CONFIG      ?= config.yaml
PKG         ?= ./...
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The packages that start goroutines or are used by many at once.
RACE_PKG    ?= ./api/... ./archive/... ./auth/... ./awsapi/... ./cluster/... ./commands/... ./config/... ./console/... ./delivery/... ./diff/... ./dlq/... ./history/... ./ingest/... ./jobs/... ./journal/... ./replay/... ./router/... ./rules/... ./schedule/... ./sources/... ./state/... ./targets/... ./telemetry/... ./trace/...

# How long the tests of one package may take: those of cmd/signalbox/e2e take 6 minutes, and more on a busy machine.
TIMEOUT     ?= 30m

# How often make chaos repeats each fault, and how long make soak lasts.
CHAOS       ?= 100
SOAK        ?= 10m

# How many faults make chaos-cluster makes.
CLUSTER_ROUNDS ?= 300

# What the program says of itself, and its packages are called. Empty: what git says.
VERSION     ?=

BENCH       ?= .
BENCHCOUNT  ?= 1
FUZZ        ?= Fuzz
FUZZTIME    ?= 10s

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build and start the router with config.yaml (CONFIG=…)
	./$(BIN) serve --config $(CONFIG)

.PHONY: build
build: ## Build bin/signalbox, static and stripped; the first build takes a minute or two
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags='-s -w -X main.version=$(VERSION)' -o $(BIN) ./cmd/signalbox

.PHONY: test
test: ## Run all tests (PKG=./router/...); skipped ones are listed at the end
	@.ci/gotest -timeout=$(TIMEOUT) $(PKG)

.PHONY: race
race: ## Run the tests of the concurrent packages under the race detector (RACE_PKG=…)
	@.ci/gotest -timeout=$(TIMEOUT) -race $(RACE_PKG)

.PHONY: chaos
chaos: ## Make everything fail under load, for an hour or so (CHAOS=100 rounds of each fault)
	CHAOS_ROUNDS=$(CHAOS) .ci/gotest -timeout 6h -run Chaos ./cmd/signalbox/e2e

.PHONY: chaos-cluster
chaos-cluster: ## Make nodes, NATS servers and what joins them fail under load, for an hour or two (CLUSTER_ROUNDS=300)
	CLUSTER_ROUNDS=$(CLUSTER_ROUNDS) .ci/gotest -timeout 12h -run 'TestClusterFaults|TestClusterClocks' ./cmd/signalbox/e2e

.PHONY: soak
soak: ## Keep a load up and watch memory and goroutines (SOAK=10m)
	SOAK=$(SOAK) $(GO) test -timeout 12h -v -run Soak ./cmd/signalbox/e2e

.PHONY: rules
rules: build ## Check the rules of the examples and run their tests
	./$(BIN) check --config $(CONFIG)
	./$(BIN) test --config $(CONFIG)
	./$(BIN) test --config examples/orders/config/config.yaml
	./$(BIN) table --config examples/orders/config/config.yaml --check examples/orders/table.md

.PHONY: lint
lint: ## gofmt, go vet, staticcheck, go mod tidy, and no programs or large files in git
	@unformatted=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then printf 'not formatted; run make fmt:\n%s\n' "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...
	$(GO) mod tidy -diff
	.ci/tracked

.PHONY: fmt
fmt: ## Format all Go files
	gofmt -w $$(git ls-files --cached --others --exclude-standard '*.go')

.PHONY: bench
bench: ## Run benchmarks (PKG=./journal BENCH=Append BENCHCOUNT=10)
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchmem -count $(BENCHCOUNT) $(PKG)

.PHONY: yardsticks
yardsticks: ## Measure the whole way beside strawmen, within 3 minutes (ROUNDS=10; see docs/performance.md)
	YARDSTICK_ROUNDS=$(ROUNDS) $(GO) test -timeout 1h -run '^$$' -bench WholeWay -benchtime 1x ./cmd/signalbox/e2e/yardstick

.PHONY: cluster-figures
cluster-figures: ## Measure a cluster of three beside a single router, within 5 minutes (ROUNDS=3; see docs/cluster.md)
	YARDSTICK_ROUNDS=$(ROUNDS) $(GO) test -timeout 1h -run '^$$' -bench Cluster -benchtime 1x ./cmd/signalbox/e2e/yardstick

.PHONY: growth
growth: ## Measure how the router grows with targets, rules and pending deliveries, within 5 minutes
	$(GO) test -timeout 30m -run '^$$' -bench Growth -benchtime 1x ./cmd/signalbox/e2e/yardstick

.PHONY: console-picture
console-picture: ## Make docs/console.png, the picture in the README, anew; needs Chromium
	CONSOLE_PICTURE=$(CURDIR)/docs/console.png $(GO) test -count 1 -run TestReadmePicture ./console

.PHONY: reference
reference: ## Write docs/reference.md, docs/commands.md and schema/*.json of the options and commands in the code
	$(GO) run ./schema/generate
	$(GO) test -count 1 -run TestHelp ./cmd/signalbox -update

.PHONY: fuzz
fuzz: ## Run each fuzz target for a while (FUZZ=FuzzParse FUZZTIME=1m)
	@set -e; grep -rnoE --include='*_test.go' '^func Fuzz[A-Za-z0-9_]+' . | \
	while IFS=: read -r file _ func; do \
		name=$${func#func }; \
		if [[ $$name != *$(FUZZ)* ]]; then continue; fi; \
		echo "$$(dirname $$file) $$name"; \
		$(GO) test -run '^$$' -fuzz "^$$name\$$" -fuzztime $(FUZZTIME) "$$(dirname $$file)"; \
	done

.PHONY: image
image: ## Build the container image signalbox (needs Docker)
	docker build -f deploy/docker/Dockerfile -t signalbox .

.PHONY: packages
packages: build ## Build Debian and RPM packages in bin/ (VERSION=1.2.3; needs nfpm)
	for format in deb rpm; do \
		BINARY=$(BIN) VERSION=$(or $(VERSION),0.0.0) ARCH=$$($(GO) env GOARCH) nfpm package \
			--config deploy/packages/nfpm.yaml --packager $$format --target bin/; done

.PHONY: clean
clean: ## Remove what was built; the router's data stays
	rm -rf bin
	$(GO) clean -testcache
