#!/usr/bin/env bash
# tools/torture.sh [rounds=30] [seed=1] [only=wipe,kill_etcd] [readers=2] [set-up=25] [keep] [without=fence|outbox]
# Breaks a cluster of the release build in seeded ways, checks what came of it, and prints tables in Markdown:
# docs/reliability.md. A round takes about 6 seconds. The same seed breaks the same again; the history of a round that
# failed (with `keep`: of every round) is kept in target/torture/<seed>, with what the servers said.
# TRIMTAB_SERVERS=latest breaks it beside MySQL and a present etcd.
# With `without=…` it does so to a build that is broken on purpose, and has to fail.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" test
[ "$TRIMTAB_SERVERS" != latest ] || "$ROOT/tools/setup.sh" latest
cd "$ROOT"

without=
words=()
for word in "$@"; do
  case $word in
    without=*) without=without-${word#without=} ;;
    *) words+=("$word") ;;
  esac
done
if [ -n "$without" ]; then
  cargo build --profile torture --features "ssr,$without" --bin trimtab
  export TRIMTAB=$CARGO_TARGET_DIR/torture/trimtab
else
  [ -n "${TORTURE_APP:-}" ] || tools/build.sh # TORTURE_APP: breaks another build
  export TRIMTAB=${TORTURE_APP:-$APP}/trimtab
fi
cargo build --release --package trimtab-torture

# Small disks that can be filled, in a mount namespace that goes with its processes, where that is allowed.
apart=()
if unshare --mount --propagation private mount -t tmpfs -o size=1m torture /mnt 2>/dev/null; then
  apart=(unshare --mount --propagation private)
  export TORTURE_DISKS=1
else
  echo "torture: no disks can be mounted here, so none is filled" >&2
fi
exec "${apart[@]}" "$CARGO_TARGET_DIR/release/trimtab-torture" "${words[@]}"
