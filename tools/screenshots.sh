#!/usr/bin/env bash
# Takes pictures of the pages, with the demo data, in both themes, both languages and two widths: end2end/screenshots/.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" test
"$ROOT/tools/build.sh"
cd "$ROOT"
SCREENSHOTS=1 npm --prefix end2end test
