#!/usr/bin/env bash
# Checks the licences, sources and known vulnerabilities of all dependencies (deny.toml), and the licences of the npm
# packages in the editor, which the binary carries.
# The list of vulnerabilities comes over the network. If it cannot be reached, a warning is printed and the other checks
# still decide, but not in CI.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" audit
cd "$ROOT"

code=0
cargo deny check licenses bans sources || code=1
node tools/licences.mjs || code=1

if cargo deny fetch db; then
  cargo deny --offline check advisories || code=1
elif [ -n "$(find "${CARGO_HOME:-$HOME/.cargo}/advisory-dbs" -mindepth 1 -maxdepth 1 -name 'advisory-db-*' 2>/dev/null)" ]; then
  echo "audit: WARNING: the advisory database could not be reached; the following result is from an older copy." >&2
  cargo deny --offline check advisories || code=1
else
  echo "audit: WARNING: the advisory database could not be reached: vulnerabilities were NOT checked." >&2
  [ -z "${CI:-}" ] || code=1
fi
exit "$code"
