#!/usr/bin/env bash
# check_format.sh CLANG_FORMAT: names every source that CLANG_FORMAT would change. Run in the root of the repository.
set -euo pipefail
find kernels runtime compiler server client tests \( -name '*.h' -o -name '*.cc' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -P "$(nproc)" -n 40 "$1" --dry-run -Werror
