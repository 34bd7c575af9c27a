#include <memory>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/calibration/calibrate.h"
#include "kernels/cpu/host/cpu_features.h"

namespace metronome::kernels::cpu {
namespace {

// Matrices [kRows, kColumns], about as large as those of a model with a billion parameters: what a launch loses at its
// ends counts.
constexpr int64_t kRows = 2048, kColumns = 2048;
// Rows of x that stand for a short prompt.
constexpr int64_t kPromptRows = 16;

Attributes Way(int64_t streams, int64_t prefetch, int64_t slice_kib, int64_t order = 0) {
  return {{"tune_streams", streams}, {"tune_prefetch", prefetch}, {"tune_slice", slice_kib}, {"tune_order", order}};
}

std::vector<Attributes> WaysOfOneRow() {
  std::vector<Attributes> ways = {{}};
  for (const int64_t streams : {1, 2, 4, 8}) {
    for (const int64_t prefetch : {0, 256, 1024}) ways.push_back(Way(streams, prefetch, 512));
  }
  for (const int64_t streams : {2, 4, 8}) {
    for (const int64_t slice : {256, 1024}) ways.push_back(Way(streams, 0, slice));
  }
  for (const int64_t streams : {4, 8}) {
    ways.push_back(Way(streams, 4096, 512));
    ways.push_back(Way(streams, 0, 512, 1));
  }
  ways.push_back(Way(8, 4096, 512, 1));
  return ways;
}

std::vector<Attributes> WaysOfRows() {
  std::vector<Attributes> ways = {{}};
  for (const int64_t prefetch : {0, 1024}) {
    for (const int64_t slice : {128, 256, 512, 1024})
      ways.push_back({{"tune_prefetch", prefetch}, {"tune_slice", slice}});
  }
  return ways;
}

// One launch after the other over all the memory, each with its own weights.
struct Launches {
  Backend* backend;
  const Kernel* kernel;
  TensorView x;
  std::vector<std::vector<TensorView>> weights;  // Of each launch.
  std::shared_ptr<Buffer> output;
  TensorView y;

  absl::Status operator()(const Attributes& candidate) const {
    Attributes attributes = {
        {"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}, {"activation", std::string("silu")}};
    if (kernel->name() == "linear") attributes.Set("activation", std::string());
    for (const auto& [name, value] : candidate.values()) attributes.Set(name, value);
    for (const std::vector<TensorView>& own : weights) {
      std::vector<TensorView> inputs = {x};
      inputs.insert(inputs.end(), own.begin(), own.end());
      RETURN_IF_ERROR(backend->Launch(
          *kernel, {.inputs = inputs, .outputs = absl::MakeConstSpan(&y, 1), .attributes = &attributes}));
    }
    return absl::OkStatus();
  }
};

absl::StatusOr<Launches> MakeLaunches(Backend& backend, const CalibrationMemory& memory, absl::string_view name,
                                      DType dtype, int64_t rows, int matrices) {
  ASSIGN_OR_RETURN(const Kernel* const kernel, backend.FindKernel(name));
  ASSIGN_OR_RETURN(std::unique_ptr<Buffer> output, backend.Allocate(rows * kRows * 4));
  Launches launches = {.backend = &backend,
                       .kernel = kernel,
                       .x = memory.View(dtype, {rows, kColumns}, 0),
                       .weights = {},
                       .output = std::move(output),
                       .y = {}};
  launches.y = {.data = launches.output->data(), .dtype = dtype, .shape = {rows, kRows}};
  const int64_t matrix = kRows * kColumns * static_cast<int64_t>(SizeOf(dtype));
  for (int64_t at = 0; at + matrices * matrix <= memory.bytes(); at += matrices * matrix) {
    std::vector<TensorView>& own = launches.weights.emplace_back();
    for (int i = 0; i < matrices; ++i) own.push_back(memory.View(dtype, {kRows, kColumns}, at + i * matrix));
  }
  return launches;
}

}  // namespace

absl::StatusOr<std::vector<CalibratedForm>> ProductForms(Backend& backend, const CalibrationMemory& memory) {
  std::vector<CalibratedForm> forms;
  const auto add = [&](TunedForm form, absl::string_view kernel, DType dtype, int64_t rows,
                       int matrices) -> absl::Status {
    ASSIGN_OR_RETURN(Launches launches, MakeLaunches(backend, memory, kernel, dtype, rows, matrices));
    forms.push_back({form, dtype, rows == 1 ? WaysOfOneRow() : WaysOfRows(), std::move(launches)});
    return absl::OkStatus();
  };
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16, DType::kFloat32}) {
    RETURN_IF_ERROR(add(TunedForm::kProduct, "linear", dtype, 1, 1));
    RETURN_IF_ERROR(add(TunedForm::kGated, "gated_linear", dtype, 1, 2));
  }
  if (backend.Describe().instruction_set == Name(InstructionSet::kAvx512Bf16))
    RETURN_IF_ERROR(add(TunedForm::kProductOfRows, "linear", DType::kBFloat16, kPromptRows, 1));
  return forms;
}

}  // namespace metronome::kernels::cpu
