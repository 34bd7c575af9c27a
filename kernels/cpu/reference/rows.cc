#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "kernels/cpu/reference/reference.h"
#include "kernels/cpu/reference/typed.h"

namespace metronome::kernels::cpu {
namespace {

template <typename T>
double At(const TensorView& view, int64_t index) {
  return static_cast<double>(static_cast<float>(view.as<T>()[index]));
}

template <typename T>
void Store(const TensorView& view, int64_t index, double value) {
  view.as<T>()[index] = static_cast<T>(static_cast<float>(value));
}

// output[outer, inner] = fold over the axis of input[outer, axis, inner].
template <typename Fold>
absl::Status Reduce(CpuContext& context, const KernelArgs& args, double initial, Fold fold) {
  const TensorView &input = args.inputs[0], &output = args.outputs[0];
  const int axis = static_cast<int>(args.attributes->Int("axis"));
  const int64_t size = input.shape[axis];
  int64_t inner = 1;
  for (int i = axis + 1; i < input.shape.rank(); ++i) inner *= input.shape[i];
  WithFloatType(input.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.pool().ParallelFor(output.elements(), std::max<int64_t>(1, 8192 / std::max<int64_t>(size, 1)),
                               [&](int64_t begin, int64_t end, int) {
                                 for (int64_t i = begin; i < end; ++i) {
                                   const int64_t base = i / inner * inner * size + i % inner;
                                   double value = initial;
                                   for (int64_t k = 0; k < size; ++k)
                                     value = fold(value, At<T>(input, base + k * inner));
                                   Store<T>(output, i, value);
                                 }
                               });
  });
  return absl::OkStatus();
}

absl::Status ReduceSum(CpuContext& context, const KernelArgs& args) {
  return Reduce(context, args, 0, [](double a, double b) { return a + b; });
}

absl::Status ReduceMax(CpuContext& context, const KernelArgs& args) {
  return Reduce(context, args, -INFINITY, [](double a, double b) { return b > a || b != b ? b : a; });
}

// Calls row(Tag<T>, index of the row's first element) for each row of the first input.
template <typename Row>
absl::Status ForRows(CpuContext& context, const KernelArgs& args, Row row) {
  const TensorView& input = args.inputs[0];
  if (input.elements() == 0) return absl::OkStatus();
  WithFloatType(input.dtype, [&](auto tag) {
    context.pool().ParallelFor(input.rows(), 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) row(tag, i * input.shape.back());
    });
  });
  return absl::OkStatus();
}

absl::Status Softmax(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  return ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    const int64_t size = x.shape.back();
    double largest = -INFINITY, sum = 0;
    for (int64_t i = 0; i < size; ++i) largest = std::max(largest, At<T>(x, base + i));
    for (int64_t i = 0; i < size; ++i) sum += std::exp(At<T>(x, base + i) - largest);
    for (int64_t i = 0; i < size; ++i) Store<T>(y, base + i, std::exp(At<T>(x, base + i) - largest) / sum);
  });
}

}  // namespace

absl::Status ReferenceRmsNorm(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  const double eps = args.attributes->Float("eps"), offset = args.attributes->Float("weight_offset");
  const bool weighted = args.inputs.size() == 2, round_first = args.attributes->Int("round_before_weight") != 0;
  return ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    const int64_t size = x.shape.back();
    double squares = 0;
    for (int64_t i = 0; i < size; ++i) squares += At<T>(x, base + i) * At<T>(x, base + i);
    const double scale = 1 / std::sqrt(squares / static_cast<double>(size) + eps);
    for (int64_t i = 0; i < size; ++i) {
      double value = At<T>(x, base + i) * scale;
      if (round_first) value = static_cast<float>(static_cast<T>(static_cast<float>(value)));
      Store<T>(y, base + i, weighted ? value * (offset + At<T>(args.inputs[1], i)) : value);
    }
  });
}

absl::Status ReferenceRope(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &cos = args.inputs[1], &sin = args.inputs[2], &y = args.outputs[0];
  return ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    const int64_t d = x.shape[2], half = d / 2, table = base / (x.shape[1] * d) * d;
    for (int64_t i = 0; i < half; ++i) {
      const double low = At<T>(x, base + i), high = At<T>(x, base + half + i);
      const double rotated_low = low * At<T>(cos, table + i) - high * At<T>(sin, table + i);
      const double rotated_high = high * At<T>(cos, table + half + i) + low * At<T>(sin, table + half + i);
      Store<T>(y, base + i, rotated_low);
      Store<T>(y, base + half + i, rotated_high);
    }
  });
}

namespace {

absl::Status AddRmsNorm(CpuContext& context, const KernelArgs& args) {
  const TensorView &a = args.inputs[0], &b = args.inputs[1], &sum = args.outputs[0];
  const absl::Status added = ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; i < a.shape.back(); ++i) Store<T>(sum, base + i, At<T>(a, base + i) + At<T>(b, base + i));
  });
  if (!added.ok()) return added;
  std::vector<TensorView> inputs(args.inputs.begin() + 1, args.inputs.end());
  inputs[0] = sum;
  return ReferenceRmsNorm(context,
                          {.inputs = inputs, .outputs = args.outputs.subspan(1), .attributes = args.attributes});
}

absl::Status Softcap(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  const double cap = args.attributes->Float("cap");
  WithFloatType(x.dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    context.pool().ParallelFor(x.elements(), 4096, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) Store<T>(y, i, cap * std::tanh(At<T>(x, i) / cap));
    });
  });
  return absl::OkStatus();
}

absl::Status TopK(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &values = args.outputs[0], &columns = args.outputs[1];
  const int64_t k = args.attributes->Int("k");
  return ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    const int64_t size = x.shape.back(), to = base / size * k;
    const auto key = [&](int32_t i) {
      const double value = At<T>(x, base + i);
      return std::isnan(value) ? -INFINITY : value;
    };
    std::vector<int32_t> order(size);
    std::iota(order.begin(), order.end(), 0);
    std::partial_sort(order.begin(), order.begin() + k, order.end(),
                      [&](int32_t a, int32_t b) { return std::pair(-key(a), a) < std::pair(-key(b), b); });
    for (int64_t i = 0; i < k; ++i) {
      Store<T>(values, to + i, At<T>(x, base + order[i]));
      columns.as<int32_t>()[to + i] = order[i];
    }
  });
}

absl::Status Argmax(CpuContext& context, const KernelArgs& args) {
  const TensorView &x = args.inputs[0], &y = args.outputs[0];
  return ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    const int64_t size = x.shape.back();
    int64_t best = 0;
    for (int64_t i = 0; i < size && best < size; ++i) {
      const double value = At<T>(x, base + i);
      if (value > At<T>(x, base + best)) best = i;
      if (std::isnan(value)) best = size;
    }
    y.as<int32_t>()[base / size] = static_cast<int32_t>(best);
  });
}

absl::Status GatedActivation(CpuContext& context, const KernelArgs& args) {
  const TensorView &gate = args.inputs[0], &up = args.inputs[1], &y = args.outputs[0];
  double (*const activate)(double) = ActivationOf(args.attributes->String("activation"));
  return ForRows(context, args, [&](auto tag, int64_t base) {
    using T = typename decltype(tag)::Type;
    for (int64_t i = 0; i < gate.shape.back(); ++i) {
      const T activated = static_cast<T>(static_cast<float>(activate(At<T>(gate, base + i))));
      Store<T>(y, base + i, static_cast<float>(activated) * At<T>(up, base + i));
    }
  });
}

}  // namespace

void AddReferenceRows(CpuFunctionTable& table) {
  table["reduce_sum"] = ReduceSum;
  table["reduce_max"] = ReduceMax;
  table["softmax"] = Softmax;
  table["rms_norm"] = ReferenceRmsNorm;
  table["rope"] = ReferenceRope;
  table["gated_activation"] = GatedActivation;
  table["add_rms_norm"] = AddRmsNorm;
  table["softcap"] = Softcap;
  table["argmax"] = Argmax;
  table["top_k"] = TopK;
}

}  // namespace metronome::kernels::cpu
