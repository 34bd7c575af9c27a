# The steps `kernels` and `sanitizer` of run.sh, which sources this: its variables and functions are used here.
# shellcheck shell=bash disable=SC2154

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

# small_filter FILE: the patterns of small_tests as a filter of GoogleTest. A pattern that matches no test is an error, and so is a suite of CUDA's
# that no family has: a test that is new or was renamed must not silently go untried. A suite that only CUDA's program has is left out on the CPU.
small_filter() {
  local line family pattern suite patterns suites filter='' families='' failed=0
  suites=" $(list_tests 'On/*' | sed -n 's/^On\/\(.*\)\.$/\1/p' | tr '\n' ' ')"
  [ "$suites" != ' ' ] || { echo "$(basename "$(test_program)") lists no test"; return 1; }
  for line in "${small_tests[@]}"; do
    read -ra patterns <<<"$line"
    family=${patterns[0]}
    for pattern in "${patterns[@]:1}"; do
      suite=${pattern%%.*}
      families+=" $suite "
      if [[ $backend == cpu && $suites != *" $suite "* ]]; then continue; fi
      if ! list_tests "On/$pattern" | grep '^  ' >/dev/null; then
        echo "no test of $(basename "$(test_program)") matches On/$pattern, of the family $family"
        failed=1
      fi
      filter+=${filter:+:}On/$pattern
    done
  done
  for suite in $suites; do
    if [[ $backend == cuda && $families != *" $suite "* ]]; then
      echo "no family has a test of the suite On/$suite"
      failed=1
    fi
  done
  echo "$filter" >"$1"
  return "$failed"
}

# judge CODE FILE: what is worth reading of GoogleTest's output and exit code. Holds where no test failed and one passed: a program all of whose
# tests were skipped has tested nothing.
judge() {
  local code=$1 file=$2 passed skipped
  passed=$(grep -c '^\[       OK \]' "$file" || true)
  skipped=$(grep -c '^\[  SKIPPED \].*ms)$' "$file" || true)
  if [ "$code" -ne 0 ]; then grep -vE '^\[( +OK |-+|=+| RUN +)\]' "$file" | tail -40; fi
  echo "$passed tests passed, $skipped skipped"
  if [ "$code" -eq 124 ] || [ "$code" -eq 137 ]; then
    echo "stopped: not done within $allowed s; the last test was $(sed -n 's/^\[ RUN      \] //p' "$file" | tail -1 | grep . || echo 'not reached')"
  elif [ "$code" -ne 0 ]; then
    echo "exit code $code after $passed tests passed"
  elif [ "$passed" -eq 0 ]; then
    echo "no test passed"
  fi
  [ "$code" -eq 0 ] && [ "$passed" -gt 0 ]
}

step_kernels() {
  have_test_program || return
  local code=0 arguments=()
  small_filter "$work/filter" || return 1
  if [ "$quick" = yes ]; then arguments+=("--gtest_filter=$(cat "$work/filter")"); fi
  limited 300 env LD_LIBRARY_PATH="$cuda_libraries" "$(test_program)" --gtest_color=no "${arguments[@]}" >"$work/gtest.txt" 2>&1 || code=$?
  judge "$code" "$work/gtest.txt"
}

find_sanitizer() {
  local folder
  for folder in '' /usr/local/cuda/bin/ /usr/local/cuda/compute-sanitizer/; do
    if command -v "${folder}compute-sanitizer"; then return; fi
  done
  return 1
}

step_sanitizer() {
  if [ "$backend" != cuda ]; then echo "compute-sanitizer is for CUDA"; return 77; fi
  have_test_program || return
  local sanitizer entry tool limit code failed=0 summary=''
  sanitizer=$(find_sanitizer) || { echo "compute-sanitizer is not on this machine"; return 77; }
  small_filter "$work/filter" || return 1
  for entry in memcheck:150 racecheck:150 synccheck:60 initcheck:90; do
    tool=${entry%:*} limit=${entry#*:} code=0
    echo "$tool:"
    limited "$limit" env LD_LIBRARY_PATH="$cuda_libraries" "$sanitizer" --tool "$tool" --error-exitcode 1 --print-limit 20 "$(test_program)" \
      --gtest_color=no "--gtest_filter=$(cat "$work/filter")" >"$output/sanitizer-$tool.txt" 2>&1 || code=$?
    if judge "$code" "$output/sanitizer-$tool.txt"; then
      summary+="$tool ok, "
    else
      failed=1 summary+="$tool FAILED, "
    fi
  done
  echo "${summary%, }"
  return "$failed"
}
