# shellcheck shell=bash
# Paths and versions that all scripts share. Sourced, never run.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${TRIMTAB_CACHE:-$HOME/.cache/trimtab}
TOOLS=$CACHE/tools

# The only place with versions of tools.
CARGO_LEPTOS_VERSION=0.3.10 # for make watch alone; 0.3.11 needs Rust 1.96
CARGO_DENY_VERSION=0.20.2
BINARYEN_VERSION=132.0.0
BINARYEN_OLDEST=116 # what older ones make of our WASM does not start in a browser
ESBUILD_VERSION=0.28.2
NODE_OLDEST=20

# For make watch alone. It has to be exactly as old as the library, so Cargo.lock decides.
wasm_bindgen_version() {
  awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' "$ROOT/Cargo.lock"
}

# The database and the etcd that tests run beside. `debian`: MariaDB and etcd of the system's packages. `latest`: MySQL and
# etcd that `tools/setup.sh latest` puts into the cache folder.
TRIMTAB_SERVERS=${TRIMTAB_SERVERS:-debian}
LATEST_MYSQL=$CACHE/latest/mysql
latest_etcd_folder() { echo "$CACHE/latest/etcd-$(cat "$ROOT"/tests/go/etcd/go.* | sha256sum | cut -c 1-12)"; }
case $TRIMTAB_SERVERS in
  debian) ;;
  latest) PATH=$LATEST_MYSQL/bin:$(latest_etcd_folder):$PATH ;;
  *)
    echo "TRIMTAB_SERVERS=$TRIMTAB_SERVERS is neither debian nor latest" >&2
    exit 2
    ;;
esac

# Ours come first: Debian's wasm-opt, for one, is too old. mariadbd lives in /usr/sbin.
export PATH=$TOOLS/bin:$TOOLS/npm/node_modules/.bin:$PATH:$HOME/.cargo/bin:/usr/local/sbin:/usr/sbin
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}

# The folder of what tools/build.sh makes: one file.
APP=$ROOT/target/app
