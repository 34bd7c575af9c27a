# Processes within limits, and the daemon. run.sh sources this: its variables are used here.
# shellcheck shell=bash disable=SC2154

children=()  # What was begun and not yet waited for.
codes=()     # Exit codes of what wait_all has waited for.
allowed=0    # Seconds that what was begun last may take.
daemon='' address='' daemon_failures=0

remaining() { echo $((step_deadline - SECONDS)); }

# begin SECONDS COMMAND...: starts it within its own limit and what is left of the step: `allowed`. 124 where nothing is left. Not in the
# foreground, so that a signal to this script is seen at once.
begin() {
  local limit=$1 left
  shift
  left=$(remaining)
  [ "$left" -ge "$limit" ] || limit=$left
  allowed=$limit
  [ "$limit" -gt 0 ] || { echo "no time is left for $(basename "$1")" >&2; return 124; }
  timeout --kill-after=5 "$limit" "$@" 3>&- 4>&- &
  children+=($!)
}

# wait_all: `codes` has the exit codes of what was begun, in that order; 124 or 137 where its limit stopped it.
wait_all() {
  local child code
  codes=()
  for child in "${children[@]}"; do
    code=0
    wait "$child" || code=$?
    codes+=("$code")
  done
  children=()
}

# limited SECONDS COMMAND...: begins it and waits for it alone.
limited() {
  begin "$@" || return
  wait_all
  return "${codes[0]}"
}

# What this shell has running, also what a signal met between its start and its place in `children`.
end_children() {
  local running
  running=$(jobs -p)
  # shellcheck disable=SC2086  # A list of numbers.
  if [ -n "$running" ]; then kill $running 2>/dev/null || true; fi
}

# A daemon that waits for a device that hangs does not hear SIGTERM, and may not hear SIGKILL: it is not waited for.
stop_daemon() {
  [ -n "$daemon" ] || return 0
  local signal
  for signal in TERM KILL; do
    kill "-$signal" "$daemon" 2>/dev/null || true
    for _ in $(seq 50); do
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

# Starts the daemon unless it is there: one that crashed in a step must not take the next ones with it. One that has not started twice is not tried
# again, so that a call does not spend its time on it.
ensure_daemon() {
  if [ -n "$daemon" ] && kill -0 "$daemon" 2>/dev/null; then return; fi
  if [ "$daemon_failures" -ge 2 ]; then
    echo "metronomed has not started $daemon_failures times: $(tail -1 "$work/details/daemon.log")"
    return 1
  fi
  local flags=(--listen 127.0.0.1:0 --metrics-listen '' --db "$work/metronome.db" --plan-cache "$cache/plans" --port-file "$work/ports"
    --model-root "${TMPDIR:-/tmp}")  # Where step_parity writes its models.
  if limited 20 "$bin/metronomed" --help | grep -- --backend >/dev/null; then
    flags+=(--backend "$backend")
  elif [ "$backend" != cpu ]; then
    echo "$bin/metronomed has no flag --backend: it was built without other backends than the CPU's"
    daemon_failures=2
    return 1
  fi
  rm -f "$work/ports"
  XDG_CACHE_HOME=$cache LD_LIBRARY_PATH=$cuda_libraries "$bin/metronomed" "${flags[@]}" >>"$work/details/daemon.log" 2>&1 3>&- 4>&- &
  daemon=$!
  local give_up=$((SECONDS + 60))  # CUDA's libraries have 700 MB to read, the first time from a disk.
  while [ "$SECONDS" -lt "$give_up" ] && [ "$(remaining)" -gt 0 ]; do
    if [ -s "$work/ports" ] && grep -q '^metrics=' "$work/ports"; then
      address=127.0.0.1:$(sed -n 's/^grpc=//p' "$work/ports")
      return
    fi
    kill -0 "$daemon" 2>/dev/null || break
    sleep 0.1
  done
  daemon_failures=$((daemon_failures + 1))
  echo "metronomed did not start: $(tail -1 "$work/details/daemon.log")"
  stop_daemon
  return 1
}
