#ifndef METRONOME_KERNELS_CPU_OPTIMISED_ROW_PRODUCT_H_
#define METRONOME_KERNELS_CPU_OPTIMISED_ROW_PRODUCT_H_

#include <algorithm>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "kernels/cpu/cpu_kernel.h"
#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised/row_slices.h"
#include "kernels/cpu/tuning.h"
#include "kernels/cpu/vector/select.h"

namespace metronome::kernels::cpu {

// Rows x [m, k], ready to be multiplied with rows of weights [n, k] by every member: by dot products, which read the
// weights at the speed of memory, or by oneDNN, which wins once there are rows enough to compute with. bfloat16 is
// multiplied as it is only where the processor can; otherwise it is widened to float32, as float16 is.
class RowProduct {
 public:
  // `form` is what few rows are tuned as.
  RowProduct(CpuContext& context, TunedForm form, DType dtype, int64_t m, int64_t k, const Attributes& attributes)
      : context_(&context), kernels_(&SelectVectorKernels(context.instruction_set())), dtype_(dtype), m_(m), k_(k) {
    const bool bfloat = dtype_ == DType::kBFloat16 && kernels_->stream_bfloat_rows != nullptr;
    const LinearTuning tuning = LinearTuningOf(attributes, context.tuning().Of(FormOf(form, m_), dtype_), m_, bfloat);
    by_dots_ = k_ == 0 || tuning.method == LinearTuning::Method::kDots;
    native_ = bfloat || dtype_ == DType::kFloat32;
    packed_ = bfloat && by_dots_;
    streams_ = tuning.streams;
    if (by_dots_) {
      constexpr int64_t kTile = 8;
      const int64_t row_bytes = std::max<int64_t>(1, k_ * static_cast<int64_t>(SizeOf(dtype_)));
      most_ = std::max(kTile, tuning.slice_kib * 1024 / row_bytes / kTile * kTile);
      least_ = std::max(kTile, most_ / 8 / kTile * kTile);
    } else {
      most_ = least_ = tuning.grain;  // Of one size: oneDNN prepares itself for each.
    }
  }

  // Floats that Prepare needs to keep the rows in; 0 where it takes them as they are.
  int64_t PreparedElements() const {
    if (packed_) return (kernels_->packed_bfloat_elements(m_, k_) + 1) / 2;
    return native_ ? 0 : m_ * k_;
  }
  // `x` and `prepared` must outlive all products.
  void Prepare(const void* x, float* prepared) {
    x_ = PreparedElements() == 0 ? x : prepared;
    if (packed_) {
      kernels_->pack_bfloat_rows(x, m_, k_, prepared);
    } else if (!native_) {
      kernels_->widen(ToVectorDType(dtype_), x, m_ * k_, prepared);
    }
  }

  int64_t rows() const { return m_; }
  // How members take the `n` rows of a weight.
  RowsToSlice Slices(int64_t n) const { return {.rows = n, .most = most_, .least = least_}; }
  // Floats that Multiply needs to work with.
  int64_t WorkElements() const { return by_dots_ || native_ ? 0 : most_ * k_; }

  // sums[i * count + j] = x[i] * w[j], for all rows of x and the `count` rows of a slice of w.
  absl::Status Multiply(int member, const void* w, int64_t count, float* sums, float* work) const {
    if (packed_) {
      kernels_->stream_bfloat_rows(x_, m_, k_, w, count, streams_, sums, count);
    } else if (by_dots_) {
      kernels_->stream_rows(ToVectorDType(dtype_), static_cast<const float*>(x_), m_, k_, w, count, streams_, sums,
                            count);
    } else {
      if (!native_) {
        kernels_->widen(ToVectorDType(dtype_), w, count * k_, work);
        w = work;
      }
      return context_->onednn().Multiply(member, native_ ? dtype_ : DType::kFloat32, x_, w, sums, m_, count, k_, count);
    }
    return absl::OkStatus();
  }

 private:
  CpuContext* context_;
  const VectorKernels* kernels_;
  DType dtype_;
  int64_t m_, k_, most_ = 0, least_ = 0;
  RowStreams streams_;
  const void* x_ = nullptr;
  bool by_dots_ = false, native_ = false, packed_ = false;
};

// Members run body(slice, member) until all slices are taken; the last failure is returned.
template <typename Body>
absl::Status ForSlices(CpuContext& context, absl::Span<const RowsToSlice> matrices, Body&& body) {
  const std::vector<RowSlice> slices = SliceRows(matrices, context.threads());
  std::mutex mutex;
  absl::Status failure;
  context.pool().ParallelFor(static_cast<int64_t>(slices.size()), 1, [&](int64_t index, int64_t, int member) {
    if (absl::Status status = body(slices[index], member); !status.ok()) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::move(status);
    }
  });
  return failure;
}

}  // namespace metronome::kernels::cpu

#endif  // METRONOME_KERNELS_CPU_OPTIMISED_ROW_PRODUCT_H_
