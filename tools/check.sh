#!/usr/bin/env bash
# tools/check.sh: quick checks for the time between two commits. `make test` checks the rest.
# One pass of the compiler finds the warnings of clippy and builds the tests.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" check
cd "$ROOT"

# In CI, tests do not skip themselves. Beside servers, more tests would run.
unset CI "${!TRIMTAB_TEST_@}"
# Twice as many threads as processors, because these tests wait more than they compute.
export RUST_TEST_THREADS=$((2 * $(nproc)))
# `cargo clippy -- -D warnings`, but for a build.
export RUSTC_WORKSPACE_WRAPPER=clippy-driver CLIPPY_ARGS=-D__CLIPPY_HACKERY__warnings__CLIPPY_HACKERY__

# Tests that need a database, etcd or the programs of other languages.
skipped=(::cluster suite::secured reads_the_export)

cargo fmt --all --check
cargo test --quiet --features ssr --lib --test layout --test behaviour -- "${skipped[@]/#/--skip=}"
printf '\n── Good, %s s. Not checked: WASM, other packages, and tests that need MySQL, etcd, a release or a browser (make test)\n' \
  "$SECONDS"
