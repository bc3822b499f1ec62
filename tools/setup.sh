#!/usr/bin/env bash
# tools/setup.sh [run|watch|check|test|audit|bench|latest]
# Installs the missing tools for a task, once: Debian packages with apt, everything else in the cache folder
# (TRIMTAB_CACHE, or ~/.cache/trimtab). In the clone, only end2end/node_modules changes.
# If a tool cannot be installed, the command for a manual installation is printed.
# `latest` installs the servers of TRIMTAB_SERVERS=latest: MySQL from Debian's unstable suite, which needs root, and the
# etcd of tests/go/etcd, which needs Go. If one of them cannot be installed, the last line of the output says why.
set -euo pipefail
source "$(dirname "$0")/env.sh"

have() { type "$1" >/dev/null 2>&1; }
say() { echo "setup: $*"; }
give_up() { # WHAT COMMAND
  printf 'setup: %s is missing and could not be installed. Run this command, then try again:\n\n    %s\n\n' "$1" "$2" >&2
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

# Installs a prebuilt tool with cargo-binstall, or else compiles it. It does not use the common target folder, whose
# lock a build in another terminal may hold.
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

# Needed by the tests that run the programs of tests/go. Debian's own version is too old.
go_lang() {
  local version
  version=$(GOTOOLCHAIN=local go env GOVERSION 2>/dev/null | sed 's/^go1\.\([0-9]*\).*/\1/') || true
  [ "${version:-0}" -lt "$GO_OLDEST" ] || return 0
  [ -z "${CI:-}" ] || give_up "Go 1.$GO_OLDEST or newer" "see https://go.dev/doc/install"
  say "without Go 1.$GO_OLDEST or newer the tests of tests/go are skipped: see https://go.dev/doc/install"
}

# Installs wasm-opt and esbuild, which are prebuilt. --ignore-scripts skips one that only makes esbuild start faster.
npm_tools() {
  local version
  version=$(wasm-opt --version 2>/dev/null | sed 's/^wasm-opt version \([0-9]*\).*/\1/') || true
  if [ "${version:-0}" -lt "$BINARYEN_OLDEST" ]; then npm_tool binaryen "$BINARYEN_VERSION"; fi
  if [ "$(esbuild --version 2>/dev/null)" != "$ESBUILD_VERSION" ]; then npm_tool esbuild "$ESBUILD_VERSION"; fi
}

npm_tool() { # PACKAGE VERSION
  local install=(npm install --prefix "$TOOLS/npm" --no-audit --no-fund --ignore-scripts --include=optional "$1@$2")
  say "installing $1 $2"
  "${install[@]}" || give_up "$1 $2" "${install[*]}"
}

# Installs the packages that the editor is bundled from (src/islands/editor), in the versions of its lock file.
editor_packages() {
  local packages=$ROOT/src/islands/editor into=$TOOLS/editor
  cmp -s "$packages/package-lock.json" "$into/node_modules/.installed" && return
  say "installing the packages of the editor"
  mkdir -p "$into"
  cp "$packages"/package*.json "$into"
  npm ci --prefix "$into" --no-audit --no-fund --ignore-scripts ||
    give_up "the editor's packages" "npm ci --prefix $into --ignore-scripts"
  cp "$packages/package-lock.json" "$into/node_modules/.installed"
}

end2end() {
  cmp -s "$ROOT/end2end/package-lock.json" "$ROOT/end2end/node_modules/.installed" && return
  say "installing Playwright"
  # Playwright uses the system's Chromium. Its own would be a download of 150 MB.
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

# mariadb-server would start a system service, which no test uses. The core packages contain only the programs.
# etcd-server may start a service, which is not used either.
server_packages() {
  want mariadbd mariadb-server-core
  want mariadb mariadb-client-core
  want etcd etcd-server
  want etcdctl etcd-client
}

# Makes certificates in tests.
certificate_packages() {
  want openssl openssl
}

# Programs and libraries that read exported files and configs in tests.
reader_packages() {
  if ! /usr/bin/python3 -c 'import dotenv' 2>/dev/null; then packages+=(python3-dotenv); fi
  want javac default-jdk-headless
  want curl curl
}

browser_packages() {
  if [ ! -x "${CHROMIUM:-/usr/bin/chromium}" ]; then packages+=(chromium); fi
  # Without this font, Chinese characters are shown as boxes.
  if ! have fc-list || [ -z "$(fc-list :lang=zh-cn)" ]; then packages+=(fonts-noto-cjk fontconfig); fi
}

cannot() { # WHAT WHY
  echo "setup: $1 cannot be installed: $2" >&2
  exit 1
}

# Timeout of an installation. It is made in a temporary folder and renamed, so an interrupted one is never used.
latest_minutes=10

# Calls a function with an empty folder, which is renamed to TARGET after success.
install_whole() { # TARGET FUNCTION
  local target=$1 making=$1.making
  [ ! -d "$target" ] || return 0
  mkdir -p "${target%/*}"
  exec 8>"$target.lock"
  flock --wait $((latest_minutes * 60)) 8 || cannot "${target##*/}" "another installation has held the lock for $latest_minutes minutes"
  if [ ! -d "$target" ]; then
    remove_tree "$making"
    mkdir "$making"
    "$2" "$making"
    mv "$making" "$target"
  fi
  exec 8>&-
}

# Removes a folder, but not the file systems that an interrupted installation may have left mounted in it.
remove_tree() {
  [ -e "$1" ] || return 0
  "${as_root[@]}" rm -rf --one-file-system "$1"
}

# Prints the first of apt's mirrors that has Debian's unstable suite.
unstable_mirror() {
  local mirror
  while read -r mirror; do
    if wget --quiet --spider --tries=1 --timeout=20 "$mirror/dists/sid/InRelease"; then
      echo "$mirror"
      return
    fi
  done < <(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed 's:/*$::' | awk '!seen[$0]++')
  return 1
}

# debootstrap needs root. Afterwards any user can run the installed programs.
latest_mysql() { # FOLDER
  local name="MySQL" folder=$1 mirror loader program apart=()
  [ "$(id -u)" = 0 ] || sudo -n true 2>/dev/null || cannot "$name" "it needs root"
  have apt-get || cannot "$name" "there is no apt"
  # Uses the proxy of apt, if there is one.
  eval "$(apt-config shell http_proxy Acquire::http::Proxy)"
  if [ -n "${http_proxy:-}" ]; then export http_proxy; fi
  if ! have debootstrap; then
    "${as_root[@]}" timeout "${latest_minutes}m" sh -c 'apt-get update -qq && apt-get install -y --no-install-recommends debootstrap' ||
      cannot "$name" "debootstrap is missing, and apt cannot install it"
  fi
  mirror=$(unstable_mirror) || cannot "$name" "none of apt's mirrors has Debian's unstable suite"
  say "installing MySQL from Debian's unstable suite"
  # Where it is allowed, mounts are made in a private mount namespace, which ends with its processes.
  if "${as_root[@]}" unshare --mount --propagation private true 2>/dev/null; then
    apart=(unshare --mount --propagation private)
  fi
  "${as_root[@]}" timeout --kill-after=30 "${latest_minutes}m" "${apart[@]}" \
    debootstrap --variant=minbase --include=mysql-server-core,mysql-client-core sid "$folder/root" "$mirror" \
    >"$folder.log" 2>&1 || cannot "$name" "debootstrap ended with: $(tail -n 1 "$folder.log") ($folder.log)"
  "${as_root[@]}" rm -rf "$folder"/root/var/cache/apt "$folder"/root/var/lib/apt "$folder"/root/usr/share/{doc,locale,man}
  # The programs run with the loader and libraries of the installed suite, outside of a chroot and as any user. The
  # wrappers contain the final name of the folder.
  loader=$(cd "$folder" && echo root/usr/lib/*-linux-*/ld-linux-*.so.*)
  "$folder/$loader" --library-path "$folder/${loader%/*}" "$folder/root/usr/sbin/mysqld" --version >"$folder.log" 2>&1 ||
    cannot "$name" "it does not run here: $(tail -n 1 "$folder.log")"
  loader=$LATEST_MYSQL/$loader
  mkdir "$folder/bin"
  for program in sbin/mysqld bin/mysql; do
    printf '#!/bin/sh\nexec %q --library-path %q %q "$@"' "$loader" "${loader%/*}" "$LATEST_MYSQL/root/usr/$program" \
      >"$folder/bin/${program#*/}"
  done
  printf ' --basedir=%q' "$LATEST_MYSQL/root/usr" >>"$folder/bin/mysqld" # otherwise it uses the messages of the system's MySQL
  chmod +x "$folder"/bin/*
}

latest_etcd() { # FOLDER
  local name="etcd of tests/go/etcd" folder=$1
  have go || cannot "$name" "there is no Go"
  say "building etcd (tests/go/etcd)"
  (cd tests/go/etcd && CGO_ENABLED=0 timeout --kill-after=30 "${latest_minutes}m" \
    go build -mod=readonly -trimpath -o "$folder/" tool) >"$folder.log" 2>&1 ||
    cannot "$name" "go ended with: $(tail -n 1 "$folder.log") ($folder.log)"
  mv "$folder/server" "$folder/etcd"
}

build_tools() {
  rust
  node_js
  npm_tools
  editor_packages
}

# Clones share one target folder, and Cargo compares the times of files. The sources of this clone can be older than a
# build of another clone, and Cargo would use that build. Therefore all sources are touched after a change of the clone.
own_target() {
  local last=$CARGO_TARGET_DIR/.clone
  if [ "$(cat "$last" 2>/dev/null)" != "$ROOT" ]; then
    find Cargo.* bench bindgen migrations src tests torture -type f -exec touch {} + 2>/dev/null || true
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
  watch)
    build_packages
    install_packages
    build_tools
    cargo_tool wasm-bindgen-cli "$(wasm_bindgen_version)" # without --locked, because its lock file names crates that mirrors lack
    cargo_tool cargo-leptos "$CARGO_LEPTOS_VERSION" --locked
    own_target
    ;;
  test)
    build_packages
    server_packages
    certificate_packages
    reader_packages
    browser_packages
    install_packages
    go_lang
    build_tools
    rust_checks
    end2end
    own_target
    ;;
  check)
    build_packages
    install_packages
    rust
    rust_checks
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
  latest)
    as_root=()
    [ "$(id -u)" = 0 ] || as_root=(sudo -n)
    install_whole "$LATEST_MYSQL" latest_mysql
    install_whole "$(latest_etcd_folder)" latest_etcd
    ;;
  *)
    echo "usage: tools/setup.sh [run|watch|check|test|audit|bench|latest]" >&2
    exit 2
    ;;
esac
