#!/usr/bin/env bash
# tools/test.sh [PART…] [-- ARGUMENTS]
# Runs all parts in order, or the named ones (also: TRIMTAB_ONLY="fmt clippy"), and stops at the first failure.
#   fmt      formatting with rustfmt
#   clippy   no warnings, in the server and in the WASM, and no broken links in comments
#   unit     cargo test with MariaDB and etcd of the system's packages; then the behaviour suite again, without the fast
#            path of delivery
#   latest   the tests that use servers, with MySQL 9 and etcd 3.7 (tools/setup.sh latest); skipped where these cannot
#            be installed, and the last lines of the output give the reason; while CI is set, that is a failure
#   build    the release build
#   torture  seeded faults against the release build (tools/torture.sh), with the servers of `unit` and `latest`
#   browser  Playwright tests of the release build, on both set-ups
# torture and browser use the last build, if the part build is not named.
# Arguments after -- go to cargo test or Playwright: tools/test.sh unit -- storage::
set -euo pipefail
source "$(dirname "$0")/env.sh"
export RUST_BACKTRACE=0 # a backtrace would push the message of a failed test out of the last lines

parts=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do parts+=("$1"); shift; done
[ $# -eq 0 ] || shift
rest=("$@")
if [ ${#parts[@]} -eq 0 ]; then read -ra parts <<<"${TRIMTAB_ONLY:-fmt clippy unit latest build torture browser}"; fi

part_fmt() { step "format" cargo fmt --all --check; }

part_clippy() {
  step "clippy, server" cargo clippy --workspace --features ssr --all-targets -- -D warnings
  # A link to an item that was renamed is an error.
  RUSTDOCFLAGS="-D rustdoc::broken_intra_doc_links" \
    step "doc links" cargo doc --workspace --no-deps --document-private-items --features ssr
  step "clippy, WASM" cargo clippy --lib --features hydrate --target wasm32-unknown-unknown -- -D warnings
}

part_unit() {
  step "cargo test" tools/with-servers.sh cargo test --features ssr "${rest[@]}"
  [ ${#rest[@]} -eq 0 ] || return 0
  # Twice as many threads as processors, because these tests wait more than they compute.
  local -x TRIMTAB_FAST_PATH=off RUST_TEST_THREADS=$((2 * $(nproc)))
  step "no fast path" tools/with-servers.sh cargo test --features ssr --test behaviour
}

part_latest() {
  can_use_latest || return 0
  # Only the tests that use servers. The part unit has run the others.
  local unit=(-- channel:: storage:: --skip local) behaviour=(-- --skip embedded)
  [ ${#rest[@]} -eq 0 ] || unit=("${rest[@]}") behaviour=("${rest[@]}")
  # More threads than processors, because these tests wait for leases and servers more than they compute.
  local -x TRIMTAB_SERVERS=latest RUST_TEST_THREADS=$((2 * $(nproc)))
  step "latest: unit" tools/with-servers.sh cargo test --features ssr --lib "${unit[@]}"
  step "latest: behaviour" tools/with-servers.sh cargo test --features ssr --test behaviour --test outages "${behaviour[@]}"
}

# Installs the latest servers, or records why they cannot be used.
latest=
can_use_latest() {
  local log=$CACHE/latest.log
  if [ -z "$latest" ]; then
    mkdir -p "$CACHE"
    if timeout --foreground --kill-after=60 "${limit}m" tools/setup.sh latest 2>&1 | tee "$log"; then
      latest=here
    else
      latest=missing
      [ -z "${CI:-}" ] || { echo "while CI is set, nothing is skipped: $(tail -n 1 "$log")" >&2; exit 1; }
      untried+=("MySQL and the latest etcd: $(tail -n 1 "$log" | sed 's/^setup: //')")
    fi
  fi
  [ "$latest" = here ]
}

part_build() { step "release build" tools/build.sh; }

part_torture() {
  [ -x "$APP/trimtab" ] || part_build
  step "torture's checker" cargo test --release --package trimtab-torture
  TORTURE_APP=$APP step "torture" tools/torture.sh rounds=12 seed=1 "${rest[@]}"
  # The checker has to find a missing protection, and nothing where it is there.
  TORTURE_APP=$APP step "with fence" tools/torture.sh rounds=1 seed=500 only=late
  TORTURE_APP=$APP step "without fence" tools/torture.sh rounds=2 seed=500 only=late without=fence
  TORTURE_APP=$APP step "without outbox" tools/torture.sh rounds=2 seed=600 only=connections_killed without=outbox
  can_use_latest || return 0
  TORTURE_APP=$APP TRIMTAB_SERVERS=latest step "latest: torture" tools/torture.sh rounds=4 seed=21 "${rest[@]}"
}

part_browser() {
  [ -x "$APP/trimtab" ] || part_build
  step "browser" tools/with-servers.sh npm --prefix end2end test -- "${rest[@]}"
}

# Timeout of a step in minutes, so that a hung test does not block the rest. The longest step, a first build, takes 12.
limit=${TRIMTAB_STEP_MINUTES:-30}
started=$SECONDS
summary=()
untried=()

step() { # NAME COMMAND…
  local name=$1 from=$SECONDS code=0
  shift
  printf '\n── %s: %s\n' "$name" "$*"
  timeout --foreground --kill-after=60 "${limit}m" "$@" || code=$?
  [ "$code" -ne 124 ] || echo "timed out after $limit minutes" >&2
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
[ ${#untried[@]} -eq 0 ] || printf '\n── Skipped: %s\n' "${untried[@]}"
