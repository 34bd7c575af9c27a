#ifndef METRONOME_KERNELS_CPU_CALIBRATION_CPU_TUNING_H_
#define METRONOME_KERNELS_CPU_CALIBRATION_CPU_TUNING_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/interface/attributes.h"
#include "kernels/interface/dtype.h"

namespace metronome::kernels::cpu {

// Kinds of work that are tuned apart. A new one needs a name, a CalibratedForm and a kernel that asks for its values.
enum class TunedForm : uint8_t {
  kProduct,        // One to four rows of x with one matrix at a time.
  kGated,          // The same with two matrices, slice by slice.
  kProductOfRows,  // More rows, by dot products.
};
constexpr int kTunedForms = 3;
absl::string_view Name(TunedForm form);  // "product", "gated", "product_of_rows".

// Tuning attributes that launches take where their plan sets none, by form and float type; what is not set here is the
// kernel's own choice.
class CpuTuning {
 public:
  const Attributes& Of(TunedForm form, DType dtype) const { return attributes_[Index(form, dtype)]; }
  void Set(TunedForm form, DType dtype, Attributes attributes) {
    attributes_[Index(form, dtype)] = std::move(attributes);
  }

  // "product bfloat16 tune_streams=4 tune_prefetch=0\n..."; empty when nothing is set.
  std::string ToString() const;
  // InvalidArgument for anything that ToString does not write.
  static absl::StatusOr<CpuTuning> Parse(absl::string_view text);

  friend bool operator==(const CpuTuning&, const CpuTuning&) = default;

 private:
  static constexpr int kTypes = 3;
  static size_t Index(TunedForm form, DType dtype) {
    const int type = dtype == DType::kFloat32 ? 0 : dtype == DType::kBFloat16 ? 1 : 2;
    return static_cast<size_t>(form) * kTypes + type;
  }

  std::array<Attributes, kTunedForms * kTypes> attributes_;
};

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_CALIBRATION_CPU_TUNING_H_
