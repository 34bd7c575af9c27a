# What each call of run.sh does and for how long, and with which models. run.sh sources this: its variables are used here.
# shellcheck shell=bash disable=SC2034,SC2154

all_steps=(driver smoke kernels explain bench parity latency scaling search generation sweep ncu peers sanitizer)

# Steps of the calls 1 to 3 with their seconds, most valuable first. What a step leaves of its seconds is the next one's, so that each has at least
# its own. A call also starts up (unpacks, builds) and packs what it found; all of it together is at most call_seconds.
call_seconds=([1]=360 [2]=480 [3]=420)
start_seconds=20 pack_seconds=15
call_1=(driver:40 smoke:30 kernels:70 explain:120 bench:60)
call_2=(parity:120 latency:170 scaling:60 search:90)
call_3=(sweep:90 ncu:45 peers:150 sanitizer:95)

# Without a call: seconds that each step may take at most. Together they are more than the budget: what one does not use is the next one's.
declare -A step_limits=([driver]=60 [smoke]=120 [kernels]=300 [explain]=300 [bench]=180 [parity]=300 [latency]=480 [scaling]=200 [search]=300
  [generation]=240 [sweep]=240 [ncu]=120 [peers]=540 [sanitizer]=460)

declare -A step_texts=(
  [driver]='memory, recordings and libraries of the driver, as the backend uses them'
  [smoke]='versions, status, one tiny model as a CUDA graph'
  [kernels]='cuda_gpu_test, in shards side by side'
  [explain]='of four models, as CUDA graphs: what a step spends its time on, and latency'
  [bench]='every kernel at the shapes of the models, and what an edge of a graph costs'
  [parity]='small random models of every family beside transformers'
  [latency]='nine models as CUDA graphs'
  [scaling]='decode steps by depth'
  [search]='latency of four models after a search for their plans'
  [generation]='the configurations short and medium'
  [sweep]='the kernels over the values of their tuning'
  [ncu]='hardware counters of the kernels'
  [peers]="torch's bandwidth, transformers, torch.compile"
  [sanitizer]='memcheck and racecheck of small tests; all tools where a family failed')

# Models, the largest first: what needs the most memory and time is not what a call that runs late leaves out.
choose_models() {
  if [ "$quick" = yes ]; then
    main_models=(tiny-qwen3-moe tiny-llama)
    models=(tiny-gemma4 tiny-qwen3-moe tiny-gemma3 tiny-qwen3 tiny-qwen2 tiny-llama)
    scaling_models=(tiny-gemma3 tiny-qwen2)
    generation_models=(tiny-gemma3 tiny-llama)
    peer_models=(tiny-gemma3 tiny-llama)
    positions=512 search_iterations=8
    load=(--prompt-tokens 16 --decode-tokens 8 --iters 2 --warmups 1 --seed 42)
  else
    main_models=(qwen3-30b-a3b llama-3-8b qwen3-4b llama-3.2-1b)
    models=(qwen3-30b-a3b gemma4-26b-a4b llama-3-8b qwen3-4b gemma3-4b qwen3-1.7b qwen2.5-1.5b llama-3.2-1b gemma3-1b)
    scaling_models=(gemma3-4b qwen2.5-1.5b)
    generation_models=(qwen3-1.7b llama-3.2-1b gemma3-1b)
    peer_models=(llama-3-8b qwen3-4b llama-3.2-1b)
    positions=32768 search_iterations=40
    load=(--prompt-tokens 128 --decode-tokens 64 --iters 5 --warmups 2 --seed 42)
  fi
  if [ ${#only_models[@]} -gt 0 ]; then
    main_models=("${only_models[@]}") models=("${only_models[@]}") peer_models=("${only_models[@]}")
  fi
}

# choose_steps: sets `steps`, and `planned_end`, the second of this call at which each must be done, of a call with a number.
declare -A planned_end=()
choose_steps() {
  local entry at=$start_seconds entries
  if [ -z "$call" ]; then return; fi
  local -n entries=call_$call
  steps=()
  for entry in "${entries[@]}"; do
    at=$((at + ${entry#*:}))
    steps+=("${entry%:*}")
    planned_end[${entry%:*}]=$at
  done
  budget_seconds=${call_seconds[$call]}
}

# print_plan: the steps that this call will take, a line each: until when, its name, what it does.
print_plan() {
  local step
  echo "call ${call:-of chosen steps}: $budget_seconds s, of them $start_seconds to start and $pack_seconds to pack"
  for step in "${steps[@]}"; do
    printf '%5s s  %-10s %s\n' "${planned_end[$step]:-<=${step_limits[$step]}}" "$step" "${step_texts[$step]}"
  done
}
