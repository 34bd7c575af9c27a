#!/usr/bin/env bash
# From a bare Debian 12 machine to a table of token timings: installs packages, builds, benchmarks every model that fits in memory.
#
#   ./deploy/quickstart.sh            all models
#   ./deploy/quickstart.sh 'gemma*'   only these (names or globs, comma-separated)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
models=${1:-all}

./deploy/install.sh
cmake --preset release -DMETRONOME_BUILD_TESTS=OFF >/dev/null
cmake --build --preset release --target metronomed bench-client

bin=$PWD/build/release/bin
database=${METRONOME_DB:-${XDG_DATA_HOME:-$HOME/.local/share}/metronome/metronome.db}
"$bin/bench-client" run --models "$models" --config as-fast-as-possible --db "$database"

cat <<EOF

Results are kept in $database. Next:
  export PATH=$bin:\$PATH
  bench-client runs                                       what has been measured
  bench-client run --models llama-3.2-1b --iters 5        one model, with spread
  bench-client generate --model DIR "Once upon a time"    text from a HuggingFace directory
  metronomed --help                                       run the daemon on its own
EOF
