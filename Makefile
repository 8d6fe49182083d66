# Chatpool. `make` alone lists what there is; `make up` and `make test` do their own set-up.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
SITE ?= home
# What a Go program of ours may use of the machine's cores; clusters share them.
export GOFLAGS ?= -buildvcs=false
TOOLS := go tool -modfile=hack/tools/go.mod

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9 -]+):.*## /\1\t/' | expand -t 16

##@ Two sites on this machine

.PHONY: up
up: ## Two Kubernetes clusters, the operator, a pool, people able to chat (20 minutes the first time)
	@hack/cluster/up.sh

.PHONY: down
down: ## End both clusters and leave the machine as it was
	@hack/cluster/down.sh

.PHONY: power-cut power-on
power-cut: ## Cut the power of a whole site: make power-cut SITE=home
	@hack/cluster/power-cut.sh $(SITE)
power-on: ## Give it back: make power-on SITE=home
	@hack/cluster/power-on.sh $(SITE)

##@ Tests

.PHONY: test
test: ## Everything: set-up, checks, unit, envtest, real clusters (60 minutes cold, 20 warm)
	@hack/test.sh all

.PHONY: test-unit
test-unit: ## Unit and property tests, PostgreSQL and loopback included (a minute when warm)
	@hack/test.sh deps unit

.PHONY: test-envtest
test-envtest: ## The API rules and the reconcilers against a real API server
	@hack/test.sh deps assets envtest

.PHONY: test-e2e
test-e2e: ## A pool on a real cluster: load, kills, cuts, and an independent checker
	@hack/test.sh deps cluster e2e

.PHONY: test-sipe
test-sipe: ## The real client pidgin-sipe against the chat server
	@hack/test.sh deps sipe

.PHONY: test-dr
test-dr: ## A pool in two real clusters: moves, disasters, operators that die
	@hack/test.sh deps cluster dr

.PHONY: soak
soak: ## Long chaos: the end-to-end failures again and again (an hour; SOAK=3h for more)
	@hack/test.sh deps cluster soak

.PHONY: bench
bench: ## Benchmarks as ratios side by side: batched posts against one transaction a post, encode once against each time
	@go test -run '^$$' -bench . -benchtime 2s ./chatserver/...

.PHONY: fuzz
fuzz: ## Each fuzz target for FUZZTIME (10s)
	@hack/fuzz.sh $(or $(FUZZTIME),10s)

##@ Code

.PHONY: build
build: ## bin/chat, bin/chatload, bin/chatserver, bin/manager
	@mkdir -p bin && CGO_ENABLED=0 go build -trimpath -o bin/ ./chatserver/cmd/... ./controllers/cmd/...

.PHONY: generate
generate: ## Deepcopy, CRDs and RBAC from the code, and the chart's copies
	@hack/verify/generate.sh

.PHONY: verify
verify: ## Generated code is fresh, arrows between packages hold, files are small, vet and staticcheck are silent
	@hack/test.sh deps verify

.PHONY: fmt
fmt: ## Format the code
	@gofmt -w api controllers chatserver hack
