#!/usr/bin/env bash
# tools/setup.sh [run|test|audit|bench]
# Installs what that needs and is missing, once: Debian's packages through apt, everything else into the cache folder
# (TRIMTAB_CACHE, else ~/.cache/trimtab). Nothing is changed in the clone but end2end/node_modules.
# What cannot be installed is named, with the command that a person would type.
set -euo pipefail
source "$(dirname "$0")/env.sh"

have() { type "$1" >/dev/null 2>&1; }
say() { echo "setup: $*"; }
give_up() { # WHAT COMMAND
  printf 'setup: %s is missing and could not be installed. Type this, then try again:\n\n    %s\n\n' "$1" "$2" >&2
  exit 1
}

packages=()
want() { have "$1" || packages+=("${@:2}"); }

install_packages() {
  [ ${#packages[@]} -gt 0 ] || return 0
  local apt=(apt-get install -y --no-install-recommends "${packages[@]}") sudo=()
  if [ "$(id -u)" != 0 ]; then sudo=(sudo); fi
  if ! have apt-get || { [ ${#sudo[@]} -gt 0 ] && ! have sudo; }; then
    give_up "${packages[*]}" "${sudo[*]} ${apt[*]}"
  fi
  say "installing ${packages[*]}"
  "${sudo[@]}" apt-get update -qq &&
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive "${apt[@]}" ||
    give_up "${packages[*]}" "${sudo[*]} ${apt[*]}"
}

rust() {
  have cargo || give_up "Rust" "curl --proto '=https' -sSf https://sh.rustup.rs | sh"
  local lib
  lib=$(rustc --print sysroot)
  if [ ! -d "$lib/lib/rustlib/wasm32-unknown-unknown" ]; then
    say "adding the WASM target to Rust"
    rustup target add wasm32-unknown-unknown ||
      give_up "Rust's WASM target" "rustup target add wasm32-unknown-unknown"
  fi
}

rust_checks() {
  cargo fmt --version >/dev/null 2>&1 && cargo clippy --version >/dev/null 2>&1 && return
  say "adding rustfmt and clippy to Rust"
  rustup component add rustfmt clippy || give_up "rustfmt or clippy" "rustup component add rustfmt clippy"
}

# Prebuilt where cargo-binstall is at hand and finds one, else compiled. Not into our own target folder, whose lock
# a build in another terminal may hold.
cargo_tool() { # CRATE VERSION [FLAGS OF cargo install…]
  local crate=$1 version=$2
  shift 2
  grep -qsF "\"$crate $version " "$TOOLS/.crates.toml" && return
  say "installing $crate $version"
  if have cargo-binstall && cargo binstall --no-confirm --disable-strategies compile --root "$TOOLS" \
    --version "$version" "$crate"; then
    return
  fi
  env -u CARGO_TARGET_DIR cargo install --root "$TOOLS" "$crate" --version "$version" "$@" ||
    give_up "$crate $version" "cargo install --root $TOOLS $crate --version $version $*"
}

node_js() {
  local version
  version=$(command node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/') || true
  if [ "${version:-0}" -lt "$NODE_OLDEST" ] || ! have npm; then
    give_up "Node $NODE_OLDEST or newer" "see https://nodejs.org/en/download, or: nvm install $NODE_OLDEST"
  fi
}

wasm_opt() {
  local version
  version=$(wasm-opt --version 2>/dev/null | sed 's/^wasm-opt version \([0-9]*\).*/\1/') || true
  [ "${version:-0}" -lt "$BINARYEN_OLDEST" ] || return 0
  say "installing wasm-opt (binaryen $BINARYEN_VERSION)"
  npm install --prefix "$TOOLS/npm" --no-audit --no-fund "binaryen@$BINARYEN_VERSION" ||
    give_up "wasm-opt $BINARYEN_OLDEST or newer" "npm install --prefix $TOOLS/npm binaryen@$BINARYEN_VERSION"
}

end2end() {
  cmp -s "$ROOT/end2end/package-lock.json" "$ROOT/end2end/node_modules/.installed" && return
  say "installing Playwright"
  # It drives the system's Chromium; its own would be a download of 150 MB.
  (cd "$ROOT/end2end" && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci --no-audit --no-fund) ||
    give_up "Playwright" "cd end2end && PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 npm ci"
  cp "$ROOT/end2end/package-lock.json" "$ROOT/end2end/node_modules/.installed"
}

build_packages() {
  want cc build-essential pkg-config
  want protoc protobuf-compiler # etcd-client compiles etcd's interface, which imports protoc's own files
  local protoc
  protoc=$(command -v protoc || echo /usr/bin/protoc)
  if [ ! -e "${protoc%/*}/../include/google/protobuf/descriptor.proto" ]; then packages+=(libprotobuf-dev); fi
}

# mariadb-server would start a system service, which no test uses; the core packages have only the programs.
# etcd-server may start one too: it is not used either.
server_packages() {
  want mariadbd mariadb-server-core
  want mariadb mariadb-client-core
  want etcd etcd-server
  want etcdctl etcd-client
}

browser_packages() {
  if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then packages+=(chromium); fi
  # Without it Chinese is drawn as boxes.
  if ! have fc-list || [ -z "$(fc-list :lang=zh-cn)" ]; then packages+=(fonts-noto-cjk fontconfig); fi
}

build_tools() {
  rust
  node_js
  cargo_tool wasm-bindgen-cli "$(wasm_bindgen_version)" # without --locked: its lock file names crates that mirrors lack
  cargo_tool cargo-leptos "$CARGO_LEPTOS_VERSION" --locked
  wasm_opt
}

# Clones share one target folder, and Cargo goes by the age of files: those of this clone can be older than what was built
# of another one, and that would pass for built of this one.
own_target() {
  local last=$CARGO_TARGET_DIR/.clone
  if [ "$(cat "$last" 2>/dev/null)" != "$ROOT" ]; then
    find Cargo.* bench migrations src tests torture -type f -exec touch {} + 2>/dev/null || true
    mkdir -p "$CARGO_TARGET_DIR"
    echo "$ROOT" >"$last"
  fi
}

cd "$ROOT"
case ${1:-run} in
  run)
    build_packages
    install_packages
    build_tools
    own_target
    ;;
  test)
    build_packages
    server_packages
    browser_packages
    install_packages
    build_tools
    rust_checks
    end2end
    own_target
    ;;
  audit)
    want cc build-essential pkg-config
    install_packages
    rust
    cargo_tool cargo-deny "$CARGO_DENY_VERSION" --locked
    ;;
  bench)
    build_packages
    server_packages
    want wrk wrk
    install_packages
    build_tools
    own_target
    ;;
  *)
    echo "usage: tools/setup.sh [run|test|audit|bench]" >&2
    exit 2
    ;;
esac
