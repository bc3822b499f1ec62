#!/usr/bin/env bash
# Takes screenshots of all pages, with the demo data, in both themes, both languages and three widths, and writes them
# to end2end/screenshots/. ONLY=<pattern> restricts them to matching file names.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" test
"$ROOT/tools/build.sh"
cd "$ROOT"
SCREENSHOTS=1 npm --prefix end2end test
