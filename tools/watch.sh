#!/usr/bin/env bash
# Builds without optimisation and starts the server, again after each change of a source file.
# The first run compiles cargo-leptos and wasm-bindgen-cli, which takes 14 minutes on two cores.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" watch
cd "$ROOT"
# Beside the site, whose folder cargo-leptos empties.
esbuild src/islands/editor/editor.js --bundle --format=esm --outfile="$CARGO_TARGET_DIR/debug/editor/editor.js" \
  --log-level=warning --watch=forever &
editor=$!
trap 'kill "$editor" 2>/dev/null || true' EXIT
LEPTOS_SITE_ROOT=$CARGO_TARGET_DIR/debug/site cargo leptos watch
