#include "tests/compiler/formulas.h"

#include <cmath>
#include <string>

namespace metronome::testing {
namespace {

// Two query heads share each of two key heads, so that confusing group and head goes unnoticed by shapes alone.
constexpr int64_t kKvHeads = 2, kGroup = 2, kHeads = kKvHeads * kGroup;

using B = FormulaBuilder;

// The rows of all positions [past + seq, kv_heads, width].
NodeId Positions(B& b, absl::string_view name, int64_t width, bool cached) {
  const std::vector<int64_t> row = {kKvHeads, width};
  if (!cached) return b.Input(name, b.dtype(), {Dim::Past() + Dim::Seq(), kKvHeads, width});
  return b.CacheWrite(b.State(name, b.dtype(), row), b.Input(name, b.dtype(), {Dim::Seq(), kKvHeads, width}));
}

NodeId Mask(B& b, const AttentionFormula& formula) {
  const Dim rows = Dim::Seq(), positions = Dim::Past() + Dim::Seq();
  const NodeId keys = b.Iota(formula.first_key, positions);
  const NodeId queries = b.Reshape(b.Iota(formula.first_query, rows), {rows, 1});
  const NodeId causal = b.Binary(formula.compare, keys, queries);
  if (formula.window == 0) return causal;
  return b.And(causal, b.Binary(formula.compare_window, keys, b.Sub(queries, formula.window)));
}

}  // namespace

NodeId FormulaBuilder::Normalised(NodeId x, double eps) {
  const NodeId x32 = Float(x);
  const auto size = static_cast<double>(type(x).shape.back().constant);
  const NodeId mean = Mul(ReduceSum(Mul(x32, x32), -1), 1.0 / size);
  return Mul(x32, Rsqrt(Add(mean, eps)));
}

NodeId FormulaBuilder::Silu(NodeId gate) {
  const NodeId gate32 = Float(gate);
  return Round(Mul(gate32, Sigmoid(gate32)));
}

NodeId FormulaBuilder::GeluTanh(NodeId gate) {
  const NodeId gate32 = Float(gate);
  const NodeId cubic = Mul(Mul(gate32, Mul(gate32, gate32)), 0.044715);
  const NodeId tanh = Tanh(Mul(Add(gate32, cubic), std::sqrt(2 / M_PI)));
  return Round(Mul(Mul(gate32, 0.5), Add(tanh, 1.0)));
}

NodeId FormulaBuilder::Softmax(NodeId x) {
  const NodeId exponentials = Exp(Sub(x, ReduceMax(x, -1)));
  return Div(exponentials, ReduceSum(exponentials, -1));
}

NodeId Attention(B& b, const AttentionFormula& formula) {
  const Dim rows = Dim::Seq(), positions = Dim::Past() + Dim::Seq();
  const int64_t width = b.width(), value_width = width - 1;  // Odd, and not that of keys.
  const auto spread = [&](NodeId x, int64_t size) {
    return b.Reshape(b.Transpose(x, {1, 0, 2}), {kKvHeads, 1, positions, size});
  };
  const NodeId keys = spread(Positions(b, "k", width, formula.cached), width);
  const NodeId values = spread(Positions(b, "v", value_width, formula.cached), value_width);
  const NodeId x = b.Input("q", b.dtype(), {rows, kHeads * width});
  NodeId q = b.Reshape(b.Reshape(x, {rows, kHeads, width}), {rows, kKvHeads, kGroup, width});
  q = b.Transpose(q, formula.interleave_groups ? std::vector<int64_t>{2, 1, 0, 3} : std::vector<int64_t>{1, 2, 0, 3});
  if (formula.scale_query) q = b.Mul(q, formula.scale);
  NodeId scores = b.Matmul(q, keys, true);
  if (formula.scale != 0 && !formula.scale_query) scores = b.Mul(scores, formula.scale);
  scores = b.Cast(scores, formula.softmax_dtype);
  const NodeId masked = b.Scalar(formula.softmax_dtype, formula.masked);
  scores =
      formula.select_masked ? b.Select(Mask(b, formula), masked, scores) : b.Select(Mask(b, formula), scores, masked);
  const NodeId mixed = b.Matmul(b.Round(b.Softmax(scores)), values, false);
  return b.Reshape(b.Transpose(mixed, {2, 0, 1, 3}), {rows, kHeads * value_width});
}

NodeId Rope(B& b, const RopeFormula& formula) {
  constexpr int64_t kRopeHeads = 3;
  const int64_t width = b.width(), low_size = formula.low == 0 ? width / 2 : formula.low;
  const std::vector<Dim> wide =
      formula.table_of_head ? std::vector<Dim>{1, kRopeHeads, width} : std::vector<Dim>{Dim::Seq(), 1, width};
  const auto table = [&](absl::string_view name) {
    return b.Reshape(b.Input(name, b.dtype(), {formula.table_of_head ? Dim(kRopeHeads) : Dim::Seq(), width}), wide);
  };
  const NodeId x = b.Input("x", b.dtype(), {Dim::Seq(), kRopeHeads, width});
  const NodeId low = b.Slice(x, -1, 0, low_size), high = b.Slice(x, -1, low_size, width);
  const NodeId first = formula.swap_halves ? low : high, second = formula.swap_halves ? high : low;
  const NodeId rotated =
      formula.negate_low ? b.Concat({first, b.Neg(second)}, -1) : b.Concat({b.Neg(first), second}, -1);
  return b.Add(b.Mul(x, table("cos")), b.Mul(rotated, table("sin")));
}

std::vector<NodeId> Qkv(B& b, const QkvFormula& formula) {
  constexpr int64_t kQueryHeads = 3, kSize = 4, kValueSize = 3;
  const NodeId input = b.Rows();
  const NodeId x = formula.norm ? b.Mul(b.Vector("norm"), b.Round(b.Normalised(input))) : input;
  std::vector<NodeId> results;
  const auto project = [&](NodeId from, std::string name, int64_t heads, int64_t size, bool head_norm) {
    NodeId product = b.Linear(from, b.Matrix(name, heads * size));
    if (formula.bias) product = b.Add(product, b.Weight(name + " bias", b.dtype(), {heads * size}, WeightInit::kBias));
    if (formula.scale_key && name == "wk") results.push_back(b.Mul(product, 0.5));
    const NodeId rows = b.Reshape(product, {Dim::Seq(), heads, size});
    if (!head_norm) return rows;
    const NodeId weight = b.Weight(name + " norm", b.dtype(), {size}, WeightInit::kOnes);
    return b.Round(b.Mul(b.Normalised(rows), b.Add(b.Float(weight), 1.0)));
  };
  const auto turn = [&](NodeId rows, const std::string& tables) {
    const auto table = [&](const char* name) {
      return b.Reshape(b.Input(name + tables, b.dtype(), {Dim::Seq(), kSize}), {Dim::Seq(), 1, kSize});
    };
    const NodeId low = b.Slice(rows, -1, 0, kSize / 2), high = b.Slice(rows, -1, kSize / 2, kSize);
    return b.Add(b.Mul(rows, table("cos")), b.Mul(b.Concat({b.Neg(high), low}, -1), table("sin")));
  };
  const auto cache = [&](const char* name, NodeId rows, int64_t size) {
    return b.CacheWrite(b.State(name, b.dtype(), {kKvHeads, size}), rows);
  };
  const NodeId q = project(x, "wq", kQueryHeads, kSize, formula.head_norm),
               k = project(x, "wk", kKvHeads, kSize, formula.head_norm),
               v = project(formula.value_input ? b.Rows("y") : x, "wv", kKvHeads, kValueSize, false);
  const std::string tables = formula.key_tables ? " of keys" : "";
  results.insert(results.begin(), {formula.plain_query ? q : turn(q, ""), cache("k", turn(k, tables), kSize),
                                   cache("v", v, kValueSize)});
  if (formula.cache_plain) results.push_back(cache("plain", k, kSize));
  return results;
}

NodeId Experts(B& b, const ExpertsFormula& formula) {
  constexpr int64_t kSlots = 2, kColumns = 4;
  const int64_t width = b.width();
  const Dim rows = Dim::Seq(), slots = Dim::Seq() * kSlots;
  const Builder::TopKColumns chosen = b.TopK(b.Rows("router"), kSlots);
  const NodeId index = b.Reshape(chosen.columns, {slots}), x = b.Rows();
  const NodeId copies = formula.interleave_rows ? b.Broadcast(b.Reshape(x, {1, rows, width}), {kSlots, rows, width})
                                                : b.Broadcast(b.Reshape(x, {rows, 1, width}), {rows, kSlots, width});
  const auto product = [&](NodeId from, const char* name, int64_t out, int64_t in) {
    const NodeId experts = b.Weight(name, b.dtype(), {width, out, in}, WeightInit::kMatrix);
    return b.Reshape(b.Matmul(b.Reshape(from, {slots, 1, in}), b.Gather(experts, index), true), {slots, out});
  };
  const NodeId both = product(b.Reshape(copies, {slots, width}), "gate_up", 2 * kColumns, width);
  const NodeId first = b.Slice(both, -1, 0, kColumns), second = b.Slice(both, -1, kColumns, 2 * kColumns);
  const NodeId gated = formula.swap_halves ? b.Mul(b.Silu(second), first) : b.Mul(b.Silu(first), second);
  const NodeId terms = b.Reshape(product(gated, "down", width, kColumns), {rows, kSlots, width});
  const NodeId weights = formula.weigh_rows ? b.Reshape(b.Slice(chosen.values, -1, 0, 1), {rows, 1, 1})
                                            : b.Reshape(chosen.values, {rows, kSlots, 1});
  return b.Reshape(b.ReduceSum(b.Mul(terms, weights), 1), {rows, width});
}

NodeId Argmax(B& b, const ArgmaxFormula& formula) {
  const NodeId x = b.Rows();
  const NodeId wanted = formula.of_sum ? b.ReduceSum(x, -1) : b.ReduceMax(x, -1);
  const NodeId falling = b.Neg(b.Float(b.Iota(formula.first_index, b.width())));
  const double none = formula.none == 0 ? -static_cast<double>(b.width()) : formula.none;
  const NodeId first = b.Neg(b.ReduceMax(b.Select(b.Eq(x, wanted), falling, none), -1));
  return b.Reshape(b.Cast(first, DType::kInt32), {Dim::Seq()});
}

}  // namespace metronome::testing
