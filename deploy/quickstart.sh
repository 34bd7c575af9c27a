#!/usr/bin/env bash
# From a bare Debian 12 machine to a table of token timings: installs packages, builds, benchmarks every model that fits in memory. Where nvcc and a
# GPU are, the CUDA backend is built too, for that GPU alone, and measured; what is measured on is said first.
#
#   ./deploy/quickstart.sh            all models
#   ./deploy/quickstart.sh 'gemma*'   only these (names or globs, comma-separated)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
models=${1:-all}

# The compute capability of the first GPU, "9.0"; fails where there is no GPU or no driver.
gpu_capability() { nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | grep -m 1 -E '^[0-9]+\.[0-9]+$'; }

options=(-DMETRONOME_BUILD_TESTS=OFF -DMETRONOME_BUILD_BENCHMARKS=OFF -DMETRONOME_CUDA=OFF)
targets=(metronomed bench-client)
if nvcc=$(command -v nvcc || command -v /usr/local/cuda/bin/nvcc) && capability=$(gpu_capability); then
  architecture=${capability/./}
  [ "$architecture" != 90 ] || architecture=90a  # As the other builds have it.
  echo "Here are $nvcc and a GPU of compute capability $capability: builds the CUDA backend too."
  options+=(-DMETRONOME_CUDA=ON "-DCMAKE_CUDA_ARCHITECTURES=$architecture-real")
  targets+=(metronome_cuda)
fi

./deploy/install.sh
cmake --preset release "${options[@]}" >/dev/null
cmake --build --preset release --target "${targets[@]}"

bin=$PWD/build/release/bin
database=${METRONOME_DB:-${XDG_DATA_HOME:-$HOME/.local/share}/metronome/metronome.db}
status=$("$bin/bench-client" status --db "$database")
echo "Measures on the $(grep '^backend ' <<<"$status" | grep -v -m 1 ': not available')"
grep '^backend .*: not available' <<<"$status" || true
"$bin/bench-client" run --models "$models" --config as-fast-as-possible --db "$database"

cat <<EOF

Results are kept in $database. Next:
  export PATH=$bin:\$PATH
  bench-client runs                                       what has been measured
  bench-client run --models llama-3.2-1b --iters 5        one model, with spread
  bench-client generate --model DIR "Once upon a time"    text from a HuggingFace directory
  metronomed --help                                       run the daemon on its own
EOF
