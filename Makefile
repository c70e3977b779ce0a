# `make` alone says what there is.

.DEFAULT_GOAL := help
.PHONY: help run test soak lint bench bench-agent fmt clean tools

CARGO ?= cargo

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: tools ## Build the release and start hub and agent for this machine
	$(CARGO) run --release --locked --package watchfire -- up

test: tools ## Run every test
	$(CARGO) test --workspace --locked

soak: tools ## Simulate thousands of seeds: WATCHFIRE_SEEDS=from..to, or 0..5000
	WATCHFIRE_SEEDS=$${WATCHFIRE_SEEDS:-0..5000} $(CARGO) test --release --locked --package watchfire \
		--test end_to_end the_promises_hold_in_every_seed -- --nocapture

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
