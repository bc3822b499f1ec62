# shellcheck shell=bash
# Paths and versions that all scripts share. This file is sourced.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${TRIMTAB_CACHE:-$HOME/.cache/trimtab}
TOOLS=$CACHE/tools

# All versions of tools.
CARGO_LEPTOS_VERSION=0.3.10 # only for make watch; 0.3.11 needs Rust 1.96
CARGO_DENY_VERSION=0.20.2
BINARYEN_VERSION=132.0.0
BINARYEN_OLDEST=116 # the output of older versions does not start in a browser
ESBUILD_VERSION=0.28.2
NODE_OLDEST=20
GO_OLDEST=21 # the minor version; from 1.21 on, Go fetches the version that tests/go/go.mod names

# Only for make watch. Must be the version of the library in Cargo.lock.
wasm_bindgen_version() {
  awk '/^name = "wasm-bindgen"$/ { getline; gsub(/[^0-9.]/, ""); print; exit }' "$ROOT/Cargo.lock"
}

# The servers of the tests. `debian`: MariaDB and etcd from the system's packages. `latest`: MySQL and etcd that
# `tools/setup.sh latest` installs in the cache folder.
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

# The packages of the editor, where esbuild finds them.
export NODE_PATH=$TOOLS/editor/node_modules

# The tools in the cache come first, because Debian's wasm-opt is too old. mariadbd is in /usr/sbin.
export PATH=$TOOLS/bin:$TOOLS/npm/node_modules/.bin:$PATH:$HOME/.cargo/bin:/usr/local/sbin:/usr/sbin
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$CACHE/target}

# The output folder of tools/build.sh.
APP=$ROOT/target/app
