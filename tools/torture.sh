#!/usr/bin/env bash
# tools/torture.sh [rounds=30] [seed=1] [only=wipe,kill_etcd] [readers=2] [set-up=25] [keep] [without=fence|outbox]
# Injects seeded faults into a cluster of the release build, checks the results, and prints tables in Markdown:
# docs/reliability.md. A round takes about 6 seconds. The same seed plans the same faults. The history of a failed round
# (with `keep`, of every round) is in target/torture/<seed>, with the logs of the servers.
# TRIMTAB_SERVERS=latest uses MySQL and the latest etcd.
# `without=…` takes a protection away, around the same program. Then the run fails if the checker does not find that.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" test
[ "$TRIMTAB_SERVERS" != latest ] || "$ROOT/tools/setup.sh" latest
cd "$ROOT"

[ -n "${TORTURE_APP:-}" ] || tools/build.sh # TORTURE_APP: folder of another build
export TRIMTAB=${TORTURE_APP:-$APP}/trimtab
cargo build --release --package trimtab-torture

# Where it is allowed, small disks that can be filled are mounted in a private mount namespace, which ends with its
# processes.
apart=()
if unshare --mount --propagation private mount -t tmpfs -o size=1m torture /mnt 2>/dev/null; then
  apart=(unshare --mount --propagation private)
  export TORTURE_DISKS=1
else
  echo "torture: mounting is not allowed here, so no disk is filled" >&2
  [ -z "${CI:-}" ] || exit 1
fi
exec "${apart[@]}" "$CARGO_TARGET_DIR/release/trimtab-torture" "$@"
