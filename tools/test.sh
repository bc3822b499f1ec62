#!/usr/bin/env bash
# tools/test.sh [PART…] [-- ARGUMENTS]
# Runs all parts in order, or those that are named (also: TRIMTAB_ONLY="fmt clippy"), and stops at the first failure.
#   fmt      the formatting is rustfmt's
#   clippy   no warning, in the server and in the WASM
#   unit     cargo test, beside MariaDB and etcd of the system's packages; then the behaviour suite again, without the fast
#            path of delivery
#   latest   the tests of cargo test that use servers, beside MySQL 9 and etcd 3.7 (tools/setup.sh latest). Where these
#            cannot be installed it is left out, and the last lines say so and why
#   build    the release build
#   torture  the release build is broken in seeded ways (tools/torture.sh), on the servers of both; alone it takes the last
#            build as it is
#   browser  Playwright against it, on both set-ups; alone it takes the last build as it is
# Arguments after -- go to cargo test or Playwright: tools/test.sh unit -- storage::
set -euo pipefail
source "$(dirname "$0")/env.sh"

parts=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do parts+=("$1"); shift; done
[ $# -eq 0 ] || shift
rest=("$@")
if [ ${#parts[@]} -eq 0 ]; then read -ra parts <<<"${TRIMTAB_ONLY:-fmt clippy unit latest build torture browser}"; fi

part_fmt() { step "format" cargo fmt --all --check; }

part_clippy() {
  step "clippy, server" cargo clippy --workspace --features ssr --all-targets -- -D warnings
  step "clippy, WASM" cargo clippy --lib --features hydrate --target wasm32-unknown-unknown -- -D warnings
}

part_unit() {
  step "cargo test" tools/with-servers.sh cargo test --features ssr "${rest[@]}"
  [ ${#rest[@]} -eq 0 ] || return 0
  # Twice as many as there are processors: these tests wait more than they compute.
  local -x TRIMTAB_FAST_PATH=off RUST_TEST_THREADS=$((2 * $(nproc)))
  step "no fast path" tools/with-servers.sh cargo test --features ssr --test behaviour
}

part_latest() {
  can_use_latest || return 0
  # Without what uses no server, which part unit has run.
  local unit=(-- channel:: storage:: --skip local) behaviour=(-- --skip embedded)
  [ ${#rest[@]} -eq 0 ] || unit=("${rest[@]}") behaviour=("${rest[@]}")
  # They wait for leases and servers more than they compute.
  local -x TRIMTAB_SERVERS=latest RUST_TEST_THREADS=$((2 * $(nproc)))
  step "latest: unit" tools/with-servers.sh cargo test --features ssr --lib "${unit[@]}"
  step "latest: behaviour" tools/with-servers.sh cargo test --features ssr --test behaviour --test outages "${behaviour[@]}"
}

# Installs the latest servers, or notes why they cannot be used.
latest=
can_use_latest() {
  local log=$CACHE/latest.log
  if [ -z "$latest" ]; then
    mkdir -p "$CACHE"
    if timeout --foreground --kill-after=60 "${limit}m" tools/setup.sh latest 2>&1 | tee "$log"; then
      latest=here
    else
      latest=missing
      untried+=("MySQL and the present etcd: $(tail -n 1 "$log" | sed 's/^setup: //')")
    fi
  fi
  [ "$latest" = here ]
}

part_build() { step "release build" tools/build.sh; }

part_torture() {
  [ -x "$APP/trimtab" ] || part_build
  step "torture's checker" cargo test --release --package trimtab-torture
  TORTURE_APP=$APP step "torture" tools/torture.sh rounds=12 seed=1 "${rest[@]}"
  can_use_latest || return 0
  TORTURE_APP=$APP TRIMTAB_SERVERS=latest step "latest: torture" tools/torture.sh rounds=4 seed=21 "${rest[@]}"
}

part_browser() {
  [ -x "$APP/trimtab" ] || part_build
  step "browser" tools/with-servers.sh npm --prefix end2end test -- "${rest[@]}"
}

# A test that waits for ever shall not hold up everything behind it. The longest step, a first build, takes 12.
limit=${TRIMTAB_STEP_MINUTES:-30}
started=$SECONDS
summary=()
untried=()

step() { # NAME COMMAND…
  local name=$1 from=$SECONDS code=0
  shift
  printf '\n── %s: %s\n' "$name" "$*"
  timeout --foreground --kill-after=60 "${limit}m" "$@" || code=$?
  [ "$code" -ne 124 ] || echo "ended after $limit minutes" >&2
  if [ "$code" -ne 0 ]; then
    printf '\n── FAILED: %s (exit code %s, after %s s). Again: tools/test.sh %s\n' \
      "$name" "$code" $((SECONDS - from)) "$part" >&2
    exit 1
  fi
  summary+=("$(printf '%-16s %4s s' "$name" $((SECONDS - from)))")
  printf '── %s: good, %s s\n' "$name" $((SECONDS - from))
}

cd "$ROOT"
for part in "${parts[@]}"; do
  declare -F "part_$part" >/dev/null || { echo "no such part: $part (see the top of $0)" >&2; exit 2; }
done
part=setup
step "set-up" tools/setup.sh test
for part in "${parts[@]}"; do "part_$part"; done

printf '\n── All good, %s s\n' $((SECONDS - started))
printf '   %s\n' "${summary[@]}"
[ ${#untried[@]} -eq 0 ] || printf '\n── Not tried: %s\n' "${untried[@]}"
