# The steps of run.sh that run models: smoke, explain, parity, latency, scaling, search, generation and peers. run.sh sources this: its variables
# and functions are used here.
# shellcheck shell=bash disable=SC2154,SC2034

# bench NAME SECONDS ARGUMENT...: one call of bench-client run, its JSON kept, a summary printed. After one that had to be stopped the daemon may
# hang: the next one gets another.
bench() {
  local name=$1 limit=$2 file code=0
  shift 2
  file=$work/raw/$name.json
  ensure_daemon || return
  limited "$limit" "$bin/bench-client" run --server "$address" "$@" -o json >"$file" 2>"$work/bench.err" || code=$?
  if [ "$code" -ne 0 ]; then
    echo "$name FAILED: $(tail -1 "$work/bench.err") $("$python" -B "$here/summarise.py" brief "$file" 2>/dev/null || true)"
    [ -s "$file" ] || rm -f "$file"
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
      echo "$name was stopped: not done within $allowed s"
      stop_daemon
    fi
    return 1
  fi
  echo "$name: $("$python" -B "$here/summarise.py" brief "$file")"
}

# conclude TEXT NAME...: what a step says last, which its row in the table shows: the names of what failed, else the text.
conclude() {
  local what=$1
  shift
  if [ $# -gt 0 ]; then echo "FAILED: $*"; else echo "$what"; fi
  [ $# -eq 0 ]
}

step_smoke() {
  limited 20 "$bin/metronomed" --version
  if command -v nvidia-smi >/dev/null; then
    limited 20 nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm,power.limit --format=csv || echo "nvidia-smi failed"
  fi
  ensure_daemon || { unavailable=yes; return 1; }
  limited 60 "$bin/bench-client" status --server "$address" >"$work/details/status.txt" || { cat "$work/details/status.txt"; return 1; }
  cat "$work/details/status.txt"
  grep -o 'libraries: .*' "$work/details/daemon.log" | tail -1 || true
  if ! grep "^backend $backend: " "$work/details/status.txt" | grep -qv ": not available"; then
    echo "the backend $backend is not available: $(grep "^backend $backend: " "$work/details/status.txt" || echo 'this metronomed does not know it')"
    unavailable=yes daemon_failures=2
    return 1
  fi
  bench smoke 60 --models tiny-llama --paths graph --prompt-tokens 8 --decode-tokens 4
}

# latency NAME MODEL FLAG...: on the path `graph`, and where that fails on `compiled`, the same kernels launched one by one.
latency() {
  local name=$1 model=$2
  shift 2
  bench "$name" 180 --models "$model" --paths graph --weights synthetic "${load[@]}" "$@" && return
  bench "$name-compiled" 120 --models "$model" --paths compiled --weights synthetic "${load[@]}" "$@" || true
  return 1
}

# explain MODEL TOKENS PAST: a step taken apart.
explain() {
  local name=explain-$1-$2 file=$work/details/explain-$1-$2.txt
  limited 120 "$bin/bench-client" explain "$1" --server "$address" --path graph --weights synthetic --seed 42 --tokens "$2" --past "$3" \
    >"$file" 2>"$work/bench.err" || { echo "$name FAILED: $(tail -1 "$work/bench.err")"; return 1; }
  "$python" -B "$here/summarise.py" explain "$work/raw/$name.json" "$1" "$file"
}

# The model of a step taken apart lies where its latency is measured, so that its weights are made once.
step_explain() {
  local model failed=() prompt
  if [ "$quick" = yes ]; then prompt=32; else prompt=1024; fi
  for model in "${main_models[@]}"; do
    ensure_daemon || return
    explain "$model" 1 64 || failed+=("$model")
    explain "$model" "$prompt" 0 || failed+=("$model")
    latency "latency-$model" "$model" || failed+=("$model")
    if [ -n "$daemon" ]; then limited 30 "$bin/bench-client" unload "$model" --server "$address" || stop_daemon; fi
  done
  conclude "${#main_models[@]} models" "${failed[@]}"
}

step_parity() {
  limited 120 "$python" -c 'import torch, transformers, safetensors' || { echo "$python has no torch, transformers or safetensors"; return 1; }
  ensure_daemon || return
  limited 400 "$python" -B "$here/model_parity.py" --client "$bin/bench-client" --server "$address" --output "$work/raw/parity.json"
}

step_latency() {
  local model failed=()
  for model in "${models[@]}"; do latency "latency-$model" "$model" || failed+=("$model"); done
  conclude "${#models[@]} models" "${failed[@]}"
}

step_search() {
  local model failed=()
  for model in "${main_models[@]}"; do
    latency "search-$model" "$model" --search-iterations "$search_iterations" || failed+=("$model")
  done
  conclude "${#main_models[@]} models with $search_iterations plans tried" "${failed[@]}"
}

step_scaling() {
  local model failed=()
  for model in "${scaling_models[@]}"; do
    bench "scaling-$model" 120 --models "$model" --paths graph --weights synthetic --scaling --max-cache-len "$positions" || failed+=("$model")
  done
  conclude "${#scaling_models[@]} models to $positions positions" "${failed[@]}"
}

step_generation() {
  local model config failed=()
  for config in short medium; do
    for model in "${generation_models[@]}"; do
      bench "generation-$config-$model" 90 --models "$model" --paths graph --weights synthetic --config "$config" || failed+=("$model")
    done
  done
  conclude "${#generation_models[@]} models" "${failed[@]}"
}

# measure_peer PEER MODEL FILE SECONDS
measure_peer() {
  local arguments=(--peer "$1" --model "$2" --device "$backend" --dtype bfloat16 --timeout-s "$4" "${load[@]}")
  limited "$(($4 + 10))" "$python" -B "$root/client/peers/run_peer.py" "${arguments[@]}" >"$3" 2>"$work/peer.err" || {
    echo "$1 $2 FAILED: $(tail -1 "$work/peer.err")"
    [ -s "$3" ] || rm -f "$3"
    return 1
  }
  echo "$1 $2: $("$python" -B "$here/summarise.py" brief "$3")"
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
  local peer model left measured=() failed=() name
  measure_peer bandwidth - "$work/raw/bandwidth.json" 60 || failed+=(bandwidth)
  for peer in hf_eager torch_compile; do
    for model in "${peer_models[@]}"; do
      name=$work/raw/peer-$peer-$model.json
      left=$(($(remaining) - 25))  # The peer's own limit comes first, so that its result says so; then they are recorded.
      if [ "$left" -lt 10 ]; then
        failed+=("no time was left for $peer:$model")
        continue
      fi
      measure_peer "$peer" "$model" "$name" $((left < 150 ? left : 150)) || failed+=("$peer:$model")
      if [ -s "$name" ]; then measured+=("$name"); fi
    done
  done
  if [ ${#measured[@]} -gt 0 ]; then record_peers "${measured[@]}" || failed+=(record); fi
  conclude "${#measured[@]} measured" "${failed[@]}"
}
