#!/usr/bin/env bash
# tools/check.sh: quick checks for the time between two commits. `make test` checks the rest.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" check
cd "$ROOT"

# In CI, tests do not skip themselves. Beside servers, more tests would run.
unset CI "${!TRIMTAB_TEST_@}"
# Twice as many threads as processors, because these tests wait more than they compute.
export RUST_TEST_THREADS=$((2 * $(nproc)))

# Tests that need a database, etcd or the programs of other languages.
skipped=(::cluster suite::secured reads_the_export)

targets=(--features ssr --lib --test layout --test behaviour)

cargo fmt --all --check
cargo clippy --quiet "${targets[@]}" -- -D warnings
cargo test --quiet "${targets[@]}" -- "${skipped[@]/#/--skip=}"
printf '\n── Good, %s s. Not checked: WASM, other packages, and tests that need MySQL, etcd, a release or a browser (make test)\n' \
  "$SECONDS"
