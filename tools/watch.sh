#!/usr/bin/env bash
# Builds without optimisation, starts the server, and does both again whenever a source file changes.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" run
cd "$ROOT"
# Hashed file names would only fill the browser's cache while one works on them; a hash.txt beside the binary, from a
# build by hand, would make the server ask for such names.
rm -f "$CARGO_TARGET_DIR/debug/hash.txt"
LEPTOS_HASH_FILES=false LEPTOS_SITE_ROOT=$CARGO_TARGET_DIR/debug/site exec cargo leptos watch
