# All commands for developers. Each runs a script of tools/, which installs missing tools.
# Times are for two cores.

.PHONY: help run check test watch bench torture audit screenshots fmt
.DEFAULT_GOAL := help

help: ## show this list
	@awk -F ':.*## ' '/^[a-z].*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## build and start the server on http://127.0.0.1:3000, data in ./data (first 12 min, then seconds)
	@tools/run.sh

check: ## run the quick checks, without servers and browsers (first 8 min, then 1 to 1.5)
	@tools/check.sh

test: ## run all checks and tests (first 50 min, then 35); some of them: make test ONLY="fmt clippy"
	@tools/test.sh $(ONLY)

watch: ## run a development build, rebuilt on every change (first 18 min, most of it for cargo-leptos; then seconds)
	@tools/watch.sh

bench: ## measure the performance on an idle machine: docs/benchmarks.md (20 min after a build); shorter: make bench ONLY="quick"
	@tools/bench.sh $(ONLY)

torture: ## inject seeded faults and check the results: docs/reliability.md (3 min after a build); longer: make torture ONLY="rounds=500 seed=1"
	@tools/torture.sh $(ONLY)

audit: ## check licences, sources and known vulnerabilities of the dependencies (seconds)
	@tools/audit.sh

screenshots: ## write pictures of all pages to end2end/screenshots/ (5 min after a build); some of them: make screenshots ONLY=home
	@tools/screenshots.sh

fmt: ## format the Rust sources (a second)
	@cargo fmt --all
