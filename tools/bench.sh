#!/usr/bin/env bash
# tools/bench.sh [quick] [reads] [publishes] [pages] [waiting] [start] [writers] [heavy]
# Measures the release build and its limits, and prints tables in Markdown: docs/benchmarks.md.
# All parts take about 20 minutes on an idle machine. `quick` takes a few minutes and only shows that everything works.
set -euo pipefail
source "$(dirname "$0")/env.sh"
"$ROOT/tools/setup.sh" bench
cd "$ROOT"
[ -n "${BENCH_APP:-}" ] || tools/build.sh # BENCH_APP: measures another build
cargo build --release --package trimtab-bench
ulimit -n "$(ulimit -Hn)" # for 10,000 waiting readers, and as many of both kinds as the limit allows
TRIMTAB=${BENCH_APP:-$APP}/trimtab exec tools/with-servers.sh "$CARGO_TARGET_DIR/release/trimtab-bench" "$@"
