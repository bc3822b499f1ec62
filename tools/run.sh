#!/usr/bin/env bash
# tools/run.sh [ARGUMENTS OF trimtab serve…]
# Builds and starts the server with its default, embedded set-up. The data is in ./data.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" run
"$ROOT/tools/build.sh"
cd "$ROOT"
exec "$APP/trimtab" serve "$@"
