#!/usr/bin/env bash
# Builds the server and its site in release mode into target/app, wherever Cargo's own target folder is.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$ROOT"

# Two clones may share one target folder: the second waits until the first has taken its files away.
mkdir -p "$CARGO_TARGET_DIR" "$ROOT/target"
exec 9>"$CARGO_TARGET_DIR/.app.lock"
flock 9

out=$CARGO_TARGET_DIR/release
LEPTOS_SITE_ROOT=$out/site cargo leptos build --release --precompress

# A failed build leaves the last good one alone, and a server that runs keeps its files until this moment.
rm -rf "$APP.new"
mkdir "$APP.new"
cp -r "$out/trimtab" "$out/hash.txt" "$out/site" "$APP.new"
rm -rf "$APP"
mv "$APP.new" "$APP"
