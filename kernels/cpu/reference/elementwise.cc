#include "kernels/cpu/arithmetic.h"
#include "kernels/cpu/reference/reference.h"
#include "kernels/cpu/reference/typed.h"

namespace metronome::kernels::cpu {
namespace {

// Elements a member takes at a time: large enough to hide the hand-over, small enough to balance.
constexpr int64_t kGrainElements = 16384;

// output[i] = function(inputs[0][i], ...) with broadcasting, a row of the output at a time.
template <typename Out, typename... In, typename Function>
void MapRows(CpuContext& context, const KernelArgs& args, Function function) {
  const TensorView& output = args.outputs[0];
  const Shape& shape = output.shape;
  if (shape.elements() == 0) return;
  const int64_t columns = shape.rank() == 0 ? 1 : shape.back();
  constexpr size_t kInputs = sizeof...(In);
  std::array<std::array<int64_t, kMaxRank>, kInputs> strides;
  std::array<int64_t, kInputs> step;
  for (size_t i = 0; i < kInputs; ++i) {
    strides[i] = BroadcastStrides(args.inputs[i].shape, shape);
    step[i] = shape.rank() == 0 ? 0 : strides[i][shape.rank() - 1];
  }
  context.pool().ParallelFor(
      output.rows(), std::max<int64_t>(1, kGrainElements / columns), [&](int64_t begin, int64_t end, int) {
        for (int64_t row = begin; row < end; ++row) {
          std::array<int64_t, kInputs> at;
          for (size_t i = 0; i < kInputs; ++i) at[i] = RowOffset(row, shape, strides[i]);
          Out* out = output.as<Out>() + row * columns;
          [&]<size_t... I>(std::index_sequence<I...>) {
            for (int64_t column = 0; column < columns; ++column) {
              out[column] = static_cast<Out>(function(args.inputs[I].template as<In>()[at[I] + column * step[I]]...));
            }
          }
          (std::make_index_sequence<kInputs>());
        }
      });
}

template <typename Function>
absl::Status Unary(CpuContext& context, const KernelArgs& args, Function function) {
  WithFloatType(args.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    MapRows<T, T>(context, args, [&](T x) { return function(static_cast<float>(x)); });
  });
  return absl::OkStatus();
}

template <typename Function>
absl::Status Binary(CpuContext& context, const KernelArgs& args, Function function) {
  if (args.outputs[0].dtype == DType::kInt32) {
    MapRows<int32_t, int32_t, int32_t>(context, args, function);
    return absl::OkStatus();
  }
  WithFloatType(args.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    MapRows<T, T, T>(context, args, [&](T a, T b) { return function(static_cast<float>(a), static_cast<float>(b)); });
  });
  return absl::OkStatus();
}

template <typename Function>
absl::Status Compare(CpuContext& context, const KernelArgs& args, Function function) {
  if (args.inputs[0].dtype == DType::kInt32) {
    MapRows<uint8_t, int32_t, int32_t>(context, args, function);
    return absl::OkStatus();
  }
  WithFloatType(args.inputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    MapRows<uint8_t, T, T>(context, args,
                           [&](T a, T b) { return function(static_cast<float>(a), static_cast<float>(b)); });
  });
  return absl::OkStatus();
}

absl::Status And(CpuContext& context, const KernelArgs& args) {
  MapRows<uint8_t, uint8_t, uint8_t>(context, args, [](uint8_t a, uint8_t b) { return a & b; });
  return absl::OkStatus();
}

absl::Status Select(CpuContext& context, const KernelArgs& args) {
  WithAnyType(args.outputs[0].dtype, [&](auto tag) {
    using T = typename decltype(tag)::Type;
    MapRows<T, uint8_t, T, T>(context, args, [](uint8_t condition, T a, T b) { return condition != 0 ? a : b; });
  });
  return absl::OkStatus();
}

// Numbers convert through float, which holds every int32 position below 2^24 exactly.
absl::Status Cast(CpuContext& context, const KernelArgs& args) {
  WithAnyType(args.inputs[0].dtype, [&](auto from) {
    WithAnyType(args.outputs[0].dtype, [&](auto to) {
      using From = typename decltype(from)::Type;
      using To = typename decltype(to)::Type;
      MapRows<To, From>(context, args, [](From x) {
        if constexpr (std::is_same_v<From, To>) {
          return x;
        } else if constexpr (std::is_same_v<To, uint8_t>) {
          return static_cast<float>(x) != 0.0f;
        } else if constexpr (std::is_same_v<To, int32_t>) {
          return Truncate(static_cast<float>(x));
        } else {
          return static_cast<To>(static_cast<float>(x));
        }
      });
    });
  });
  return absl::OkStatus();
}

}  // namespace

void AddReferenceElementwise(CpuFunctionTable& table) {
#define METRONOME_ADD_UNARY(id, name, ...)                                  \
  table[name] = [](CpuContext& context, const KernelArgs& args) {           \
    return Unary(context, args, [](float x) { return Arithmetic::id(x); }); \
  };
#define METRONOME_ADD_BINARY(id, name, ...)                                            \
  table[name] = [](CpuContext& context, const KernelArgs& args) {                      \
    return Binary(context, args, [](auto a, auto b) { return Arithmetic::id(a, b); }); \
  };
#define METRONOME_ADD_COMPARE(id, name, ...)                                            \
  table[name] = [](CpuContext& context, const KernelArgs& args) {                       \
    return Compare(context, args, [](auto a, auto b) { return Comparison::id(a, b); }); \
  };
  METRONOME_UNARY_OPS(METRONOME_ADD_UNARY)
  METRONOME_BINARY_OPS(METRONOME_ADD_BINARY)
  METRONOME_COMPARE_OPS(METRONOME_ADD_COMPARE)
#undef METRONOME_ADD_UNARY
#undef METRONOME_ADD_BINARY
#undef METRONOME_ADD_COMPARE
  table["and"] = And;
  table["select"] = Select;
  table["cast"] = Cast;
}

}  // namespace metronome::kernels::cpu
