#include "kernels/cuda/primitives/arithmetic.cuh"
#include "kernels/cuda/primitives/group.cuh"
#include "kernels/cuda/program/fused.h"

// Programs by interpretation, for devices without NVRTC and for launches that must not wait for it. Values live in
// shared memory, a column for each thread: registers cannot be indexed.
namespace metronome::kernels::cuda {
namespace {

constexpr int kThreads = 256;

__device__ __forceinline__ float FloatOf(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof(value));
  return value;
}
__device__ __forceinline__ uint32_t BitsOf(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof(bits));
  return bits;
}

__device__ __forceinline__ float RoundTo(DType dtype, float value) {
  if (dtype == DType::kBFloat16) return Round<bf16>(value);
  return dtype == DType::kFloat16 ? Round<f16>(value) : value;
}

__device__ uint32_t LoadElement(DType dtype, const void* from, int64_t at) {
  switch (dtype) {
    case DType::kBFloat16:
      return BitsOf(ToFloat(static_cast<const bf16*>(from)[at]));
    case DType::kFloat16:
      return BitsOf(ToFloat(static_cast<const f16*>(from)[at]));
    case DType::kBool:
      return static_cast<const uint8_t*>(from)[at];
    default:
      return static_cast<const uint32_t*>(from)[at];
  }
}

__device__ void StoreElement(DType dtype, uint32_t value, void* to, int64_t at) {
  switch (dtype) {
    case DType::kBFloat16:
      static_cast<bf16*>(to)[at] = FromFloat<bf16>(FloatOf(value));
      return;
    case DType::kFloat16:
      static_cast<f16*>(to)[at] = FromFloat<f16>(FloatOf(value));
      return;
    case DType::kBool:
      static_cast<uint8_t*>(to)[at] = static_cast<uint8_t>(value);
      return;
    default:
      static_cast<uint32_t*>(to)[at] = value;
  }
}

__device__ float RunUnary(Op op, float x) {
  return WithUnary(op, [&](auto function) { return function(x); });
}

template <typename T>
__device__ T RunBinary(Op op, T a, T b) {
  return WithBinary(op, [&](auto function) { return function(a, b); });
}

template <typename T>
__device__ uint8_t RunCompare(Op op, T a, T b) {
  return WithCompare(op, [&](auto function) { return function(a, b); });
}

__device__ __forceinline__ bool HoldsFloat(DType dtype) { return dtype != DType::kInt32 && dtype != DType::kBool; }

__device__ uint32_t RunCast(DType from, DType to, uint32_t x) {
  if (from == to) return x;
  if (to == DType::kBool) return (HoldsFloat(from) ? FloatOf(x) != 0.0f : x != 0) ? 1 : 0;
  const float value = HoldsFloat(from) ? FloatOf(x) : static_cast<float>(static_cast<int32_t>(x));
  return to == DType::kInt32 ? static_cast<uint32_t>(Truncate(value)) : BitsOf(RoundTo(to, value));
}

// The values of one thread.
class Values {
 public:
  __device__ Values(const FusedCode& code, uint32_t* mine, int stride) : code_(code), mine_(mine), stride_(stride) {
    for (int i = 0; i < code.constants; ++i) (*this)[code.inputs + i] = code.constant_bits[i];
  }

  __device__ __forceinline__ uint32_t& operator[](int value) { return mine_[value * stride_]; }

  // Inputs at a column of a row that starts at these offsets. Columns that are not there are 0.
  __device__ void LoadInputs(const FusedOperands& operands, const int64_t (&starts)[kMaxFusedInputs], int64_t column) {
    for (int i = 0; i < code_.inputs; ++i) {
      const int64_t stride = operands.walk.strides[i][operands.walk.rank - 1];
      const bool there = column < operands.walk.columns || stride == 0;
      (*this)[i] = there ? LoadElement(code_.input_dtypes[i], operands.inputs[i], starts[i] + column * stride) : 0;
    }
  }

  // Steps before `end`, but for reductions.
  __device__ void RunSteps(int end) {
    for (int i = 0; i < end; ++i) {
      const FusedInstruction step = code_.instructions[i];
      if (step.group != OpGroup::kReduction) (*this)[code_.inputs + code_.constants + i] = Compute(step);
    }
  }

 private:
  __device__ uint32_t Compute(const FusedInstruction& step) {
    const uint32_t a = (*this)[step.operands[0]], b = (*this)[step.operands[1]];
    const bool whole = step.from == DType::kInt32;
    switch (step.group) {
      case OpGroup::kUnary:
        return BitsOf(RoundTo(step.to, RunUnary(step.op, FloatOf(a))));
      case OpGroup::kCast:
        return RunCast(step.from, step.to, a);
      case OpGroup::kSelect:
        return a != 0 ? b : (*this)[step.operands[2]];
      case OpGroup::kLogical:
        return a & b;
      case OpGroup::kCompare:
        return whole ? RunCompare(step.op, static_cast<int32_t>(a), static_cast<int32_t>(b))
                     : RunCompare(step.op, FloatOf(a), FloatOf(b));
      default:
        if (whole) return static_cast<uint32_t>(RunBinary(step.op, static_cast<int32_t>(a), static_cast<int32_t>(b)));
        return BitsOf(RoundTo(step.to, RunBinary(step.op, FloatOf(a), FloatOf(b))));
    }
  }

  const FusedCode& code_;
  uint32_t* mine_;
  int stride_;
};

// Where each input's row begins.
__device__ void FindRow(const FusedOperands& operands, int inputs, int64_t row, int64_t (&starts)[kMaxFusedInputs]) {
  for (int i = 0; i < inputs; ++i) starts[i] = 0;
  for (int axis = operands.walk.rank - 2; axis >= 0; --axis) {
    const int64_t size = operands.walk.sizes[axis], at = row % size;
    row /= size;
    for (int i = 0; i < inputs; ++i) starts[i] += at * operands.walk.strides[i][axis];
  }
}

// Nothing is folded: a thread takes an element.
__global__ void METRONOME_BLOCK_THREADS(kThreads) MapFusedKernel(const __grid_constant__ FusedArgs args) {
  METRONOME_DYNAMIC_SHARED(uint32_t, shared);
  Values values(args.code, shared + threadIdx.x, kThreads);
  const FusedWalk& walk = args.operands.walk;
  const int64_t elements = walk.rows * walk.columns;
  for (int64_t at = static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; at < elements;
       at += static_cast<int64_t>(gridDim.x) * kThreads) {
    const int64_t row = at / walk.columns;
    int64_t starts[kMaxFusedInputs];
    FindRow(args.operands, args.code.inputs, row, starts);
    values.LoadInputs(args.operands, starts, at - row * walk.columns);
    values.RunSteps(args.code.steps);
    for (int i = 0; i < args.code.outputs; ++i)
      StoreElement(args.code.output_dtypes[i], values[args.code.results[i]], args.operands.outputs[i], at);
  }
}

// A group takes a row: once for each reduction, then once for the results.
template <typename Group>
__global__ void METRONOME_BLOCK_THREADS(Group::kBlockThreads) FoldFusedKernel(const __grid_constant__ FusedArgs args) {
  METRONOME_DYNAMIC_SHARED(uint32_t, shared);
  const FusedCode& code = args.code;
  const FusedWalk& walk = args.operands.walk;
  Values values(code, shared + threadIdx.x, Group::kBlockThreads);
  const int first_step = code.inputs + code.constants;
  for (int64_t base = static_cast<int64_t>(blockIdx.x) * Group::kRows; base < walk.rows;
       base += static_cast<int64_t>(gridDim.x) * Group::kRows) {
    const int64_t row = base + Group::Row(), end = row < walk.rows ? walk.columns : 0;
    int64_t starts[kMaxFusedInputs];
    FindRow(args.operands, code.inputs, row < walk.rows ? row : 0, starts);
    for (int step = 0; step < code.steps; ++step) {
      const FusedInstruction reduction = code.instructions[step];
      if (reduction.group != OpGroup::kReduction) continue;
      const bool sums = reduction.op == Op::kReduceSum;
      float value = sums ? 0.0f : -INFINITY;
      for (int64_t i = static_cast<int64_t>(Group::Rank()) * args.fold_width; i < end;
           i += Group::kSize * args.fold_width) {
        for (int j = 0; j < args.fold_width; ++j) {
          values.LoadInputs(args.operands, starts, i + j);
          values.RunSteps(step);
          const float next = FloatOf(values[reduction.operands[0]]);
          value = sums ? Sum()(value, next) : MaxOrNan()(value, next);
        }
      }
      value = sums ? Group::Reduce(value, Sum(), 0.0f) : Group::Reduce(value, MaxOrNan(), -INFINITY);
      values[first_step + step] = BitsOf(RoundTo(reduction.to, value));
    }
    // A row without columns has results of its own all the same.
    for (int64_t i = Group::Rank(); i < (row < walk.rows && end == 0 ? 1 : end); i += Group::kSize) {
      values.LoadInputs(args.operands, starts, i);
      values.RunSteps(code.steps);
      for (int output = 0; output < code.outputs; ++output) {
        const uint32_t value = values[code.results[output]];
        if (code.once_a_row[output]) {
          if (i == 0) StoreElement(code.output_dtypes[output], value, args.operands.outputs[output], row);
        } else if (i < end) {
          StoreElement(code.output_dtypes[output], value, args.operands.outputs[output], row * walk.columns + i);
        }
      }
    }
  }
}

size_t ValueBytes(const FusedCode& code, int threads) {
  return static_cast<size_t>(code.inputs + code.constants + code.steps) * static_cast<size_t>(threads) *
         sizeof(uint32_t);
}

}  // namespace

int FusedGroup(int64_t columns, int fold_width) {
  int size = 0;
  WithGroup(columns / fold_width, [&](auto tag) { size = decltype(tag)::Type::kSize; });
  return size;
}

FusedGrid FusedGridOf(const DeviceContext& context, int64_t units, int group) {
  const int threads = group == 0    ? kThreads
                      : group == 8  ? Lanes<8>::kBlockThreads
                      : group == 32 ? Lanes<32>::kBlockThreads
                                    : WholeBlock::kBlockThreads;
  return {.blocks = BlocksFor(context, units, group == 0 ? threads : threads / group),
          .threads = static_cast<unsigned>(threads)};
}

void LaunchFused(const DeviceContext& context, const FusedArgs& args) {
  const FusedWalk& walk = args.operands.walk;
  if (args.fold_width == 0) {
    Launch(context, MapFusedKernel,
           {.grid = dim3(BlocksFor(context, walk.rows * walk.columns, kThreads)),
            .block = dim3(kThreads),
            .shared_bytes = ValueBytes(args.code, kThreads)},
           args);
    return;
  }
  WithGroup(walk.columns / args.fold_width, [&](auto tag) {
    using Group = typename decltype(tag)::Type;
    Launch(context, FoldFusedKernel<Group>,
           {.grid = dim3(BlocksFor(context, walk.rows, Group::kRows)),
            .block = dim3(Group::kBlockThreads),
            .shared_bytes = ValueBytes(args.code, Group::kBlockThreads)},
           args);
  });
}

}  // namespace metronome::kernels::cuda
