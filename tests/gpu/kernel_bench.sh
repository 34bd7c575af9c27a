#!/usr/bin/env bash
# kernel_bench.sh OUTPUT: builds kernel_bench for this machine's GPU with nvcc alone, all sources side by side. NVCC and ARCH (sm_90a) may say otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."
output=${1:?usage: kernel_bench.sh OUTPUT}
nvcc=${NVCC:-$(command -v nvcc || echo /usr/local/cuda/bin/nvcc)}
if [ -z "${ARCH:-}" ]; then
  capability=$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d '. ' || true)
  ARCH=sm_${capability:-90}
  if [ "$ARCH" = sm_90 ]; then ARCH=sm_90a; fi
fi
objects=$(mktemp -d)
trap 'rm -rf "$objects"' EXIT

# The slowest to compile first, so that none is left for the end.
families=(kernels/cuda/attention/attention_*.cu kernels/cuda/products/gem*.cu)
for family in kernels/cuda/*/*.cu; do
  case $family in
    */attention_*.cu | */gem*.cu) ;;
    *) families+=("$family") ;;
  esac
done
sources=("${families[@]}" tests/gpu/bench/kernel_bench.cu tests/gpu/bench/bench_launch.cc tests/gpu/bench/bench_linear.cc
  kernels/cuda/rows/norm_rows.cc kernels/cuda/attention/qkv_rows.cc)
# Tokens are drawn with separately rounded products and sums, as kernels/cuda/CMakeLists.txt has it.
# shellcheck disable=SC2016  # $ is for the inner shell.
printf '%s\n' "${sources[@]}" | NVCC="$nvcc" ARCH="$ARCH" OBJECTS="$objects" xargs -P "$(nproc)" -I{} sh -c '
  case {} in *token_draw.cu) extra="-fmad=false -Xcompiler=-ffp-contract=off" ;; *) extra="" ;; esac
  "$NVCC" -std=c++20 -O3 -gencode "arch=compute_${ARCH#sm_},code=$ARCH" -I . $extra -c {} -o "$OBJECTS/$(basename {} | tr . _).o"'
"$nvcc" -gencode "arch=compute_${ARCH#sm_},code=$ARCH" "$objects"/*.o -o "$output.new"
mv "$output.new" "$output"  # Whoever waits for it finds the whole program.
