# Everything that a person types. The work is done in tools/*.sh; each installs what it needs and is missing.
# The times are of two cores.

.PHONY: help run test watch bench torture audit screenshots fmt
.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z].*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build and start it on http://127.0.0.1:3000, data in ./data (first 11 min, then seconds)
	@tools/run.sh

test: ## all checks and tests (first 30 min, then 8); some of them: make test ONLY="fmt clippy"
	@tools/test.sh $(ONLY)

watch: ## run a development build, rebuilt at every change (first 18 min, most of it for cargo-leptos; then seconds)
	@tools/watch.sh

bench: ## measure it beside its limits, on a quiet machine: docs/benchmarks.md (20 min after a build); or make bench ONLY="quick"
	@tools/bench.sh $(ONLY)

torture: ## break it in seeded ways and check what came of it: docs/reliability.md (3 min after a build); or make torture ONLY="rounds=500 seed=1"
	@tools/torture.sh $(ONLY)

audit: ## licences, sources and known holes of the dependencies (seconds)
	@tools/audit.sh

screenshots: ## pictures of all pages into end2end/screenshots/ (5 min after a build); some of them: make screenshots ONLY=home
	@tools/screenshots.sh

fmt: ## format the Rust sources (a second)
	@cargo fmt --all
