# `make` alone says what there is.

.DEFAULT_GOAL := help
.PHONY: help run test lint bench bench-agent fmt clean tools

CARGO ?= cargo

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: tools ## Build the release and start hub and agent for this machine
	$(CARGO) run --release --locked --package watchfire -- up

test: tools ## Run every test
	$(CARGO) test --workspace --locked

lint: tools ## Check form, clippy, the invariants and the licences
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- --deny warnings
	$(CARGO) xtask tidy
	@.ci/deny

bench: tools ## Measure last sign of life -> mail accepted; see docs/benchmarks.md
	$(CARGO) build --release --locked --package watchfire
	$(CARGO) run --release --locked --package bench-detection

bench-agent: tools ## Measure the agent beside other agents, as root; see docs/benchmarks.md
	$(CARGO) build --release --locked --package watchfire
	$(CARGO) run --release --locked --package bench-agent

fmt: ## Bring the Rust sources into form
	$(CARGO) fmt --all

clean: ## Delete what was built; watchfire-data/ stays
	$(CARGO) clean

tools:
	@.ci/tools
