#!/usr/bin/env bash
# Installs what is missing, builds with warnings as errors, runs every test.
#
#   ./tests/run.sh                 the dev preset
#   ./tests/run.sh asan -R Safetensors   another preset, further arguments to ctest
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
preset=${1:-dev}
[ $# -eq 0 ] || shift

./deploy/install.sh
cmake --preset "$preset" -DMETRONOME_WARNINGS_AS_ERRORS=ON >/dev/null
cmake --build --preset "$preset"
ctest --preset "$preset" --parallel "$(nproc)" "$@"
