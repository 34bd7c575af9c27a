#!/usr/bin/env bash
# Everything that only a machine with a GPU can tell, in one command: does the CUDA backend work, is it right, how fast is it beside other engines.
# Needs no network. A step that fails is recorded and the next one tried; the table comes last.
#
#   ./tests/gpu/run.sh [--bundle FILE | --bin DIR] [--backend cuda|cpu] [--quick] [--budget MINUTES] [--output DIR] [--steps NAME,...]
#
#   --bundle FILE     what deploy/bundle.sh made; --bin DIR: programs built before. Default: build the cuda preset, for which packages must be there
#   --backend cpu     with --quick: a self-test of this flow on the CPU. Its numbers say nothing about a GPU, and its output is labelled
#   --quick           tiny models and few iterations
#   --budget MINUTES  of all steps together (default $BUDGET_MINUTES or 28); what does not fit is recorded as skipped
#   --output DIR      default $OUT, else tests/gpu/results/<date>
#   --steps NAME,...  of: smoke kernels sanitizer parity latency scaling generation peers. The table is always made, of all that the output folder has
#
# $PYTHON (default python3) needs torch and transformers for the steps parity and peers.
# Exit codes: 0 every step held, 1 one did not, 2 usage, 3 no programs, 4 the backend is not available.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-python3}
backend=cuda quick=no bundle='' bin=''
budget=${BUDGET_MINUTES:-28}
output=${OUT:-$here/results/$(date -u +%Y-%m-%d)}
all_steps=(smoke kernels sanitizer parity latency scaling generation peers)
steps=("${all_steps[@]}")

usage_error() { echo "run.sh: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --bundle) bundle=$(realpath "${2:?--bundle needs a file}"); shift 2 ;;
    --bin) bin=$(realpath "${2:?--bin needs a folder}"); shift 2 ;;
    --backend) backend=${2:?--backend needs cuda or cpu}; shift 2 ;;
    --quick) quick=yes; shift ;;
    --budget) budget=${2:?--budget needs minutes}; shift 2 ;;
    --output) output=${2:?--output needs a folder}; shift 2 ;;
    --steps) IFS=, read -ra steps <<<"${2:?--steps needs names}"; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
done
[[ $backend == cuda || $backend == cpu ]] || usage_error "--backend is '$backend', not cuda or cpu"
[[ $backend == cuda || $quick == yes ]] || usage_error "--backend cpu is a self-test of this script: give --quick too"
[[ $budget =~ ^[0-9]+$ ]] || usage_error "--budget is '$budget', not a number of minutes"
for step in "${steps[@]}"; do
  [[ " ${all_steps[*]} " == *" $step "* ]] || usage_error "no step '$step'; there are: ${all_steps[*]}"
done

mkdir -p "$output/raw"
output=$(realpath "$output")
work=$(mktemp -d)
daemon=''
address=''
deadline=$((SECONDS + 60 * budget))
failures=0

stop_daemon() {
  [ -n "$daemon" ] || return 0
  kill "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  daemon=''
}
trap 'stop_daemon; rm -rf "$work"' EXIT

say() { echo "$*" | tee -a "$output/log.txt"; }
remaining() { echo $((deadline - SECONDS)); }
# limited SECONDS COMMAND...: within its own limit and what is left of the budget, output to the log.
limited() {
  local limit=$1 left
  shift
  left=$(remaining)
  [ "$left" -ge "$limit" ] || limit=$left
  [ "$limit" -gt 0 ] || { echo "the budget of $budget minutes is spent" >&2; return 124; }
  timeout --kill-after=10 "$limit" "$@"
}

perform() {
  case $1 in
    smoke) step_smoke ;;
    kernels) step_kernels ;;
    sanitizer) step_sanitizer ;;
    parity) step_parity ;;
    latency) step_latency ;;
    scaling) step_scaling ;;
    generation) step_generation ;;
    peers) step_peers ;;
  esac
}

# run_step NAME: a step answers 0, 77 (skipped) or anything else (failed); that is recorded with the last line it printed.
run_step() {
  local name=$1 started=$SECONDS code=0 outcome log=$work/$1.log
  say "== $name ($(remaining) s left)"
  if [ "$(remaining)" -lt 15 ]; then
    echo "the budget of $budget minutes is spent" >"$log"
    code=77
  else
    perform "$name" >"$log" 2>&1 || code=$?
  fi
  tee -a "$output/log.txt" <"$log"
  case $code in 0) outcome=ok ;; 77) outcome=skipped ;; *) outcome=failed failures=$((failures + 1)) ;; esac
  "$python" "$here/summarise.py" step "$output/raw/step-$name.json" "$name" "$outcome" "$((SECONDS - started))" "$log"
  say "== $name: $outcome after $((SECONDS - started)) s"
  [ "$outcome" != failed ]
}

find_programs() {
  if [ -n "$bin" ]; then return; fi
  if [ -n "$bundle" ]; then
    tar -C "$work" -xzf "$bundle" || return 1
    bin=$(dirname "$(find "$work" -path '*/bin/metronomed' -print -quit)")
    return
  fi
  (cd "$root" && limited 600 cmake --preset cuda >"$work/build.log" 2>&1 &&
    limited 900 cmake --build --preset cuda --target metronomed bench-client metronome_cuda cuda_gpu_test >>"$work/build.log" 2>&1) || {
    tail -20 "$work/build.log"
    return 1
  }
  bin=$root/build/cuda/bin
}

# CUDA's own libraries, which a bundle leaves to the machine: the toolkit's, then those of Python's packages. Not exported: Python's packages
# must find their own.
cuda_libraries=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64:$("$python" -c 'import nvidia, pathlib
print(*sorted({str(p.parent) for root in nvidia.__path__ for p in pathlib.Path(root).rglob("*.so*")}), sep=":")' 2>/dev/null || true)

# Starts the daemon unless it is there: one that crashed in a step must not take the next ones with it.
ensure_daemon() {
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then return; fi
  local flags=(--listen 127.0.0.1:0 --metrics-listen '' --db "$output/metronome.db" --plan-cache "$work/plans" --port-file "$work/ports")
  if "$bin/metronomed" --help | grep -q -- --backend; then
    flags+=(--backend "$backend")
  elif [ "$backend" != cpu ]; then
    echo "$bin/metronomed has no flag --backend: it was built without other backends than the CPU's"
    return 1
  fi
  rm -f "$work/ports"
  LD_LIBRARY_PATH=$cuda_libraries "$bin/metronomed" "${flags[@]}" >>"$output/daemon.log" 2>&1 &
  daemon=$!
  for _ in $(seq 300); do
    if [ -s "$work/ports" ] && grep -q '^metrics=' "$work/ports"; then
      address=127.0.0.1:$(sed -n 's/^grpc=//p' "$work/ports")
      return
    fi
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
  done
  echo "metronomed did not start: $(tail -1 "$output/daemon.log")"
  stop_daemon
  return 1
}


step_smoke() {
  "$bin/metronomed" --version
  if command -v nvidia-smi >/dev/null; then nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv; fi
  ensure_daemon || return
  limited 60 "$bin/bench-client" status --server "$address" >"$work/status.txt" || { cat "$work/status.txt"; return 1; }
  cat "$work/status.txt"
  grep -o 'libraries: .*' "$output/daemon.log" | tail -1 || true
  if ! grep "^backend $backend: " "$work/status.txt" | grep -qv ": not available"; then
    echo "the backend $backend is not available: $(grep "^backend $backend: " "$work/status.txt" || echo 'this metronomed does not know it')"
    return 1
  fi
  bench smoke 60 --models tiny-llama --prompt-tokens 8 --decode-tokens 4
}

test_program() { if [ "$backend" = cuda ]; then echo "$bin/cuda_gpu_test"; else echo "$bin/cpu_kernels_test"; fi; }
# One or two of each family, of little work: the sanitizer's tools slow kernels down some hundred times.
small_tests='*AttentionTest.ExtremeScores*:*AttentionTest.Poison*:*LinearTest.Nan*:*LinearTest.Residual*:*FusedLinearTest.Activation*'
small_tests+=':*MatmulTest.Nan*:*ExpertsTest.*:*RowTest.*Nan*:*RowTest.RopeRotates*:*RowTest.TopK*:*LayoutTest.*:*ElementwiseTest.*Nan*'
# Says so where the program is not there: a failure, but for the self-test on a bundle, which has no tests of the CPU's kernels.
have_test_program() {
  if [ -x "$(test_program)" ]; then return; fi
  echo "$(test_program) is not there"
  if [ "$backend" = cpu ]; then return 77; else return 1; fi
}
# A program all of whose tests were skipped has tested nothing.
require_passed() {
  local passed
  passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "$1" | tail -1)
  if [ "${passed:-0}" -eq 0 ]; then
    echo "no test passed"
    return 1
  fi
  echo "$passed tests passed, $(sed -n 's/^\[  SKIPPED \] \([0-9]*\) test.*/\1/p' "$1" | tail -1 | grep . || echo 0) skipped"
}

step_kernels() {
  have_test_program || return
  local arguments=()
  if [ "$quick" = yes ]; then arguments+=("--gtest_filter=$small_tests"); fi
  limited 300 env LD_LIBRARY_PATH="$cuda_libraries" "$(test_program)" --gtest_brief=1 "${arguments[@]}" >"$work/gtest.txt" 2>&1 ||
    { tail -40 "$work/gtest.txt"; return 1; }
  require_passed "$work/gtest.txt"
}

step_sanitizer() {
  if [ "$backend" != cuda ]; then echo "compute-sanitizer is for CUDA"; return 77; fi
  have_test_program || return
  command -v compute-sanitizer >/dev/null || { echo "compute-sanitizer is not on this machine"; return 77; }
  local tool failed=0
  for tool in memcheck racecheck; do
    echo "$tool:"
    limited 150 env LD_LIBRARY_PATH="$cuda_libraries" compute-sanitizer --tool "$tool" --error-exitcode 1 "$(test_program)" --gtest_brief=1 \
      "--gtest_filter=$small_tests" >"$work/$tool.txt" 2>&1 || { tail -30 "$work/$tool.txt"; failed=1; continue; }
    require_passed "$work/$tool.txt" || failed=1
  done
  return "$failed"
}

step_parity() {
  "$python" -c 'import torch, transformers, safetensors' || { echo "$python has no torch, transformers or safetensors"; return 1; }
  ensure_daemon || return
  limited 400 "$python" -B "$here/model_parity.py" --client "$bin/bench-client" --server "$address" --output "$output/raw/parity.json"
}

# bench NAME SECONDS ARGUMENT...: one call of bench-client run, its JSON kept, a summary printed.
bench() {
  local name=$1 limit=$2 file
  shift 2
  file=$output/raw/$name.json
  ensure_daemon || return
  if ! limited "$limit" "$bin/bench-client" run --server "$address" "$@" -o json >"$file" 2>"$work/bench.err"; then
    echo "$name FAILED: $(tail -1 "$work/bench.err") $("$python" "$here/summarise.py" brief "$file" 2>/dev/null || true)"
    [ -s "$file" ] || rm -f "$file"
    return 1
  fi
  echo "$name: $("$python" "$here/summarise.py" brief "$file")"
}

if [ "$quick" = yes ]; then
  models=(tiny-llama tiny-qwen2 tiny-qwen3 tiny-qwen3-moe tiny-gemma3 tiny-gemma4)
  scaling_models=(tiny-qwen2 tiny-gemma3)
  generation_models=(tiny-llama tiny-gemma3)
  positions=512
  load=(--prompt-tokens 16 --decode-tokens 8 --iters 2 --warmups 1 --seed 42)
  peer_models=(tiny-llama tiny-gemma3)
else
  models=(llama-3.2-1b gemma3-1b qwen2.5-1.5b qwen3-1.7b gemma3-4b qwen3-4b llama-3-8b gemma4-26b-a4b qwen3-30b-a3b)
  scaling_models=(qwen2.5-1.5b gemma3-4b)
  generation_models=(llama-3.2-1b qwen3-1.7b gemma3-1b)
  positions=32768
  load=(--prompt-tokens 128 --decode-tokens 64 --iters 5 --warmups 2 --seed 42)
  peer_models=("${models[@]}")
fi

step_latency() {
  local model failed=0
  for model in "${models[@]}"; do bench "latency-$model" 120 --models "$model" --weights synthetic "${load[@]}" || failed=1; done
  return "$failed"
}

step_scaling() {
  local model failed=0
  for model in "${scaling_models[@]}"; do
    bench "scaling-$model" 120 --models "$model" --weights synthetic --scaling --max-cache-len "$positions" || failed=1
  done
  return "$failed"
}

step_generation() {
  local model config failed=0
  for config in short medium; do
    for model in "${generation_models[@]}"; do
      bench "generation-$config-$model" 90 --models "$model" --weights synthetic --config "$config" || failed=1
    done
  done
  return "$failed"
}

# The daemon's memory and context must not disturb the peers. Bandwidth first: the table sets everything beside it.
step_peers() {
  "$python" -c 'import torch, transformers' || { echo "$python has no torch or transformers"; return 1; }
  stop_daemon
  local peer model failed=0 file left
  for peer in bandwidth hf_eager torch_compile; do
    for model in "${peer_models[@]}"; do
      if [ "$peer" = bandwidth ]; then file=$output/raw/bandwidth.json; else file=$output/raw/peer-$peer-$model.json; fi
      left=$(($(remaining) - 10))  # Its own limit comes first, so that it says so in its result.
      if [ "$left" -lt 10 ]; then
        echo "$peer $model not tried: the budget of $budget minutes is spent"
        return 1
      fi
      local arguments=(--peer "$peer" --model "$model" --device "$backend" --dtype bfloat16 --timeout-s $((left < 150 ? left : 150)) "${load[@]}")
      limited 160 "$python" -B "$root/client/peers/run_peer.py" "${arguments[@]}" >"$file" 2>"$work/peer.err" || {
        echo "$peer $model FAILED: $(tail -1 "$work/peer.err")"
        [ -s "$file" ] || rm -f "$file"
        failed=1
        continue
      }
      echo "$peer $model: $("$python" "$here/summarise.py" brief "$file")" || failed=1
      if grep -q '"outcome": "failed"' "$file"; then failed=1; fi
      if [ "$peer" = bandwidth ]; then break; fi
    done
  done
  return "$failed"
}

say "tests/gpu/run.sh, $(date -u +%Y-%m-%dT%H:%MZ), backend $backend, budget $budget minutes"
if [ "$backend" = cpu ]; then say "CPU SELF-TEST with tiny models: nothing here is measured on a GPU."; fi
if ! find_programs >"$work/programs.txt" 2>&1 || [ ! -x "$bin/metronomed" ] || [ ! -x "$bin/bench-client" ]; then
  say "$(cat "$work/programs.txt")"
  say "run.sh: no programs: give --bundle or --bin, or install what the cuda preset needs (deploy/install.sh, nvcc)"
  exit 3
fi
"$python" "$here/summarise.py" environment "$output/raw/environment.json" "$backend"
code=0
for step in "${steps[@]}"; do
  if ! run_step "$step" && [ "$step" = smoke ]; then
    say "run.sh: the backend $backend does not work here, so nothing else was tried"
    code=4
    break
  fi
done
stop_daemon
if [ "$code" -eq 0 ] && [ "$failures" -gt 0 ]; then code=1; fi
"$python" "$here/summarise.py" table "$output"
rmdir "$output/raw"
rm -f "$output/metronome.db.lock"
echo "Kept in $output: $(du -sh "$output" | cut -f1)"
exit "$code"
