#!/usr/bin/env bash
# Takes pictures of all pages, with the demo data, in both themes, both languages and three widths: end2end/screenshots/.
# With ONLY=<pattern> those whose file name it matches.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" test
"$ROOT/tools/build.sh"
cd "$ROOT"
SCREENSHOTS=1 npm --prefix end2end test
