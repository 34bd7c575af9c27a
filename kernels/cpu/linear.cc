#include <algorithm>
#include <mutex>
#include <vector>

#include "kernels/cpu/element_at.h"
#include "kernels/cpu/optimised.h"
#include "kernels/cpu/row_steps.h"
#include "kernels/cpu/tuning.h"
#include "kernels/cpu/vector/select.h"
#include "runtime/base/status_macros.h"

namespace metronome::cpu {
namespace {

// One product of the shared x: y = activation(x * w^T + bias + residual). Absent operands are nullptr.
struct Product {
  const TensorView* w;
  const TensorView* bias;
  const TensorView* residual;
  const TensorView* y;
  absl::string_view activation;
};

// x [m, k] of a launch, ready to be multiplied with rows of weights [n, k] by every member: by dot products, which read
// the weights at the speed of memory, or by oneDNN, which wins once there are rows enough to compute with. bfloat16 is
// multiplied as it is only where the processor can; otherwise it is widened to float32, as float16 is.
class SharedRows {
 public:
  SharedRows(CpuContext& context, const TensorView& x, const Attributes& attributes)
      : context_(context),
        kernels_(SelectVectorKernels(context.instruction_set())),
        dtype_(x.dtype),
        m_(x.shape[0]),
        k_(x.shape[1]),
        data_(x.data) {
    const bool bfloat = dtype_ == DType::kBFloat16 && kernels_.stream_bfloat_rows != nullptr;
    const LinearTuning tuning = LinearTuningOf(attributes, m_, bfloat);
    by_dots_ = k_ == 0 || tuning.method == LinearTuning::Method::kDots;
    native_ = bfloat || dtype_ == DType::kFloat32;
    grain_ = tuning.grain;
    if (by_dots_ && dtype_ == DType::kBFloat16 && native_) {
      void* const packed = context.SharedScratch((kernels_.packed_bfloat_elements(m_, k_) + 1) / 2);
      kernels_.pack_bfloat_rows(x.data, m_, k_, packed);
      data_ = packed;
    }
    if (native_) return;
    float* const widened = context.SharedScratch(m_ * k_);
    context.pool().ParallelFor(m_, 1, [&](int64_t row, int64_t, int) {
      kernels_.widen(ToVectorDType(dtype_), ElementAt(x, row * k_), k_, widened + row * k_);
    });
    data_ = widened;
  }

  int64_t rows() const { return m_; }
  // Rows of weights that a member claims at a time.
  int64_t grain() const { return grain_; }
  // Floats that Multiply needs to work with.
  int64_t WorkElements() const { return by_dots_ || native_ ? 0 : grain_ * k_; }

  // sums[i * count + j] = x[i] * w[begin + j], for all rows of x and up to grain() rows of w.
  absl::Status Multiply(int member, const TensorView& w, int64_t begin, int64_t count, float* sums, float* work) const {
    const void* rows = ElementAt(w, begin * k_);
    if (by_dots_) {
      if (dtype_ == DType::kBFloat16 && native_) {
        kernels_.stream_bfloat_rows(data_, m_, k_, rows, count, sums, count);
      } else {
        kernels_.stream_rows(ToVectorDType(dtype_), static_cast<const float*>(data_), m_, k_, rows, count, sums, count);
      }
      return absl::OkStatus();
    }
    if (!native_) {
      kernels_.widen(ToVectorDType(dtype_), rows, count * k_, work);
      rows = work;
    }
    return context_.onednn().Multiply(member, native_ ? dtype_ : DType::kFloat32, data_, rows, sums, m_, count, k_,
                                      count);
  }

 private:
  CpuContext& context_;
  const VectorKernels& kernels_;
  DType dtype_;
  int64_t m_, k_, grain_ = 0;
  const void* data_;
  bool by_dots_ = false, native_ = false;
};

// Completes and stores columns [begin, begin + count) of row `row`, given in `sums`, rounded once before an activation.
// `work` has `count` elements.
void FinishRow(const VectorKernels& kernels, const Product& product, int64_t row, int64_t begin, int64_t count,
               float* sums, float* work) {
  const VectorDType dtype = ToVectorDType(product.w->dtype), stored = ToVectorDType(product.y->dtype);
  const int64_t at = row * product.w->shape[0] + begin;
  if (product.bias != nullptr) {
    kernels.widen(dtype, ElementAt(*product.bias, begin), count, work);
    kernels.add(sums, work, count);
  }
  if (product.residual != nullptr) {
    kernels.widen(dtype, ElementAt(*product.residual, at), count, work);
    kernels.add(sums, work, count);
  }
  if (!product.activation.empty()) {
    RoundRow(kernels, stored, sums, count, work);
    ActivateRow(kernels, stored, product.activation, sums, count, work);
  }
  kernels.narrow(stored, sums, count, const_cast<void*>(ElementAt(*product.y, at)));
}

// Members run body(chunk, member) until all are done; the last failure is returned.
template <typename Body>
absl::Status ForChunks(CpuContext& context, int64_t chunks, Body&& body) {
  std::mutex mutex;
  absl::Status failure;
  context.pool().ParallelFor(chunks, 1, [&](int64_t chunk, int64_t, int member) {
    if (absl::Status status = body(chunk, member); !status.ok()) {
      const std::lock_guard<std::mutex> lock(mutex);
      failure = std::move(status);
    }
  });
  return failure;
}

// The chunks of all products together keep the members busy where those of a small product alone would not.
absl::Status Multiply(CpuContext& context, const SharedRows& x, absl::Span<const Product> products) {
  if (x.rows() == 0) return absl::OkStatus();
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  int64_t chunks = 0;
  for (const Product& product : products) chunks += (product.w->shape[0] + x.grain() - 1) / x.grain();
  return ForChunks(context, chunks, [&](int64_t chunk, int member) -> absl::Status {
    const Product* product = products.data();
    for (int64_t own; chunk >= (own = (product->w->shape[0] + x.grain() - 1) / x.grain()); ++product) chunk -= own;
    const int64_t begin = chunk * x.grain(), count = std::min(x.grain(), product->w->shape[0] - begin);
    const int64_t elements = (x.rows() + 1) * count + x.WorkElements();
    auto* const sums = static_cast<float*>(context.Scratch(member, sizeof(float) * elements));
    float *const work = sums + x.rows() * count, *const weights = work + count;
    RETURN_IF_ERROR(x.Multiply(member, *product->w, begin, count, sums, weights));
    for (int64_t row = 0; row < x.rows(); ++row)
      FinishRow(kernels, *product, row, begin, count, sums + row * count, work);
    return absl::OkStatus();
  });
}

}  // namespace

absl::Status OptimisedLinear(CpuContext& context, const KernelArgs& args) {
  const bool has_bias = args.attributes->Int("has_bias") != 0, has_residual = args.attributes->Int("has_residual") != 0;
  const Product product = {.w = &args.inputs[1],
                           .bias = has_bias ? &args.inputs[2] : nullptr,
                           .residual = has_residual ? &args.inputs.back() : nullptr,
                           .y = args.outputs.data(),
                           .activation = args.attributes->String("activation")};
  return Multiply(context, SharedRows(context, args.inputs[0], *args.attributes), {&product, 1});
}

absl::Status OptimisedLinearGroup(CpuContext& context, const KernelArgs& args) {
  const size_t count = args.outputs.size();
  const bool has_bias = args.attributes->Int("has_bias") != 0;
  std::vector<Product> products(count);
  for (size_t i = 0; i < count; ++i) {
    products[i] = {.w = &args.inputs[1 + i],
                   .bias = has_bias ? &args.inputs[1 + count + i] : nullptr,
                   .residual = nullptr,
                   .y = &args.outputs[i],
                   .activation = {}};
  }
  return Multiply(context, SharedRows(context, args.inputs[0], *args.attributes), products);
}

// A member multiplies both weights' rows of a chunk, so that neither product leaves its caches.
absl::Status OptimisedGatedLinear(CpuContext& context, const KernelArgs& args) {
  const VectorKernels& kernels = SelectVectorKernels(context.instruction_set());
  const SharedRows x(context, args.inputs[0], *args.attributes);
  if (x.rows() == 0) return absl::OkStatus();
  const TensorView &gate = args.inputs[1], &up = args.inputs[2], &y = args.outputs[0];
  const VectorDType dtype = ToVectorDType(y.dtype);
  const int64_t columns = gate.shape[0], grain = x.grain();
  const absl::string_view activation = args.attributes->String("activation");
  return ForChunks(context, (columns + grain - 1) / grain, [&](int64_t chunk, int member) -> absl::Status {
    const int64_t begin = chunk * grain, count = std::min(grain, columns - begin);
    const int64_t elements = (2 * x.rows() + 1) * count + x.WorkElements();
    auto* const gates = static_cast<float*>(context.Scratch(member, sizeof(float) * elements));
    float *const ups = gates + x.rows() * count, *const work = ups + x.rows() * count, *const weights = work + count;
    RETURN_IF_ERROR(x.Multiply(member, gate, begin, count, gates, weights));
    RETURN_IF_ERROR(x.Multiply(member, up, begin, count, ups, weights));
    for (int64_t row = 0; row < x.rows(); ++row) {
      float *const gated = gates + row * count, *const factor = ups + row * count;
      RoundRow(kernels, dtype, gated, count, work);
      ActivateRow(kernels, dtype, activation, gated, count, work);
      RoundRow(kernels, dtype, factor, count, work);
      kernels.multiply(gated, factor, count, 0);
      kernels.narrow(dtype, gated, count, const_cast<void*>(ElementAt(y, row * columns + begin)));
    }
    return absl::OkStatus();
  });
}

}  // namespace metronome::cpu
