#include "kernels/cpu/calibration/calibrate.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/host/cpu_features.h"

namespace metronome::kernels::cpu {
namespace {

// What a virtual machine says of its caches may be less than there is.
constexpr int64_t kLeastBytes = int64_t{96} << 20, kMostBytes = int64_t{1} << 30;

double NowSeconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

absl::StatusOr<CalibrationMemory> CalibrationMemory::Create(Backend& backend, int64_t bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<Buffer> buffer, backend.Allocate(bytes));
  // Sign and low bits are random below the exponent of 2^-7 for bfloat16 and 1 for float16; float32 is two of them.
  auto* const words = static_cast<uint64_t*>(buffer->data());
  uint64_t state = 1;
  for (int64_t i = 0; i < buffer->size_bytes() / 8; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;  // Knuth's MMIX generator.
    words[i] = ((state ^ (state >> 29)) & 0x80ff80ff80ff80ffu) | 0x3c003c003c003c00u;
  }
  return CalibrationMemory(std::move(buffer));
}

absl::StatusOr<CpuTuning> CalibrateCpu(Backend& backend, const ChoiceOptions& options) {
  const int64_t bytes = std::clamp(3 * LastLevelCacheBytes(), kLeastBytes, kMostBytes);
  ASSIGN_OR_RETURN(const CalibrationMemory memory, CalibrationMemory::Create(backend, bytes));
  ASSIGN_OR_RETURN(const std::vector<CalibratedForm> forms, ProductForms(backend, memory));
  CpuTuning tuning;
  for (const CalibratedForm& form : forms) {
    const auto time = [&](size_t candidate) -> absl::StatusOr<double> {
      const double start = NowSeconds();
      RETURN_IF_ERROR(form.run(form.candidates[candidate]));
      return NowSeconds() - start;
    };
    ASSIGN_OR_RETURN(const size_t chosen, ChooseCandidate(form.candidates.size(), time, options));
    tuning.Set(form.form, form.dtype, form.candidates[chosen]);
  }
  return tuning;
}

}  // namespace metronome::kernels::cpu
