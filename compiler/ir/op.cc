#include "compiler/ir/op.h"

#include <array>
#include <cstddef>

namespace metronome {
namespace {

// In the order of the enum.
constexpr std::array<absl::string_view, 54> kNames = {"tokens",
                                                      "input",
                                                      "weight",
                                                      "constant",
                                                      "state",
                                                      "iota",
                                                      "neg",
                                                      "exp",
                                                      "tanh",
                                                      "sigmoid",
                                                      "rsqrt",
                                                      "cos",
                                                      "sin",
                                                      "add",
                                                      "sub",
                                                      "mul",
                                                      "div",
                                                      "maximum",
                                                      "minimum",
                                                      "lt",
                                                      "le",
                                                      "gt",
                                                      "ge",
                                                      "eq",
                                                      "and",
                                                      "select",
                                                      "cast",
                                                      "reduce_sum",
                                                      "reduce_max",
                                                      "matmul",
                                                      "gather",
                                                      "top_k",
                                                      "cache_write",
                                                      "reshape",
                                                      "transpose",
                                                      "broadcast",
                                                      "slice",
                                                      "concat",
                                                      "softmax",
                                                      "rms_norm",
                                                      "rope",
                                                      "attention",
                                                      "linear",
                                                      "gated_activation",
                                                      "embedding",
                                                      "softcap",
                                                      "argmax",
                                                      "expert_linear",
                                                      "gated_experts",
                                                      "expert_mix",
                                                      "gated_linear",
                                                      "add_rms_norm",
                                                      "linear_group",
                                                      "qkv_rope_cache"};
static_assert(kNames.size() == kOpCount);

}  // namespace

absl::string_view Name(Op op) { return kNames[static_cast<size_t>(op)]; }

std::optional<Op> ParseOp(absl::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Op>(i);
  }
  return std::nullopt;
}

bool IsPrimitive(Op op) { return op < Op::kSoftmax; }

bool IsLeaf(Op op) { return op <= Op::kIota; }

bool IsCommutative(Op op) {
  return op == Op::kAdd || op == Op::kMul || op == Op::kMaximum || op == Op::kMinimum || op == Op::kAnd ||
         op == Op::kEq;
}

}  // namespace metronome
