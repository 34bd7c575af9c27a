#ifndef METRONOME_KERNELS_CPU_CALIBRATION_CALIBRATE_H_
#define METRONOME_KERNELS_CPU_CALIBRATION_CALIBRATE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "kernels/cpu/calibration/choose_candidate.h"
#include "kernels/cpu/calibration/cpu_tuning.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/backend.h"

namespace metronome::kernels::cpu {

// A form with the ways of working worth trying on any CPU.
struct CalibratedForm {
  TunedForm form;
  DType dtype;
  std::vector<Attributes> candidates;  // Tuning attributes; the first are empty: the kernel's own choice.
  // Runs one candidate once, over more memory than the caches of the processor hold.
  std::function<absl::Status(const Attributes& candidate)> run;
};

// Random numbers, moderate as float32, bfloat16 and float16 alike, for forms to read.
class CalibrationMemory {
 public:
  // ResourceExhausted.
  static absl::StatusOr<CalibrationMemory> Create(Backend& backend, int64_t bytes);
  int64_t bytes() const { return buffer_->size_bytes(); }
  // A view of what lies `offset` bytes from the start, which must fit.
  TensorView View(DType dtype, const Shape& shape, int64_t offset) const {
    return {.data = static_cast<std::byte*>(buffer_->data()) + offset, .dtype = dtype, .shape = shape};
  }

 private:
  explicit CalibrationMemory(std::unique_ptr<Buffer> buffer) : buffer_(std::move(buffer)) {}
  std::unique_ptr<Buffer> buffer_;
};

// The products of the catalogue by float type, over the whole memory. `backend` and `memory` must outlive them.
// ResourceExhausted.
absl::StatusOr<std::vector<CalibratedForm>> ProductForms(Backend& backend, const CalibrationMemory& memory);

// Times every form on `backend`, a CPU backend without tuning, with all its threads: one to two seconds. Takes three
// times the last-level cache of memory meanwhile. ResourceExhausted; errors of launches.
absl::StatusOr<CpuTuning> CalibrateCpu(Backend& backend, const ChoiceOptions& options = {});

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_CALIBRATION_CALIBRATE_H_
