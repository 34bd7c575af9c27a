#include <cmath>
#include <vector>

#include "kernels/base/status_macros.h"
#include "kernels/cpu/check_indices.h"
#include "kernels/cpu/optimised/norm_prologue.h"
#include "kernels/cpu/optimised/qkv_rope_cache.h"
#include "kernels/cpu/reference/reference.h"
#include "kernels/cpu/reference/typed.h"

namespace metronome::kernels::cpu {
namespace {

template <typename T>
double At(const T* data, int64_t index) {
  return static_cast<double>(static_cast<float>(data[index]));
}

template <typename T>
double Dot(const T* a, const T* b, int64_t b_stride, int64_t size) {
  double sum = 0;
  for (int64_t i = 0; i < size; ++i) sum += At(a, i) * At(b, i * b_stride);
  return sum;
}

// The output may be float32 where the inputs are narrower.
void StoreRounded(const TensorView& view, int64_t index, double value) {
  WithFloatType(view.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    view.as<T>()[index] = static_cast<T>(static_cast<float>(value));
  });
}

absl::Status Matmul(CpuContext& context, const KernelArgs& args) {
  const TensorView &a = args.inputs[0], &b = args.inputs[1], &c = args.outputs[0];
  const bool transposed = args.attributes->Int("transpose_b") != 0;
  const int64_t rows = c.shape[c.shape.rank() - 2], columns = c.shape.back(), inner = a.shape.back();
  // Strides over a shape of batch axes and one row of the output, so that RowOffset finds each operand's matrix.
  Shape matrices = c.shape;
  matrices[c.shape.rank() - 2] = 1;
  Shape a_matrices = a.shape, b_matrices = b.shape;
  a_matrices[a.shape.rank() - 2] = b_matrices[b.shape.rank() - 2] = 1;
  a_matrices[a.shape.rank() - 1] = b_matrices[b.shape.rank() - 1] = 1;
  const auto a_strides = BroadcastStrides(a_matrices, matrices), b_strides = BroadcastStrides(b_matrices, matrices);
  const int64_t a_size = rows * inner, b_size = inner * columns;
  WithFloatType(a.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.pool().ParallelFor(c.rows(), 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t matrix = row / rows;
        const T* left = a.as<T>() + RowOffset(matrix, matrices, a_strides) * a_size + row % rows * inner;
        const T* right = b.as<T>() + RowOffset(matrix, matrices, b_strides) * b_size;
        for (int64_t column = 0; column < columns; ++column) {
          const double sum =
              transposed ? Dot(left, right + column * inner, 1, inner) : Dot(left, right + column, columns, inner);
          StoreRounded(c, row * columns + column, sum);
        }
      }
    });
  });
  return absl::OkStatus();
}

absl::Status LinearGroup(CpuContext& context, const KernelArgs& args) {
  const TensorView& x = args.inputs[0];
  const size_t count = args.outputs.size();
  const bool has_bias = args.attributes->Int("has_bias") != 0;
  const int64_t inner = x.shape[1];
  WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    for (size_t part = 0; part < count; ++part) {
      const TensorView &w = args.inputs[1 + part], &y = args.outputs[part];
      const int64_t columns = w.shape[0];
      context.pool().ParallelFor(y.elements(), 16, [&](int64_t begin, int64_t end, int) {
        for (int64_t i = begin; i < end; ++i) {
          double sum = Dot(x.as<T>() + i / columns * inner, w.as<T>() + i % columns * inner, 1, inner);
          if (has_bias) sum += At(args.inputs[1 + count + part].as<T>(), i % columns);
          StoreRounded(y, i, sum);
        }
      });
    }
  });
  return absl::OkStatus();
}

absl::Status GatedLinear(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &gate = args.inputs[1], &up = args.inputs[2], &y = args.outputs[0];
  const int64_t inner = x.shape[1], columns = gate.shape[0];
  double (*const activate)(double) = ActivationOf(args.attributes->String("activation"));
  WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const auto round = [](double value) { return static_cast<float>(static_cast<T>(static_cast<float>(value))); };
    context.pool().ParallelFor(y.elements(), 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const T* const row = x.as<T>() + i / columns * inner;
        const double gated = round(activate(round(Dot(row, gate.as<T>() + i % columns * inner, 1, inner))));
        StoreRounded(y, i, gated * round(Dot(row, up.as<T>() + i % columns * inner, 1, inner)));
      }
    });
  });
  return absl::OkStatus();
}

// Calls row(Tag<T>, slot, expert's first element) for each index.
template <typename Row>
absl::Status ForSlots(CpuContext& context, const KernelArgs& args, Row row) {
  const TensorView &experts = args.inputs[1], &index = args.inputs[2];
  RETURN_IF_ERROR(CheckIndices(index, experts.shape[0]));
  WithFloatType(experts.dtype, [&](auto tag) {
    context.pool().ParallelFor(index.elements(), 1, [&](int64_t slot, int64_t, int) {
      row(tag, slot, index.as<int32_t>()[slot] * experts.shape[1] * experts.shape[2]);
    });
  });
  return absl::OkStatus();
}

absl::Status ExpertLinear(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &experts = args.inputs[1], &y = args.outputs[0];
  const int64_t inner = x.shape[1], columns = experts.shape[1];
  return ForSlots(context, args, [&](auto tag, int64_t slot, int64_t first) {
    using T = typename decltype(tag)::Type;
    for (int64_t j = 0; j < columns; ++j)
      StoreRounded(y, slot * columns + j, Dot(x.as<T>() + slot * inner, experts.as<T>() + first + j * inner, 1, inner));
  });
}

absl::Status GatedExperts(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &experts = args.inputs[1], &y = args.outputs[0];
  const int64_t inner = x.shape[1], columns = experts.shape[1] / 2;
  const int64_t slots = x.shape[0] == 0 ? 1 : args.inputs[2].elements() / x.shape[0];
  double (*const activate)(double) = ActivationOf(args.attributes->String("activation"));
  return ForSlots(context, args, [&](auto tag, int64_t slot, int64_t first) {
    using T = typename decltype(tag)::Type;
    const auto round = [](double value) { return static_cast<float>(static_cast<T>(static_cast<float>(value))); };
    const auto product = [&](int64_t row) {
      return round(Dot(x.as<T>() + slot / slots * inner, experts.as<T>() + first + row * inner, 1, inner));
    };
    for (int64_t j = 0; j < columns; ++j)
      StoreRounded(y, slot * columns + j, double{round(activate(product(j)))} * product(columns + j));
  });
}

absl::Status ExpertMix(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &experts = args.inputs[1], &index = args.inputs[2], &weights = args.inputs[3];
  const TensorView& y = args.outputs[0];
  const int64_t inner = x.shape[1], columns = experts.shape[1], slots = weights.shape[1];
  RETURN_IF_ERROR(CheckIndices(index, experts.shape[0]));
  WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    const auto round = [](double value) { return static_cast<float>(static_cast<T>(static_cast<float>(value))); };
    context.pool().ParallelFor(y.elements(), 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        double sum = 0;
        for (int64_t slot = i / columns * slots; slot < (i / columns + 1) * slots; ++slot) {
          const T* const w = experts.as<T>() + (index.as<int32_t>()[slot] * columns + i % columns) * inner;
          sum += round(double{round(Dot(x.as<T>() + slot * inner, w, 1, inner))} * At(weights.as<T>(), slot));
        }
        StoreRounded(y, i, sum);
      }
    });
  });
  return absl::OkStatus();
}

absl::Status Linear(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &w = args.inputs[1], &y = args.outputs[0];
  const bool has_bias = args.attributes->Int("has_bias") != 0, has_residual = args.attributes->Int("has_residual") != 0;
  const int64_t inner = x.shape[1], columns = w.shape[0];
  const absl::string_view activation = args.attributes->String("activation");
  double (*const activate)(double) = ActivationOf(activation);
  WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.pool().ParallelFor(y.elements(), 16, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        double sum = Dot(x.as<T>() + i / columns * inner, w.as<T>() + i % columns * inner, 1, inner);
        if (has_bias) sum += At(args.inputs[2].as<T>(), i % columns);
        if (has_residual) sum += At(args.inputs.back().as<T>(), i);
        if (!activation.empty()) {
          StoreRounded(y, i, sum);
          WithFloatType(y.dtype, [&](auto out) { sum = activate(At(y.as<typename decltype(out)::Type>(), i)); });
        }
        StoreRounded(y, i, sum);
      }
    });
  });
  return absl::OkStatus();
}

// One query head of one row, over positions [first, last].
template <typename T>
void Attend(const KernelArgs& args, int64_t row, int64_t head, int64_t first, int64_t last) {
  const TensorView &q = args.inputs[0], &k = args.inputs[1], &v = args.inputs[2], &y = args.outputs[0];
  const int64_t heads = q.shape[1], kv_heads = k.shape[1], d = q.shape[2], dv = v.shape[2],
                kv_head = head / (heads / kv_heads);
  const T* query = q.as<T>() + (row * heads + head) * d;
  std::vector<double> weights(static_cast<size_t>(last - first + 1));
  double largest = -INFINITY, sum = 0;
  for (int64_t j = first; j <= last; ++j) {
    const double score = Dot(query, k.as<T>() + (j * kv_heads + kv_head) * d, 1, d) * args.attributes->Float("scale");
    weights[j - first] = score;
    largest = std::max(largest, score);
  }
  for (double& weight : weights) sum += weight = std::exp(weight - largest);
  for (int64_t i = 0; i < dv; ++i) {
    double mixed = 0;
    for (int64_t j = first; j <= last; ++j)
      mixed += weights[j - first] * At(v.as<T>(), (j * kv_heads + kv_head) * dv + i);
    StoreRounded(y, (row * heads + head) * dv + i, mixed / sum);
  }
}

absl::Status Attention(CpuContext& context, const KernelArgs& args) {
  const Shape &q = args.inputs[0].shape, &k = args.inputs[1].shape;
  const int64_t window = args.attributes->Int("window");
  WithFloatType(args.inputs[0].dtype, [&](auto tag) {
    context.pool().ParallelFor(q[0] * q[1], 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t row = i / q[1], position = k[0] - q[0] + row;
        const int64_t first = window > 0 ? std::max<int64_t>(0, position - window + 1) : 0;
        Attend<typename decltype(tag)::Type>(args, row, i % q[1], first, position);
      }
    });
  });
  return absl::OkStatus();
}

}  // namespace

void AddReferenceContractions(CpuFunctionTable& table) {
  table["matmul"] = Matmul;
  table["linear"] = WithNormPrologue<ReferenceRmsNorm, Linear>;
  table["linear_group"] = WithNormPrologue<ReferenceRmsNorm, LinearGroup>;
  table["gated_linear"] = WithNormPrologue<ReferenceRmsNorm, GatedLinear>;
  table["qkv_rope_cache"] =
      WithNormPrologue<ReferenceRmsNorm, QkvRopeCache<LinearGroup, ReferenceRmsNorm, ReferenceRope>>;
  table["expert_linear"] = ExpertLinear;
  table["gated_experts"] = GatedExperts;
  table["expert_mix"] = ExpertMix;
  table["attention"] = Attention;
}

}  // namespace metronome::kernels::cpu
