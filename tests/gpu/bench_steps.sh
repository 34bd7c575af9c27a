# The steps of run.sh that time kernels one by one: bench, sweep and ncu. run.sh sources this: its variables and functions are used here.
# shellcheck shell=bash disable=SC2154,SC2034

bench_program=''  # kernel_bench, once it was found or is being built.

# Starts to build the benchmark beside the first steps, if one of the steps needs it and the programs do not have it.
start_bench_build() {
  local sources
  if [ -x "$bin/kernel_bench" ]; then
    bench_program=$bin/kernel_bench
    return
  fi
  [[ $backend == cuda && " ${steps[*]} " =~ ' '(bench|sweep|ncu)' ' && -e $here/kernel_bench.cu ]] || return 0
  command -v nvcc >/dev/null || command -v /usr/local/cuda/bin/nvcc >/dev/null || return 0
  sources=$(cat "$root"/kernels/cuda/*/*.cu* "$root"/kernels/cuda/*/*.h "$here"/kernel_* "$here"/bench_* | sha256sum | cut -c 1-16)
  bench_program=$cache/kernel_bench-$sources/kernel_bench
  [ ! -x "$bench_program" ] || return 0
  mkdir -p "$(dirname "$bench_program")"
  timeout 240 "$here/kernel_bench.sh" "$bench_program" >"$work/details/bench_build.txt" 2>&1 3>&- 4>&- &
  builder=$!
}

# find_bench: waits for the benchmark while the step has time. 77 where this machine or this tree cannot have it.
find_bench() {
  if [ -z "$bench_program" ]; then
    if [ "$backend" != cuda ]; then echo "kernel_bench is for CUDA"; else echo "no kernel_bench: nvcc and tests/gpu/bench/kernel_bench.cu are needed"; fi
    return 77
  fi
  while [ ! -x "$bench_program" ] && [ -n "$builder" ] && kill -0 "$builder" 2>/dev/null && [ "$(remaining)" -gt 5 ]; do sleep 0.2; done
  [ -x "$bench_program" ] && return
  echo "kernel_bench is not built: $(tail -1 "$work/details/bench_build.txt")"
  return 1
}

# run_bench NAME FLAG...: prints the last lines of what it found; all of it is in details/bench. 77 where the backend is the CPU and there is no device.
run_bench() {
  local name=$1 code=0 file=$work/details/bench/$1
  shift
  mkdir -p "$work/details/bench"
  limited 400 env LD_LIBRARY_PATH="$cuda_libraries" "$bench_program" "$@" --output "$file.json" >"$file.txt" 2>&1 || code=$?
  tail -3 "$file.txt"
  if [ -s "$file.json" ]; then cp "$file.json" "$work/raw/bench-$name.json"; fi
  if [ "$code" -eq 77 ] && [ "$backend" != cuda ]; then return 77; fi
  if [ "$code" -ne 0 ]; then
    echo "$name FAILED: exit code $code after $(wc -l <"$file.txt") lines"
    return 1
  fi
  echo "$name: $(wc -l <"$file.txt") lines"
}

step_bench() {
  local failed=() name code
  stop_daemon  # Its memory and context must not disturb.
  find_bench || return
  for name in quick chain; do
    code=0
    run_bench "$name" "--$name" || code=$?
    case $code in 0) ;; 77) return 77 ;; *) failed+=("$name") ;; esac
  done
  conclude "$(tail -1 "$work/details/bench/chain.txt")" "${failed[@]}"
}

step_sweep() {
  stop_daemon
  find_bench || return
  run_bench sweep --sweep
}

find_ncu() {
  local program
  for program in ncu /usr/local/cuda/bin/ncu /opt/nvidia/nsight-compute/*/ncu; do
    if command -v "$program"; then return; fi
  done
  return 1
}

# Counters of a few launches of each family that decoding spends its time on. The card's clocks are left as they are.
step_ncu() {
  if [ "$backend" != cuda ]; then echo "ncu is for CUDA"; return 77; fi
  local ncu family file code counted=0 failed=() sections=(SpeedOfLight MemoryWorkloadAnalysis Occupancy LaunchStats WarpStateStats)
  ncu=$(find_ncu) || { echo "ncu is not on this machine"; return 77; }
  stop_daemon
  find_bench || return
  mkdir -p "$work/details/ncu"
  for family in linear gated_linear qkv_rope_cache attention; do  # Kernels' names.
    file=$work/details/ncu/$family.csv code=0
    limited 20 env LD_LIBRARY_PATH="$cuda_libraries" "$ncu" --clock-control none --csv --launch-skip 8 --launch-count 12 \
      "${sections[@]/#/--section=}" "$bench_program" --quick --family "$family" >"$file" 2>&1 || code=$?
    if grep -qE 'LibraryNotLoaded|ERR_NVGPUCTRPERM|Failed to initialize' "$file"; then
      echo "refused by this machine: $(grep -m 1 -E 'LibraryNotLoaded|ERR_NVGPUCTRPERM|Failed to initialize' "$file")"
      return 77
    fi
    # One that its limit stopped has written what it counted before; one that counted nothing has no line of CSV, whatever its exit code.
    if grep -q '^"' "$file"; then counted=$((counted + 1)); else failed+=("$family, exit code $code: $(tail -1 "$file")"); fi
  done
  conclude "counters of $counted families in details/ncu" "${failed[@]}"
}
