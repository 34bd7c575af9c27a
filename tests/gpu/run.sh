#!/usr/bin/env bash
# Everything that only a machine with a GPU can tell: does the CUDA backend work, is it right, how fast is it beside other engines. Needs no
# network. A step that fails is recorded and the next one tried; the table comes last.
#
#   ./tests/gpu/run.sh --call 1|2|3 [--bundle FILE | --bin DIR] [--quick] [--output DIR] [--cache DIR] [--families NAME,...]
#   ./tests/gpu/run.sh [--steps NAME,...] [--budget MINUTES] [--models NAME,...] and the same
#
#   --call N          a part of the plan of three calls of 6, 8 and 7 minutes (plan.sh); each step has seconds of its own
#   --plan            print the steps of the call and their times, and do nothing
#   --steps NAME,...  instead of a call: these of driver smoke kernels explain bench parity latency scaling search generation sweep ncu peers sanitizer
#   --budget MINUTES  of all chosen steps together (default $BUDGET_MINUTES or 28); what does not fit is recorded as skipped
#   --bundle FILE     what deploy/bundle.sh made; --bin DIR: programs built before. Default: build the cuda preset, for which packages must be there
#   --backend cpu     with --quick: a self-test of this flow on the CPU. Its numbers say nothing about a GPU, and its output is labelled
#   --quick           tiny models and few iterations
#   --output DIR      default $OUT, else tests/gpu/results/<date>. It gets five files, written anew after each step: table.md, results.json,
#                     metronome.db, log.txt and details.tar.gz. Calls into one folder make one table
#   --cache DIR       default ~/.cache/metronome-gpu: plans, cubins and programs, for the next call on the same machine
#   --models NAME,... of the steps explain, latency, search and peers (default: plan.sh)
#   --families NAME,...  of kernels that failed in another call, for the sanitizer (default: those that failed in this output folder)
#
# A step that hangs is stopped at its own limit, a call that is stopped (SIGTERM, SIGINT) still records its step and makes the table.
# $PYTHON (default python3) needs torch and transformers for the steps parity and peers.
# Exit codes: 0 every step held, 1 one did not, 2 usage, 3 no programs, 4 the backend is not available.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
# shellcheck source=tests/gpu/plan.sh
source "$here/plan.sh"
python=${PYTHON:-python3}
backend=cuda quick=no bundle='' bin='' call='' print_only=no
budget=${BUDGET_MINUTES:-28}
output=${OUT:-$here/results/$(date -u +%Y-%m-%d)}
cache=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/metronome-gpu
steps=() only_models=() failed_families=()

usage_error() { echo "run.sh: $*" >&2; exit 2; }
while [ $# -gt 0 ]; do
  case "$1" in
    --call) call=${2:?--call needs a number}; shift 2 ;;
    --plan) print_only=yes; shift ;;
    --bundle) bundle=$(realpath "${2:?--bundle needs a file}"); shift 2 ;;
    --bin) bin=$(realpath "${2:?--bin needs a folder}"); shift 2 ;;
    --backend) backend=${2:?--backend needs cuda or cpu}; shift 2 ;;
    --quick) quick=yes; shift ;;
    --budget) budget=${2:?--budget needs minutes}; shift 2 ;;
    --output) output=${2:?--output needs a folder}; shift 2 ;;
    --cache) cache=${2:?--cache needs a folder}; shift 2 ;;
    --steps) IFS=, read -ra steps <<<"${2:?--steps needs names}"; shift 2 ;;
    --models) IFS=, read -ra only_models <<<"${2:?--models needs names}"; shift 2 ;;
    --families) IFS=, read -ra failed_families <<<"${2:?--families needs names}"; shift 2 ;;
    -h | --help) sed -n '2,/^set/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; exit 0 ;;
    *) usage_error "unknown argument '$1'" ;;
  esac
done
[[ $backend == cuda || $backend == cpu ]] || usage_error "--backend is '$backend', not cuda or cpu"
[[ $backend == cuda || $quick == yes ]] || usage_error "--backend cpu is a self-test of this script: give --quick too"
[[ $budget =~ ^[0-9]+$ ]] || usage_error "--budget is '$budget', not a number of minutes"
[[ -z $call || -n ${call_seconds[$call]:-} ]] || usage_error "--call is '$call', not 1, 2 or 3"
[[ -z $call || ${#steps[@]} -eq 0 ]] || usage_error "--call has its own steps; give one of --call and --steps"
budget_seconds=$((60 * budget))
[ ${#steps[@]} -gt 0 ] || steps=("${all_steps[@]}")
for step in "${steps[@]}"; do
  [[ " ${all_steps[*]} " == *" $step "* ]] || usage_error "no step '$step'; there are: ${all_steps[*]}"
done
choose_steps
choose_models
if [ "$print_only" = yes ]; then
  print_plan
  exit 0
fi
command -v "$python" >/dev/null || { echo "run.sh: no $python; set PYTHON" >&2; exit 3; }

work=$(mktemp -d)
current_step=''  # What is being performed, since step_started.
started=no       # Whether there is anything to put in a table.
builder=''       # The process that builds the kernel benchmark meanwhile.
failures=0
unavailable=no   # Whether the daemon does not serve on the backend.
deadline=$((budget_seconds - pack_seconds))
step_deadline=$deadline
export TORCHINDUCTOR_CACHE_DIR=$cache/inductor TRITON_CACHE_DIR=$cache/triton  # What torch.compile makes takes it half a minute a model.

# shellcheck source=tests/gpu/processes.sh
source "$here/processes.sh"
# shellcheck source=tests/gpu/kernel_steps.sh
source "$here/kernel_steps.sh"
# shellcheck source=tests/gpu/bench_steps.sh
source "$here/bench_steps.sh"
# shellcheck source=tests/gpu/model_steps.sh
source "$here/model_steps.sh"

say() { echo "$*" | tee -a "$work/log.txt"; }

# What there is so far, as the files that are brought back: a call that is killed at once still leaves the steps before.
pack() { timeout 60 "$python" -B "$here/pack.py" close "$work" "$output" || echo "run.sh: packing failed; what there is was in $work"; }

finish() {
  local code=$?
  trap - EXIT
  set +e
  exec >&3 2>&4  # A step that was stopped had its own.
  end_children
  if [ -n "$builder" ]; then kill "$builder" 2>/dev/null; fi
  if [ -n "$current_step" ]; then
    echo "stopped from outside" >>"$work/$current_step.log"
    record_step failed
  fi
  stop_daemon
  if [ "$started" = yes ]; then  # Last, whatever happened before.
    pack
    cat "$output/table.md"
    echo "Kept in $output: $(du -sh "$output" | cut -f1), after $SECONDS s"
  fi
  rm -rf "$work"
  exit "$code"
}
exec 3>&1 4>&2
trap finish EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# record_step OUTCOME: how current_step ended, with the last line it printed.
record_step() {
  local name=$current_step seconds=$((SECONDS - step_started))
  current_step=''
  tee -a "$work/log.txt" <"$work/$name.log"
  "$python" -B "$here/summarise.py" step "$work/raw/step-$name.json" "$name" "$1" "$seconds" "$work/$name.log"
  say "== $name: $1 after $seconds s"
}

# run_step NAME: a step answers 0, 77 (skipped) or anything else (failed).
run_step() {
  local code=0 outcome log=$work/$1.log
  current_step=$1 step_started=$SECONDS
  step_deadline=${planned_end[$1]:-$((SECONDS + step_limits[$1] < deadline ? SECONDS + step_limits[$1] : deadline))}
  say "== $1 ($(remaining) s)"
  if [ "$(remaining)" -lt 5 ]; then
    echo "the time of this call is spent" >"$log"
    code=77
  else
    "step_$1" >"$log" 2>&1 || code=$?
  fi
  case $code in 0) outcome=ok ;; 77) outcome=skipped ;; *) outcome=failed failures=$((failures + 1)) ;; esac
  record_step "$outcome"
  step_deadline=$deadline
}

# unpack FILE: into the cache, where the next call on this machine finds it.
unpack() {
  local name
  name=$cache/bundle-$(sha256sum "$1" | cut -c 1-16)
  if [ ! -d "$name" ]; then
    mkdir -p "$work/bundle" && tar -C "$work/bundle" -xzf "$1" && mv "$work/bundle" "$name" || return 1
  fi
  bin=$(dirname "$(find "$name" -path '*/bin/metronomed' -print -quit)")
}

find_programs() {
  if [ -n "$bin" ]; then return; fi
  if [ -n "$bundle" ]; then
    unpack "$bundle"
    return
  fi
  { limited 600 cmake -S "$root" --preset cuda &&
    limited 900 cmake --build "$root/build/cuda" --target metronomed bench-client metronome_cuda cuda_gpu_test; } >"$work/build.log" 2>&1 || {
    tail -20 "$work/build.log"
    return 1
  }
  bin=$root/build/cuda/bin
}

# CUDA's own libraries, which a bundle leaves to the machine: the toolkit's, the mounted driver's, then those of Python's packages. Not exported:
# Python's packages must find their own.
cuda_libraries=${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}/usr/local/cuda/lib64:/usr/local/nvidia/lib64:$("$python" -c 'import nvidia, pathlib
print(*sorted({str(p.parent) for root in nvidia.__path__ for p in pathlib.Path(root).rglob("*.so*")}), sep=":")' 2>/dev/null || true)

mkdir -p "$output" "$cache" "$work/raw" "$work/details"
output=$(realpath "$output") cache=$(realpath "$cache")
"$python" -B "$here/pack.py" open "$output" "$work"
say "tests/gpu/run.sh, $(date -u +%Y-%m-%dT%H:%MZ), call ${call:-of steps}, backend $backend, $budget_seconds s"
if [ "$backend" = cpu ]; then say "CPU SELF-TEST with tiny models: nothing here is measured on a GPU."; fi
if ! find_programs >"$work/programs.txt" 2>&1 || [ ! -x "$bin/metronomed" ] || [ ! -x "$bin/bench-client" ]; then
  say "$(cat "$work/programs.txt")"
  say "run.sh: no programs: give --bundle or --bin, or install what the cuda preset needs (deploy/install.sh, nvcc)"
  exit 3
fi
"$python" -B "$here/summarise.py" environment "$work/raw/environment${call:+-call$call}.json" "$backend"
started=yes
start_bench_build
for step in "${steps[@]}"; do
  run_step "$step"
  pack
done
if [ "$unavailable" = yes ]; then exit 4; fi  # The table is made on the way out.
[ "$failures" -eq 0 ]
