#include "runtime/engine/matmul_rate.h"

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/interface/convert.h"

namespace metronome::runtime {
namespace {

constexpr int64_t kLeastSize = 128, kMostSize = 8192;  // Of columns and of what is summed; a quarter as many rows.
constexpr double kEnoughSeconds = 2e-3;                // Much longer than a launch takes.
constexpr int kPasses = 7;

// A tensor of small numbers: zeros could be faster than what models hold.
absl::StatusOr<std::unique_ptr<kernels::Buffer>> Fill(kernels::Backend& backend, kernels::TensorView& view) {
  ASSIGN_OR_RETURN(std::unique_ptr<kernels::Buffer> buffer, backend.Allocate(view.bytes()));
  view.data = buffer->data();
  std::vector<float> values(view.elements());
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i * 2654435761u % 4093) / 4093.0f - 0.5f;
  std::vector<std::byte> bytes(view.bytes());
  kernels::ConvertElements(values.data(), kernels::DType::kFloat32, bytes.data(), view.dtype, view.elements());
  RETURN_IF_ERROR(backend.CopyToDevice(view.data, bytes.data(), view.bytes()));
  return buffer;
}

// Median time of a product of [size / 4, size] by [size, size].
absl::StatusOr<double> MeasureSeconds(kernels::Backend& backend, const kernels::Kernel& linear, kernels::DType dtype,
                                      int64_t size) {
  std::array<kernels::TensorView, 2> inputs = {kernels::TensorView{.dtype = dtype, .shape = {size / 4, size}},
                                               kernels::TensorView{.dtype = dtype, .shape = {size, size}}};
  kernels::TensorView output = {.dtype = dtype, .shape = {size / 4, size}};
  std::vector<std::unique_ptr<kernels::Buffer>> buffers;
  for (kernels::TensorView* view : {&inputs[0], &inputs[1], &output}) {
    ASSIGN_OR_RETURN(buffers.emplace_back(), Fill(backend, *view));
  }
  const kernels::Attributes attributes = {{"has_bias", int64_t{0}}, {"has_residual", int64_t{0}}};
  ASSIGN_OR_RETURN(const std::unique_ptr<kernels::TimeMark> start, backend.CreateMark());
  ASSIGN_OR_RETURN(const std::unique_ptr<kernels::TimeMark> end, backend.CreateMark());
  std::array<double, kPasses> seconds;
  for (double& pass : seconds) {
    RETURN_IF_ERROR(backend.SetMark(*start));
    RETURN_IF_ERROR(backend.Launch(
        linear, {.inputs = inputs, .outputs = absl::MakeConstSpan(&output, 1), .attributes = &attributes}));
    RETURN_IF_ERROR(backend.SetMark(*end));
    RETURN_IF_ERROR(backend.Synchronize());
    ASSIGN_OR_RETURN(pass, backend.SecondsBetween(*start, *end));
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[kPasses / 2];
}

}  // namespace

// As large as is needed for a time worth measuring, whatever the device's speed.
absl::StatusOr<double> MeasureMatmulRate(kernels::Backend& backend, kernels::DType dtype) {
  ASSIGN_OR_RETURN(const kernels::Kernel* const linear, backend.FindKernel("linear"));
  for (int64_t size = kLeastSize;; size *= 2) {
    ASSIGN_OR_RETURN(const double seconds, MeasureSeconds(backend, *linear, dtype, size));
    if (seconds < kEnoughSeconds && size < kMostSize) continue;
    return 2.0 * static_cast<double>(size / 4) * static_cast<double>(size) * static_cast<double>(size) / seconds;
  }
}

}  // namespace metronome::runtime
