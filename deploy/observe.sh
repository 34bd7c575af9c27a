#!/usr/bin/env bash
# Watch a daemon: Prometheus with our rules, Grafana with our dashboards where its binary is, and something to see: a daemon of its own with tiny
# models under load. Prints the addresses; Ctrl-C ends and removes everything. All listen on this machine alone.
#
#   ./deploy/observe.sh                                    a demonstration
#   ./deploy/observe.sh --metrics 127.0.0.1:9464           a daemon that runs already; no load
#   ./deploy/observe.sh --bin build/dev/bin                programs from elsewhere (default: build/release/bin, build/dev/bin, PATH)
#   ./deploy/observe.sh --prometheus-port 9090 --grafana-port 3000
set -euo pipefail
deploy=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
metrics='' bin='' prometheus_port=9090 grafana_port=3000

fail() { echo "observe.sh: $*" >&2; exit "${2:-1}"; }
while [ $# -gt 0 ]; do
  case $1 in
    --metrics) metrics=${2:?}; shift 2 ;;
    --bin) bin=${2:?}; shift 2 ;;
    --prometheus-port) prometheus_port=${2:?}; shift 2 ;;
    --grafana-port) grafana_port=${2:?}; shift 2 ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
command -v prometheus >/dev/null || fail "no prometheus in PATH: apt-get install prometheus"

directory=$(mktemp -d -t metronome_observe.XXXXXX)
children=()
# Children have process groups of their own, so that Ctrl-C reaches this script alone, and the load's clients end with the load.
set -m
end() {
  trap '' INT TERM HUP
  for child in "${children[@]}"; do kill -TERM -- "-$child" 2>/dev/null || true; done
  for child in "${children[@]}"; do wait "$child" 2>/dev/null || true; done
  rm -rf "$directory"
}
trap end EXIT
trap 'exit 0' INT TERM HUP

start() { # NAME COMMAND...: in the background, its output in NAME.log
  local name=$1
  shift
  "$@" >"$directory/$name.log" 2>&1 </dev/null &
  children+=($!)
}

await() { # NAME COMMAND...: until the command succeeds; NAME is what was started last
  local name=$1 child=${children[-1]}
  shift
  for _ in $(seq 600); do
    "$@" >/dev/null 2>&1 && return
    kill -0 "$child" 2>/dev/null || fail "$name ended:"$'\n'"$(tail -n 5 "$directory/$name.log")"
    sleep 0.1
  done
  fail "$name does not answer:"$'\n'"$(tail -n 5 "$directory/$name.log")"
}

answers() { # HOST:PORT PATH: whether it is 200 there
  local status=''
  exec 3<>"/dev/tcp/${1%:*}/${1##*:}" || return
  printf 'GET %s HTTP/1.0\r\n\r\n' "$2" >&3
  read -r -t 2 status <&3 || true
  exec 3>&-
  [[ $status == *' 200 '* ]]
}

# Prompts and answers of several lengths, benchmarks of two paths, calls that are wrong. Each client is a short process.
load() { # SERVER
  local server=$1 round=0 models=(tiny-llama tiny-qwen3 tiny-gemma3)
  for model in "${models[@]}"; do "$client" compile "$model" --server "$server"; done
  while :; do
    local model=${models[round % 3]}
    "$client" generate --model "$model" --prompt-tokens $((1 + RANDOM % 300)) --max-tokens $((2 + RANDOM % 150)) --server "$server" || true
    if [ $((round % 20)) = 0 ]; then
      "$client" run --models "$model" --paths compiled,eager --iters 5 --decode-tokens 20 --note "demo load" --server "$server" || true
    fi
    if [ $((round % 7)) = 0 ]; then "$client" generate --model llama-9 --prompt-tokens 3 --server "$server" || true; fi
    round=$((round + 1))
  done
}

if [ -z "$metrics" ]; then
  for folder in ${bin:+"$bin"} "$deploy/../build/release/bin" "$deploy/../build/dev/bin"; do
    if [ -x "$folder/metronomed" ]; then PATH=$(cd "$folder" && pwd):$PATH && break; fi
  done
  client=$(command -v bench-client) && command -v metronomed >/dev/null || fail "no metronomed and bench-client: build them, or --bin DIR"
  start metronomed metronomed --listen 127.0.0.1:0 --metrics-listen 127.0.0.1:0 --db "$directory/runs.db" --plan-cache off --calibration off \
    --port-file "$directory/ports"
  await metronomed grep -q '^metrics=' "$directory/ports"
  server=127.0.0.1:$(sed -n 's/^grpc=//p' "$directory/ports")
  metrics=127.0.0.1:$(sed -n 's/^metrics=//p' "$directory/ports")
  start load load "$server"
  echo "Daemon      $server, with a load of tiny models; its metrics: http://$metrics/metrics"
else
  echo "Daemon      http://$metrics/metrics"
fi

sed -e "s|127\.0\.0\.1:9464|$metrics|" -e "s|rules/\*\.yml|$deploy/prometheus/rules/*.yml|" "$deploy/prometheus/prometheus.yml" >"$directory/prometheus.yml"
prometheus=127.0.0.1:$prometheus_port
start prometheus prometheus --config.file="$directory/prometheus.yml" --storage.tsdb.path="$directory/tsdb" --web.listen-address="$prometheus"
await prometheus answers "$prometheus" /-/ready
echo "Prometheus  http://$prometheus/alerts"

grafana=()
if command -v grafana >/dev/null; then grafana=(grafana server); elif command -v grafana-server >/dev/null; then grafana=(grafana-server); fi
if [ ${#grafana[@]} -gt 0 ]; then
  [ ! -d /usr/share/grafana ] || grafana+=(--homepath /usr/share/grafana)
  start grafana env GF_SERVER_HTTP_ADDR=127.0.0.1 GF_SERVER_HTTP_PORT="$grafana_port" GF_PATHS_DATA="$directory/grafana" \
    GF_PATHS_LOGS="$directory/grafana" GF_PATHS_PROVISIONING="$deploy/grafana/provisioning" GF_AUTH_ANONYMOUS_ENABLED=true \
    GF_AUTH_ANONYMOUS_ORG_ROLE=Viewer GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION=true GF_ANALYTICS_REPORTING_ENABLED=false \
    GF_ANALYTICS_CHECK_FOR_UPDATES=false GF_PLUGINS_PREINSTALL_DISABLED=true \
    METRONOME_PROMETHEUS_URL="http://$prometheus" METRONOME_DASHBOARDS="$deploy/grafana/dashboards" "${grafana[@]}"
  await grafana answers "127.0.0.1:$grafana_port" /api/health
  echo "Grafana     http://127.0.0.1:$grafana_port/d/metronome-service"
else
  echo "Grafana     is not installed here; deploy/grafana/compose.yml has it in a container"
fi
echo "Ctrl-C ends all of them."
wait -n "${children[@]}" || true
fail "one of them ended; the last lines:"$'\n'"$(tail -qn 3 "$directory"/*.log)"
