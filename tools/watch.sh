#!/usr/bin/env bash
# Builds without optimisation and starts the server, again after each change of a source file.
# The first run compiles cargo-leptos and wasm-bindgen-cli, which takes 14 minutes on two cores.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" watch
cd "$ROOT"
LEPTOS_SITE_ROOT=$CARGO_TARGET_DIR/debug/site exec cargo leptos watch
