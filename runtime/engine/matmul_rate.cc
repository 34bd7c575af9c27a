#include "runtime/engine/matmul_rate.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "kernels/convert.h"
#include "runtime/base/clock.h"
#include "runtime/base/status_macros.h"

namespace metronome {
namespace {

constexpr int64_t kRows = 512, kColumns = 2048, kInner = 2048;
constexpr int kPasses = 7;

// A tensor of small numbers: zeros could be faster than what models hold.
absl::StatusOr<std::unique_ptr<Buffer>> Fill(Backend& backend, TensorView& view) {
  ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer, backend.Allocate(view.bytes()));
  view.data = buffer->data();
  std::vector<float> values(view.elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 2654435761u % 4093) / 4093.0f - 0.5f;
  std::vector<std::byte> bytes(view.bytes());
  ConvertElements(values.data(), DType::kFloat32, bytes.data(), view.dtype, view.elements());
  RETURN_IF_ERROR(backend.CopyToDevice(view.data, bytes.data(), view.bytes()));
  return buffer;
}

}  // namespace

absl::StatusOr<double> MeasureMatmulRate(Backend& backend, DType dtype) {
  ASSIGN_OR_RETURN(const Kernel* const linear, backend.FindKernel("linear"));
  std::array<TensorView, 2> inputs = {TensorView{.dtype = dtype, .shape = {kRows, kInner}},
                                      TensorView{.dtype = dtype, .shape = {kColumns, kInner}}};
  TensorView output = {.dtype = dtype, .shape = {kRows, kColumns}};
  std::vector<std::unique_ptr<Buffer>> buffers;
  for (TensorView* view : {&inputs[0], &inputs[1], &output}) {
    ASSIGN_OR_RETURN(buffers.emplace_back(), Fill(backend, *view));
  }
  const Attributes attributes = {{"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}};
  std::array<double, kPasses> seconds;
  for (double& pass : seconds) {
    const int64_t start = Clock::Real().MonotonicNs();
    RETURN_IF_ERROR(backend.Launch(
        *linear, {.inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes}));
    RETURN_IF_ERROR(backend.Synchronize());
    pass = static_cast<double>(Clock::Real().MonotonicNs() - start) * 1e-9;
  }
  std::sort(seconds.begin(), seconds.end());
  return 2.0 * kRows * kColumns * kInner / seconds[kPasses / 2];
}

}  // namespace metronome
