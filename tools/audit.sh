#!/usr/bin/env bash
# Looks for dependencies with a licence, a source or a known hole that we do not want (deny.toml).
# The list of known holes comes over the network: when it cannot be reached this says so, and the rest still counts.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" audit
cd "$ROOT"

code=0
cargo deny check licenses bans sources || code=1

if cargo deny fetch db; then
  cargo deny --offline check advisories || code=1
elif [ -n "$(find "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" -mindepth 1 -maxdepth 1 -name 'advisory-db-*' 2>/dev/null)" ]; then
  echo "audit: WARNING: the advisory database could not be reached; what follows is by an older copy." >&2
  cargo deny --offline check advisories || code=1
else
  echo "audit: WARNING: the advisory database could not be reached: known holes were NOT looked for." >&2
fi
exit "$code"
