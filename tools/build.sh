#!/usr/bin/env bash
# Builds the release: target/app/trimtab, one file that contains the site. Cargo's target folder may be elsewhere.
# The site and the server's library are built in parallel. The program that contains both comes last and is quick.
set -euo pipefail
source "$(dirname "$0")/env.sh"
cd "$ROOT"

# Two clones may share one target folder. The second one waits until the first one has copied its file.
mkdir -p "$CARGO_TARGET_DIR" "$ROOT/target"
exec 9>"$CARGO_TARGET_DIR/.app.lock"
flock 9

# Two Cargo processes at the same time cannot share a target folder.
front=$CARGO_TARGET_DIR/front
log=$front/site.log
mkdir -p "$front"
export TRIMTAB_SITE=$front/site/site.rs # for src/main.rs

exec 3>&1
say() { printf '── build, %3s s: %s\n' "$SECONDS" "$*" >&3; }

build_site() {
  trap '[ $? = 0 ] || say "the site FAILED"' EXIT
  say "site 1/3, wasm-bindgen (first build: 1 minute)"
  cargo build --target-dir "$front" --package trimtab-bindgen --config profile.dev.debug=false
  say "site 2/3, the islands as WASM (first build: 4 minutes; later 1)"
  cargo rustc --target-dir "$front" --package trimtab --lib --crate-type cdylib --features hydrate \
    --target wasm32-unknown-unknown --profile wasm-release
  say "site 3/3, style, scripts and WASM packed (15 seconds)"
  "$front/debug/trimtab-bindgen" "$front/wasm32-unknown-unknown/wasm-release/trimtab.wasm" "$front/wasm"
  node tools/site.mjs "$front/wasm" "${TRIMTAB_SITE%/*}"
  say "site: done"
}

# In its own process group, so that all of its processes end with this script.
set -m
build_site >"$log" 2>&1 &
site=$!
set +m
trap 'kill -- -$site 2>/dev/null || true' EXIT

say "server 1/2, its library (first build: 12 minutes; later 3)"
cargo build --release --package trimtab --lib --features ssr
say "server 1/2: done"
wait "$site" || { cat "$log" >&2; exit 1; }
say "server 2/2, the program with the site in it (10 seconds)"
cargo rustc --release --package trimtab --bin trimtab --features ssr -- --cfg site

# A failed build keeps the last good one, and a running server keeps its file.
rm -rf "$APP.new"
mkdir "$APP.new"
cp "$CARGO_TARGET_DIR/release/trimtab" "$APP.new"
rm -rf "$APP"
mv "$APP.new" "$APP"
say "done: target/app/trimtab"
