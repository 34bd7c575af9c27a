# The steps `driver`, `kernels` and `sanitizer` of run.sh, which sources this: its variables and functions are used here.
# shellcheck shell=bash disable=SC2154,SC2034

# A few small tests of each kernel family, a family a line and then its patterns: compute-sanitizer slows kernels down some hundred times.
# Between them they take every kernel of the catalogue.
small_tests=(
  'elementwise ElementwiseTest.UnaryPropagates* ElementwiseTest.BinaryBroadcasts* ElementwiseTest.Compare* ElementwiseTest.AndAndSelect* ElementwiseTest.CastRounds*'
  'layout LayoutTest.*'
  'reduction RowTest.ReducePropagates* RowTest.ReduceFolds*'
  'softmax RowTest.SoftmaxGivesMasked* RowTest.SoftmaxSurvives*'
  'normalisation RowTest.RmsNormKeepsNan* RowTest.AddRmsNorm*'
  'rotary RowTest.RopeRotates*'
  'activation RowTest.GatedActivationSaturates* RowTest.Softcap* FusedLinearTest.Activation*'
  'selection RowTest.Argmax* RowTest.TopK*'
  'attention-decode AttentionTest.ExtremeScores* AttentionTest.DecodeMatches*'
  'attention-prefill AttentionTest.Poison* AttentionTest.PrefillMatches*'
  'gemv LinearTest.FewRows* LinearTest.Residual*'
  'gemm LinearTest.ManyRows* LinearTest.Nan*'
  'gated FusedLinearTest.GatedLinear*'
  'group FusedLinearTest.GroupsAre*'
  'norm-prologue NormLinearTest.NanStays* NormLinearTest.EmptySizes*'
  'qkv QkvRopeCacheTest.TuningKeeps* QkvRopeCacheTest.NoRows*'
  'fused FusedTest.ProgramsOfModels* FusedTest.SmallerResults*'
  'experts ExpertsTest.*'
  'matmul MatmulTest.*'
  'library LibraryTest.LinearGroup* LibraryTest.GatedLinear*'
  'draw TokenDrawTest.Broken* TokenDrawTest.AFull*'
)

test_program() { if [ "$backend" = cuda ]; then echo "$bin/cuda_gpu_test"; else echo "$bin/cpu_kernels_test"; fi; }

# Says so where the program is not there: a failure, but for the self-test on a bundle, which has no tests of the CPU's kernels.
have_test_program() {
  if [ -x "$(test_program)" ]; then return; fi
  echo "$(test_program) is not there"
  if [ "$backend" = cpu ]; then return 77; else return 1; fi
}

# list_tests PATTERN: as GoogleTest lists them, suites at the line's beginning, their tests indented.
list_tests() { limited 20 "$(test_program)" --gtest_list_tests "--gtest_filter=$1" 2>/dev/null; }

family_names() { printf '%s\n' "${small_tests[@]%% *}"; }

# small_filter FILE FAMILY...: the patterns of those families as a filter of GoogleTest. A pattern that matches no test is an error, and so is a
# suite of CUDA's that no family has: a test that is new or was renamed must not silently go untried. A suite that only CUDA's program has is left
# out on the CPU.
small_filter() {
  local file=$1 line pattern suite patterns suites filter='' known='' failed=0
  shift
  suites=" $(list_tests 'On/*' | sed -n 's/^On\/\(.*\)\.$/\1/p' | tr '\n' ' ')"
  [ "$suites" != ' ' ] || { echo "$(basename "$(test_program)") lists no test"; return 1; }
  for line in "${small_tests[@]}"; do
    read -ra patterns <<<"$line"
    for pattern in "${patterns[@]:1}"; do
      suite=${pattern%%.*}
      known+=" $suite "
      if [[ $backend == cpu && $suites != *" $suite "* ]]; then continue; fi
      if ! list_tests "On/$pattern" | grep '^  ' >/dev/null; then
        echo "no test of $(basename "$(test_program)") matches On/$pattern, of the family ${patterns[0]}"
        failed=1
      fi
      if [[ " $* " == *" ${patterns[0]} "* ]]; then filter+=${filter:+:}On/$pattern; fi
    done
  done
  for suite in $suites; do
    if [[ $backend == cuda && $known != *" $suite "* ]]; then
      echo "no family has a test of the suite On/$suite"
      failed=1
    fi
  done
  echo "$filter" >"$file"
  return "$failed"
}

# families_of FILE...: the families, a line each, that have a pattern of a suite of which a test failed or was under way when its process died.
families_of() {
  local file suites line pattern patterns
  suites=" $(for file in "$@"; do
    sed -n 's/^\[  FAILED  \] On\/\([A-Za-z0-9]*\)\..*/\1/p' "$file"
    # The last line of a process that died is that of the test it was in.
    tail -1 "$file" | sed -n 's/^\[ RUN      \] On\/\([A-Za-z0-9]*\)\..*/\1/p'
  done | sort -u | tr '\n' ' ')"
  for line in "${small_tests[@]}"; do
    read -ra patterns <<<"$line"
    for pattern in "${patterns[@]:1}"; do
      if [[ $suites == *" ${pattern%%.*} "* ]]; then echo "${patterns[0]}" && break; fi
    done
  done
}

count() { cat "${@:2}" | grep -c "$1" || true; }

# judge FILE...: what is worth reading of GoogleTest's output, with its exit codes in `codes`. Holds where no test failed and one passed: programs
# all of whose tests were skipped have tested nothing.
judge() {
  local file code i=0 passed failed=0 problems=''
  passed=$(count '^\[       OK \]' "$@")
  for file in "$@"; do
    code=${codes[$i]} i=$((i + 1))
    [ "$code" -ne 0 ] || continue
    failed=1
    grep -vE '^\[( +OK |-+|=+| RUN +)\]' "$file" | tail -40
    if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
      problems+="stopped: not done within $allowed s; the last test was $(sed -n 's/^\[ RUN      \] //p' "$file" | tail -1 | grep . || echo 'not reached'). "
    else
      problems+="exit code $code. "
    fi
  done
  if [ "$passed" -eq 0 ]; then failed=1 problems+='no test passed. '; fi
  echo "$passed tests passed, $(count '^\[  SKIPPED \].*ms)$' "$@") skipped${problems:+; ${problems% }}"
  return "$failed"
}

# test_in_shards NAME SECONDS SHARDS COMMAND...: a program of GoogleTest, a part of its tests in each of so many processes side by side. What they
# print is in details/NAME-0.txt and so on. shards_begin alone does not wait: `wait_all`.
shards_begin() {
  local name=$1 limit=$2 shards=$3 i
  shift 3
  mkdir -p "$(dirname "$work/details/$name")"
  for ((i = 0; i < shards; i++)); do
    begin "$limit" env LD_LIBRARY_PATH="${test_libraries:-$cuda_libraries}" GTEST_TOTAL_SHARDS="$shards" GTEST_SHARD_INDEX="$i" "$@" \
      --gtest_color=no >"$work/details/$name-$i.txt" 2>&1 || return
  done
}

# A process on the GPU takes about a gigabyte of host memory and a core for the oracles.
shard_count() {
  local cores
  cores=$(nproc)
  echo $((cores < 12 ? cores : 12))
}

step_driver() {
  if [ "$backend" != cuda ]; then echo "the driver's test is for CUDA"; return 77; fi
  have_test_program || return
  list_tests 'CudaDriverHardwareTest.*' | grep '^  ' >/dev/null || { echo "cuda_gpu_test has no test CudaDriverHardwareTest"; return 1; }
  shards_begin driver 60 1 "$(test_program)" '--gtest_filter=CudaDriverHardwareTest.*' || return
  wait_all
  judge "$work/details/driver-0.txt"
}

step_kernels() {
  have_test_program || return
  local filter='-CudaDriverHardwareTest.*' shards files families
  mapfile -t families < <(family_names)
  small_filter "$work/filter" "${families[@]}" || return 1
  if [ "$quick" = yes ]; then filter=$(cat "$work/filter"); fi
  shards=$(shard_count)
  shards_begin kernels/shard 300 "$shards" "$(test_program)" "--gtest_filter=$filter" || return
  wait_all
  mapfile -t files < <(seq -f "$work/details/kernels/shard-%.0f.txt" 0 $((shards - 1)))
  families_of "${files[@]}" >"$work/details/kernels/failed_families.txt"
  judge "${files[@]}" && return
  if [ -s "$work/details/kernels/failed_families.txt" ]; then
    echo "$(count '^\[       OK \]' "${files[@]}") tests passed, $(count '^\[  FAILED  \].*ms)$' "${files[@]}") failed;" \
      "of the families $(tr '\n' ' ' <"$work/details/kernels/failed_families.txt")"
  fi
  return 1
}

find_sanitizer() {
  local folder
  for folder in '' /usr/local/cuda/bin/ /usr/local/cuda/compute-sanitizer/; do
    if command -v "${folder}compute-sanitizer"; then return; fi
  done
  return 1
}

# Some virtual machines have a GPU that compute-sanitizer cannot attach to: that says nothing about the kernels.
refusal() { grep -m 1 -ihE 'device not supported|not supported on this|failed to initialize|unable to (attach|initialize)|\b999\b' "$@"; }

# sanitize TOOL FILE...: with `codes` of its processes; adds a word to `summary`.
sanitize() {
  local tool=$1
  shift
  echo "$tool:"
  if [ "$(count '^\[       OK \]' "$@")" -eq 0 ] && refusal "$@"; then
    summary+="$tool refused by this machine, "
  elif judge "$@"; then
    held=$((held + 1)) summary+="$tool ok, "
  else
    failed=1 summary+="$tool FAILED, "
  fi
}

# Without cuBLASLt, whose thousands of kernels the sanitizer would take minutes to instrument: a library of its name that has none of its functions
# comes first. Tools run side by side.
step_sanitizer() {
  if [ "$backend" != cuda ]; then echo "compute-sanitizer is for CUDA"; return 77; fi
  have_test_program || return
  local sanitizer tool tools=(memcheck racecheck) families shards i files all_codes failed=0 held=0 summary='' test_libraries=$work/without:$cuda_libraries
  sanitizer=$(find_sanitizer) || { echo "compute-sanitizer is not on this machine"; return 77; }
  if [ ${#failed_families[@]} -eq 0 ] && [ -s "$work/details/kernels/failed_families.txt" ]; then
    mapfile -t failed_families <"$work/details/kernels/failed_families.txt"
  fi
  if [ ${#failed_families[@]} -gt 0 ]; then
    tools=(memcheck racecheck synccheck initcheck) families=("${failed_families[@]}")
    if [[ " ${families[*]} " == *" library "* ]]; then test_libraries=$cuda_libraries; fi
    echo "the families that failed: ${families[*]}"
  else
    mapfile -t families < <(family_names | grep -vx library)
  fi
  small_filter "$work/filter" "${families[@]}" || return 1
  grep -q . "$work/filter" || { echo "no family of ${families[*]}; there are: $(family_names | tr '\n' ' ')"; return 1; }
  mkdir -p "$work/without"
  ln -sf "$(ldconfig -p | awk '$1 == "libm.so.6" {print $NF; exit}')" "$work/without/libcublasLt.so.13"
  ln -sf libcublasLt.so.13 "$work/without/libcublasLt.so.12"
  shards=$((($(shard_count) + ${#tools[@]} - 1) / ${#tools[@]}))
  for tool in "${tools[@]}"; do
    shards_begin "sanitizer/$tool" 400 "$shards" "$sanitizer" --tool "$tool" --error-exitcode 1 --print-limit 20 "$(test_program)" \
      "--gtest_filter=$(cat "$work/filter")" || return
  done
  wait_all
  all_codes=("${codes[@]}")
  for i in "${!tools[@]}"; do
    codes=("${all_codes[@]:i * shards:shards}")
    mapfile -t files < <(seq -f "$work/details/sanitizer/${tools[i]}-%.0f.txt" 0 $((shards - 1)))
    sanitize "${tools[i]}" "${files[@]}"
  done
  echo "${summary%, }"
  [ "$failed" -eq 0 ] || return 1
  [ "$held" -gt 0 ] || return 77
}
