#!/usr/bin/env bash
# Everything that only a machine with a GPU can tell, in one command: does the CUDA backend work, is it right, how fast is it beside other engines.
# Needs no network. A step that fails is recorded and the next one tried; the table comes last.
#
#   ./tests/gpu/run.sh [--bundle FILE | --bin DIR] [--backend cuda|cpu] [--quick] [--budget MINUTES] [--output DIR] [--steps NAME,...]
#                      [--models NAME,...]
#
#   --bundle FILE     what deploy/bundle.sh made; --bin DIR: programs built before. Default: build the cuda preset, for which packages must be there
#   --backend cpu     with --quick: a self-test of this flow on the CPU. Its numbers say nothing about a GPU, and its output is labelled
#   --quick           tiny models and few iterations
#   --budget MINUTES  of all steps together (default $BUDGET_MINUTES or 28); what does not fit is recorded as skipped
#   --output DIR      default $OUT, else tests/gpu/results/<date>
#   --steps NAME,...  of: smoke kernels sanitizer parity latency scaling generation peers. The table is always made, of all that the output folder has
#   --models NAME,... of the steps latency and peers (default: all)
#
# A step that hangs is stopped at its own limit (step_limits), a call that is stopped (SIGTERM, SIGINT) still records its step and makes the table.
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
# Seconds that each may take at most. Together they are more than the budget: what one does not use is the next one's.
declare -A step_limits=([smoke]=120 [kernels]=300 [sanitizer]=460 [parity]=300 [latency]=480 [scaling]=200 [generation]=240 [peers]=540)
only_models=()

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
    --models) IFS=, read -ra only_models <<<"${2:?--models needs names}"; shift 2 ;;
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

command -v "$python" >/dev/null || { echo "run.sh: no $python; set PYTHON" >&2; exit 3; }

mkdir -p "$output/raw"
output=$(realpath "$output")
work=$(mktemp -d)
daemon=''
address=''
child=''        # What `limited` waits for,
allowed=0       # and how many seconds.
current_step='' # What is being performed, since step_started.
started=no      # Whether there is anything to put in a table.
deadline=$((SECONDS + 60 * budget))
step_deadline=$deadline
failures=0

say() { echo "$*" | tee -a "$output/log.txt"; }
remaining() { echo $(((step_deadline < deadline ? step_deadline : deadline) - SECONDS)); }

# limited SECONDS COMMAND...: within its own limit, the step's and what is left of the budget: `allowed`; 124 or 137 when that stopped it. Not in
# the foreground, so that a signal to this script is seen at once.
limited() {
  local limit=$1 left code=0
  shift
  left=$(remaining)
  [ "$left" -ge "$limit" ] || limit=$left
  allowed=$limit
  [ "$limit" -gt 0 ] || { echo "no time is left for $1" >&2; return 124; }
  timeout --kill-after=10 "$limit" "$@" &
  child=$!
  wait "$child" || code=$?
  child=''
  return "$code"
}

# A daemon that waits for a device that hangs does not hear SIGTERM, and may not hear SIGKILL: it is not waited for.
stop_daemon() {
  [ -n "$daemon" ] || return 0
  local signal
  for signal in TERM KILL; do
    kill "-$signal" "$daemon" 2>/dev/null || true
    for _ in $(seq 100); do
      if ! kill -0 "$daemon" 2>/dev/null; then
        wait "$daemon" 2>/dev/null || true
        daemon=''
        return 0
      fi
      sleep 0.1
    done
  done
  echo "metronomed, process $daemon, does not stop"
  daemon=''
}

make_table() {
  timeout 120 "$python" "$here/summarise.py" table "$output" || echo "run.sh: no table; what there is lies in $output/raw"
  rmdir "$output/raw" 2>/dev/null
  rm -f "$output/metronome.db.lock"
  echo "Kept in $output: $(du -sh "$output" | cut -f1)"
}

finish() {
  local code=$?
  trap - EXIT
  set +e
  exec >&3 2>&4  # A step that was stopped had its own.
  if [ -n "$child" ]; then kill "$child" 2>/dev/null || true; fi
  if [ -n "$current_step" ]; then
    echo "stopped from outside" >>"$work/$current_step.log"
    record_step failed
  fi
  stop_daemon
  if [ "$started" = yes ]; then make_table; fi  # Last, whatever happened before.
  rm -rf "$work"
  exit "$code"
}
exec 3>&1 4>&2
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

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

# record_step OUTCOME: how current_step ended, with the last line it printed.
record_step() {
  local name=$current_step seconds=$((SECONDS - step_started))
  current_step=''
  tee -a "$output/log.txt" <"$work/$name.log"
  "$python" "$here/summarise.py" step "$output/raw/step-$name.json" "$name" "$1" "$seconds" "$work/$name.log"
  say "== $name: $1 after $seconds s"
}

# run_step NAME: a step answers 0, 77 (skipped) or anything else (failed).
run_step() {
  local code=0 outcome log=$work/$1.log
  current_step=$1 step_started=$SECONDS step_deadline=$((SECONDS + step_limits[$1]))
  say "== $1 ($((deadline - SECONDS)) s left)"
  if [ $((deadline - SECONDS)) -lt 15 ]; then
    echo "the budget of $budget minutes is spent" >"$log"
    code=77
  else
    perform "$1" >"$log" 2>&1 || code=$?
  fi
  case $code in 0) outcome=ok ;; 77) outcome=skipped ;; *) outcome=failed failures=$((failures + 1)) ;; esac
  record_step "$outcome"
  step_deadline=$deadline
  [ "$outcome" != failed ]
}

find_programs() {
  if [ -n "$bin" ]; then return; fi
  if [ -n "$bundle" ]; then
    tar -C "$work" -xzf "$bundle" || return 1
    bin=$(dirname "$(find "$work" -path '*/bin/metronomed' -print -quit)")
    return
  fi
  { limited 600 cmake -S "$root" --preset cuda &&
    limited 900 cmake --build "$root/build/cuda" --target metronomed bench-client metronome_cuda cuda_gpu_test; } >"$work/build.log" 2>&1 || {
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
  if limited 20 "$bin/metronomed" --help | grep -- --backend >/dev/null; then
    flags+=(--backend "$backend")
  elif [ "$backend" != cpu ]; then
    echo "$bin/metronomed has no flag --backend: it was built without other backends than the CPU's"
    return 1
  fi
  rm -f "$work/ports"
  LD_LIBRARY_PATH=$cuda_libraries "$bin/metronomed" "${flags[@]}" >>"$output/daemon.log" 2>&1 3>&- 4>&- &
  daemon=$!
  for _ in $(seq 600); do  # CUDA's libraries have 700 MB to read, the first time from a disk.
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
  limited 20 "$bin/metronomed" --version
  if command -v nvidia-smi >/dev/null; then
    limited 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv || echo "nvidia-smi failed"
  fi
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

# shellcheck source=tests/gpu/kernel_steps.sh
source "$here/kernel_steps.sh"

step_parity() {
  limited 120 "$python" -c 'import torch, transformers, safetensors' || { echo "$python has no torch, transformers or safetensors"; return 1; }
  ensure_daemon || return
  limited 400 "$python" -B "$here/model_parity.py" --client "$bin/bench-client" --server "$address" --output "$output/raw/parity.json"
}

# bench NAME SECONDS ARGUMENT...: one call of bench-client run, its JSON kept, a summary printed. After one that had to be stopped the daemon may
# hang: the next one gets another.
bench() {
  local name=$1 limit=$2 file code=0
  shift 2
  file=$output/raw/$name.json
  ensure_daemon || return
  limited "$limit" "$bin/bench-client" run --server "$address" "$@" -o json >"$file" 2>"$work/bench.err" || code=$?
  if [ "$code" -ne 0 ]; then
    echo "$name FAILED: $(tail -1 "$work/bench.err") $("$python" "$here/summarise.py" brief "$file" 2>/dev/null || true)"
    [ -s "$file" ] || rm -f "$file"
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
      echo "$name was stopped: not done within $allowed s"
      stop_daemon
    fi
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
if [ ${#only_models[@]} -gt 0 ]; then models=("${only_models[@]}") peer_models=("${only_models[@]}"); fi

# `graph` is what Metronome is meant to be used as on a GPU, `compiled` the same kernels launched one by one.
step_latency() {
  local model failed=0
  for model in "${models[@]}"; do
    bench "latency-$model" 180 --models "$model" --paths graph,compiled --weights synthetic "${load[@]}" || failed=1
  done
  return "$failed"
}

step_scaling() {
  local model failed=0
  for model in "${scaling_models[@]}"; do
    bench "scaling-$model" 120 --models "$model" --paths graph --weights synthetic --scaling --max-cache-len "$positions" || failed=1
  done
  return "$failed"
}

step_generation() {
  local model config failed=0
  for config in short medium; do
    for model in "${generation_models[@]}"; do
      bench "generation-$config-$model" 90 --models "$model" --paths graph --weights synthetic --config "$config" || failed=1
    done
  done
  return "$failed"
}

# measure_peer PEER MODEL FILE SECONDS
measure_peer() {
  local arguments=(--peer "$1" --model "$2" --device "$backend" --dtype bfloat16 --timeout-s "$4" "${load[@]}")
  limited "$(($4 + 10))" "$python" -B "$root/client/peers/run_peer.py" "${arguments[@]}" >"$3" 2>"$work/peer.err" || {
    echo "$1 $2 FAILED: $(tail -1 "$work/peer.err")"
    [ -s "$3" ] || rm -f "$3"
    return 1
  }
  echo "$1 $2: $("$python" "$here/summarise.py" brief "$3")"
  ! grep -q '"outcome": "failed"' "$3"
}

# record_peers FILE...: into the same database as Metronome's own results.
record_peers() {
  ensure_daemon || return
  limited 30 "$bin/bench-client" record --server "$address" --note "peers of tests/gpu/run.sh" "$@" >"$work/record.txt" 2>&1
  local code=$?  # 1 also where all is recorded and one of them had failed.
  echo "recorded $# results of peers: $(tail -1 "$work/record.txt")"
  return "$code"
}

# The daemon's memory and context must not disturb the peers. Bandwidth first: the table sets everything beside it.
step_peers() {
  limited 120 "$python" -c 'import torch, transformers' || { echo "$python has no torch or transformers"; return 1; }
  stop_daemon
  local peer model failed=0 left measured=() spent=''
  measure_peer bandwidth - "$output/raw/bandwidth.json" 60 || failed=1
  for peer in hf_eager torch_compile; do
    for model in "${peer_models[@]}"; do
      left=$(($(remaining) - 60))  # The peer's own limit comes first, so that its result says so; then they are recorded.
      if [ "$left" -lt 10 ]; then
        spent+=" $peer:$model"
        continue
      fi
      measure_peer "$peer" "$model" "$output/raw/peer-$peer-$model.json" $((left < 150 ? left : 150)) || failed=1
      if [ -s "$output/raw/peer-$peer-$model.json" ]; then measured+=("$output/raw/peer-$peer-$model.json"); fi
    done
  done
  if [ ${#measured[@]} -gt 0 ]; then record_peers "${measured[@]}" || failed=1; fi
  if [ -n "$spent" ]; then
    echo "no time was left for$spent"
    failed=1
  fi
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
started=yes
code=0
for step in "${steps[@]}"; do
  if ! run_step "$step" && [ "$step" = smoke ]; then
    say "run.sh: the backend $backend does not work here, so nothing else was tried"
    exit 4
  fi
done
if [ "$failures" -gt 0 ]; then code=1; fi
exit "$code"  # The table is made on the way out.
