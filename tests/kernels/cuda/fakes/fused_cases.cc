#include "tests/kernels/cuda/fakes/fused_cases.h"

#include "kernels/cuda/program/fused_launcher.h"
#include "kernels/cuda/program/fused_source.h"

namespace metronome::testing {

std::vector<FusedCase> GeneratedFusedCases() {
  constexpr kernels::DType kF32 = kernels::DType::kFloat32, kBF16 = kernels::DType::kBFloat16,
                           kF16 = kernels::DType::kFloat16, kI32 = kernels::DType::kInt32,
                           kBool = kernels::DType::kBool;
  const std::string sum = "t0 = reduce_sum(x0); t1 = div(x0, t0); t2 = cast(t1, bfloat16); return t0, t2";
  const std::string norm =
      "t0 = cast(x0, float32); t1 = mul(t0, t0); t2 = reduce_sum(t1); t3 = mul(t2, 0.125); t4 = add(t3, 0.5); "
      "t5 = rsqrt(t4); t6 = mul(t0, t5); t7 = cast(t6, ";
  std::vector<FusedCase> cases = {
      // Rows of 8 lanes, a warp, a block; in vectors and not; a block with more columns than one pass takes.
      FusedCaseOf(sum, {{kF32, {70, 8}}}),
      FusedCaseOf(sum, {{kF32, {5, 7}}}),
      FusedCaseOf(sum, {{kF32, {3, 260}}}),
      FusedCaseOf(sum, {{kF32, {3, 99}}}),
      FusedCaseOf(sum, {{kF32, {2, 3000}}}),
      FusedCaseOf(sum, {{kF32, {2, 3001}}}),
      FusedCaseOf(sum, {{kF32, {4, 1}}}),
      FusedCaseOf(sum, {{kF32, {4, 0}}}),
      FusedCaseOf(norm + "bfloat16); t8 = mul(t7, x1); return t8", {{kBF16, {3, 512}}, {kBF16, {512}}}),
      FusedCaseOf(norm + "float16); t8 = mul(x1, t7); return t8", {{kF16, {2, 2, 130}}, {kF16, {130}}}),
      FusedCaseOf("t0 = select(x1, x0, -inf); t1 = reduce_max(t0); t2 = sub(t0, t1); t3 = exp(t2); "
                  "t4 = reduce_sum(t3); t5 = div(t3, t4); return t5",
                  {{kF32, {2, 3, 65}}, {kBool, {3, 65}}}),
      // Elements: vectors, a tail, broadcasts along rows and columns, every dtype.
      FusedCaseOf("t0 = add(x0, x1); t1 = mul(t0, 0.5); return t1", {{kBF16, {1000}}, {kBF16, {1000}}}),
      FusedCaseOf("t0 = add(x0, x1); t1 = tanh(t0); return t1", {{kBF16, {1003}}, {kBF16, {1003}}}),
      FusedCaseOf("t0 = add(x0, x1); t1 = mul(t0, x2); return t1, t0", {{kF16, {6, 32}}, {kF16, {32}}, {kF16, {6, 1}}}),
      FusedCaseOf("t0 = add(x0, x1); t1 = mul(t0, x2); return t1", {{kF32, {6, 5}}, {kF32, {6, 5}}, {kF32, {1}}}),
      FusedCaseOf("t0 = cast(x0, float32); t1 = mul(t0, x1); t2 = cos(t1); t3 = cast(t2, bfloat16); t4 = sin(t1); "
                  "t5 = cast(t4, bfloat16); return t3, t5",
                  {{kI32, {5, 1}}, {kF32, {16}}}),
      FusedCaseOf("t0 = sub(x0, 3); t1 = div(x0, t0); t2 = ge(t1, x1); t3 = and(t2, x2); t4 = cast(t3, int32); "
                  "t5 = maximum(t4, t1); return t5, t3",
                  {{kI32, {4, 3, 2}}, {kI32, {3, 1}}, {kBool, {2}}}),
  };
  // Results that are written more than once: copies side by side, and a row's sum in its columns.
  for (const int64_t width : {8, 5}) {
    cases.push_back(FusedCaseOf("t0 = mul(x0, x1); t1 = cos(t0); t2 = cast(t1, bfloat16); t3 = sin(t0); return t2, t3",
                                {{kF32, {7, 1, 1}}, {kF32, {1, width}}}));
    cases.back().output_shapes = {kernels::Shape({7, 2, width}), kernels::Shape({7, 2, width})};
    cases.push_back(FusedCaseOf("t0 = reduce_sum(x0); t1 = neg(t0); return t1, t0", {{kF16, {9, width}}}));
    cases.back().output_shapes = {kernels::Shape({9, width}), kernels::Shape({9, 1})};
  }
  for (uint64_t seed = 0; seed < 40; ++seed) cases.push_back(RandomFusedCase(seed));
  return cases;
}

std::string SourceOf(const FusedCase& fused, absl::string_view name) {
  // As the kernel will parse it.
  const kernels::FusedProgram program =
      kernels::FusedProgram::Parse(fused.program.ToString(), fused.program.inputs).value();
  const std::vector<kernels::TensorView> inputs = fused.InputViews();
  const std::vector<HostTensor> tensors = fused.NewOutputs();
  std::vector<kernels::TensorView> outputs;
  for (const HostTensor& tensor : tensors) outputs.push_back(tensor.View());
  const kernels::cuda::FusedArgs args =
      kernels::cuda::PrepareFused(program, {.inputs = inputs, .outputs = outputs}).value();
  return kernels::cuda::GenerateFusedSource(program, kernels::cuda::VariantOf(program, args), name);
}

}  // namespace metronome::testing
