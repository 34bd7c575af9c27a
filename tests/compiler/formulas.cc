#include "tests/compiler/formulas.h"

#include <cmath>
#include <string>

namespace metronome::testing {
namespace {

// Two query heads share each of two key heads, so that confusing group and head goes unnoticed by shapes alone.
constexpr int64_t kKvHeads = 2, kGroup = 2, kHeads = kKvHeads * kGroup;

using B = FormulaBuilder;

// The rows of all positions [past + seq, kv_heads, width].
compiler::NodeId Positions(B& b, absl::string_view name, int64_t width, bool cached) {
  const std::vector<int64_t> row = {kKvHeads, width};
  if (!cached) return b.Input(name, b.dtype(), {runtime::Dim::Past() + runtime::Dim::Seq(), kKvHeads, width});
  return b.CacheWrite(b.State(name, b.dtype(), row), b.Input(name, b.dtype(), {runtime::Dim::Seq(), kKvHeads, width}));
}

compiler::NodeId Mask(B& b, const AttentionFormula& formula) {
  const runtime::Dim rows = runtime::Dim::Seq(), positions = runtime::Dim::Past() + runtime::Dim::Seq();
  const compiler::NodeId keys = b.Iota(formula.first_key, positions);
  const compiler::NodeId queries = b.Reshape(b.Iota(formula.first_query, rows), {rows, 1});
  const compiler::NodeId causal = b.Binary(formula.compare, keys, queries);
  if (formula.window == 0) return causal;
  return b.And(causal, b.Binary(formula.compare_window, keys, b.Sub(queries, formula.window)));
}

}  // namespace

compiler::NodeId FormulaBuilder::Normalised(compiler::NodeId x, double eps) {
  const compiler::NodeId x32 = Float(x);
  const auto size = static_cast<double>(type(x).shape.back().constant);
  const compiler::NodeId mean = Mul(ReduceSum(Mul(x32, x32), -1), 1.0 / size);
  return Mul(x32, Rsqrt(Add(mean, eps)));
}

compiler::NodeId FormulaBuilder::Silu(compiler::NodeId gate) {
  const compiler::NodeId gate32 = Float(gate);
  return Round(Mul(gate32, Sigmoid(gate32)));
}

compiler::NodeId FormulaBuilder::GeluTanh(compiler::NodeId gate) {
  const compiler::NodeId gate32 = Float(gate);
  const compiler::NodeId cubic = Mul(Mul(gate32, Mul(gate32, gate32)), 0.044715);
  const compiler::NodeId tanh = Tanh(Mul(Add(gate32, cubic), std::sqrt(2 / M_PI)));
  return Round(Mul(Mul(gate32, 0.5), Add(tanh, 1.0)));
}

compiler::NodeId FormulaBuilder::Softmax(compiler::NodeId x) {
  const compiler::NodeId exponentials = Exp(Sub(x, ReduceMax(x, -1)));
  return Div(exponentials, ReduceSum(exponentials, -1));
}

compiler::NodeId Attention(B& b, const AttentionFormula& formula) {
  const runtime::Dim rows = runtime::Dim::Seq(), positions = runtime::Dim::Past() + runtime::Dim::Seq();
  const int64_t width = b.width(), value_width = width - 1;  // Odd, and not that of keys.
  const auto spread = [&](compiler::NodeId x, int64_t size) {
    return b.Reshape(b.Transpose(x, {1, 0, 2}), {kKvHeads, 1, positions, size});
  };
  const compiler::NodeId keys = spread(Positions(b, "k", width, formula.cached), width);
  const compiler::NodeId values = spread(Positions(b, "v", value_width, formula.cached), value_width);
  const compiler::NodeId x = b.Input("q", b.dtype(), {rows, kHeads * width});
  compiler::NodeId q = b.Reshape(b.Reshape(x, {rows, kHeads, width}), {rows, kKvHeads, kGroup, width});
  q = b.Transpose(q, formula.interleave_groups ? std::vector<int64_t>{2, 1, 0, 3} : std::vector<int64_t>{1, 2, 0, 3});
  if (formula.scale_query) q = b.Mul(q, formula.scale);
  compiler::NodeId scores = b.Matmul(q, keys, true);
  if (formula.scale != 0 && !formula.scale_query) scores = b.Mul(scores, formula.scale);
  scores = b.Cast(scores, formula.softmax_dtype);
  const compiler::NodeId masked = b.Scalar(formula.softmax_dtype, formula.masked);
  scores =
      formula.select_masked ? b.Select(Mask(b, formula), masked, scores) : b.Select(Mask(b, formula), scores, masked);
  const compiler::NodeId mixed = b.Matmul(b.Round(b.Softmax(scores)), values, false);
  return b.Reshape(b.Transpose(mixed, {2, 0, 1, 3}), {rows, kHeads * value_width});
}

compiler::NodeId Rope(B& b, const RopeFormula& formula) {
  constexpr int64_t kRopeHeads = 3;
  const int64_t width = b.width(), low_size = formula.low == 0 ? width / 2 : formula.low;
  const std::vector<runtime::Dim> wide = formula.table_of_head
                                             ? std::vector<runtime::Dim>{1, kRopeHeads, width}
                                             : std::vector<runtime::Dim>{runtime::Dim::Seq(), 1, width};
  const auto table = [&](absl::string_view name) {
    return b.Reshape(
        b.Input(name, b.dtype(), {formula.table_of_head ? runtime::Dim(kRopeHeads) : runtime::Dim::Seq(), width}),
        wide);
  };
  const compiler::NodeId x = b.Input("x", b.dtype(), {runtime::Dim::Seq(), kRopeHeads, width});
  const compiler::NodeId low = b.Slice(x, -1, 0, low_size), high = b.Slice(x, -1, low_size, width);
  const compiler::NodeId first = formula.swap_halves ? low : high, second = formula.swap_halves ? high : low;
  const compiler::NodeId rotated =
      formula.negate_low ? b.Concat({first, b.Neg(second)}, -1) : b.Concat({b.Neg(first), second}, -1);
  return b.Add(b.Mul(x, table("cos")), b.Mul(rotated, table("sin")));
}

std::vector<compiler::NodeId> Qkv(B& b, const QkvFormula& formula) {
  constexpr int64_t kQueryHeads = 3, kSize = 4, kValueSize = 3;
  const compiler::NodeId input = b.Rows();
  const compiler::NodeId x = formula.norm ? b.Mul(b.Vector("norm"), b.Round(b.Normalised(input))) : input;
  std::vector<compiler::NodeId> results;
  const auto project = [&](compiler::NodeId from, std::string name, int64_t heads, int64_t size, bool head_norm) {
    compiler::NodeId product = b.Linear(from, b.Matrix(name, heads * size));
    if (formula.bias)
      product = b.Add(product, b.Weight(name + " bias", b.dtype(), {heads * size}, runtime::WeightInit::kBias));
    if (formula.scale_key && name == "wk") results.push_back(b.Mul(product, 0.5));
    const compiler::NodeId rows = b.Reshape(product, {runtime::Dim::Seq(), heads, size});
    if (!head_norm) return rows;
    const compiler::NodeId weight = b.Weight(name + " norm", b.dtype(), {size}, runtime::WeightInit::kOnes);
    return b.Round(b.Mul(b.Normalised(rows), b.Add(b.Float(weight), 1.0)));
  };
  const auto turn = [&](compiler::NodeId rows, const std::string& tables) {
    const auto table = [&](const char* name) {
      return b.Reshape(b.Input(name + tables, b.dtype(), {runtime::Dim::Seq(), kSize}),
                       {runtime::Dim::Seq(), 1, kSize});
    };
    const compiler::NodeId low = b.Slice(rows, -1, 0, kSize / 2), high = b.Slice(rows, -1, kSize / 2, kSize);
    return b.Add(b.Mul(rows, table("cos")), b.Mul(b.Concat({b.Neg(high), low}, -1), table("sin")));
  };
  const auto cache = [&](const char* name, compiler::NodeId rows, int64_t size) {
    return b.CacheWrite(b.State(name, b.dtype(), {kKvHeads, size}), rows);
  };
  const compiler::NodeId q = project(x, "wq", kQueryHeads, kSize, formula.head_norm),
                         k = project(x, "wk", kKvHeads, kSize, formula.head_norm),
                         v = project(formula.value_input ? b.Rows("y") : x, "wv", kKvHeads, kValueSize, false);
  const std::string tables = formula.key_tables ? " of keys" : "";
  results.insert(results.begin(), {formula.plain_query ? q : turn(q, ""), cache("k", turn(k, tables), kSize),
                                   cache("v", v, kValueSize)});
  if (formula.cache_plain) results.push_back(cache("plain", k, kSize));
  return results;
}

compiler::NodeId Experts(B& b, const ExpertsFormula& formula) {
  constexpr int64_t kSlots = 2, kColumns = 4;
  const int64_t width = b.width();
  const runtime::Dim rows = runtime::Dim::Seq(), slots = runtime::Dim::Seq() * kSlots;
  const compiler::Builder::TopKColumns chosen = b.TopK(b.Rows("router"), kSlots);
  const compiler::NodeId index = b.Reshape(chosen.columns, {slots}), x = b.Rows();
  const compiler::NodeId copies = formula.interleave_rows
                                      ? b.Broadcast(b.Reshape(x, {1, rows, width}), {kSlots, rows, width})
                                      : b.Broadcast(b.Reshape(x, {rows, 1, width}), {rows, kSlots, width});
  const auto product = [&](compiler::NodeId from, const char* name, int64_t out, int64_t in) {
    const compiler::NodeId experts = b.Weight(name, b.dtype(), {width, out, in}, runtime::WeightInit::kMatrix);
    return b.Reshape(b.Matmul(b.Reshape(from, {slots, 1, in}), b.Gather(experts, index), true), {slots, out});
  };
  const compiler::NodeId both = product(b.Reshape(copies, {slots, width}), "gate_up", 2 * kColumns, width);
  const compiler::NodeId first = b.Slice(both, -1, 0, kColumns), second = b.Slice(both, -1, kColumns, 2 * kColumns);
  const compiler::NodeId gated = formula.swap_halves ? b.Mul(b.Silu(second), first) : b.Mul(b.Silu(first), second);
  const compiler::NodeId terms = b.Reshape(product(gated, "down", width, kColumns), {rows, kSlots, width});
  const compiler::NodeId weights = formula.weigh_rows ? b.Reshape(b.Slice(chosen.values, -1, 0, 1), {rows, 1, 1})
                                                      : b.Reshape(chosen.values, {rows, kSlots, 1});
  return b.Reshape(b.ReduceSum(b.Mul(terms, weights), 1), {rows, width});
}

compiler::NodeId Argmax(B& b, const ArgmaxFormula& formula) {
  const compiler::NodeId x = b.Rows();
  const compiler::NodeId wanted = formula.of_sum ? b.ReduceSum(x, -1) : b.ReduceMax(x, -1);
  const compiler::NodeId falling = b.Neg(b.Float(b.Iota(formula.first_index, b.width())));
  const double none = formula.none == 0 ? -static_cast<double>(b.width()) : formula.none;
  const compiler::NodeId first = b.Neg(b.ReduceMax(b.Select(b.Eq(x, wanted), falling, none), -1));
  return b.Reshape(b.Cast(first, kernels::DType::kInt32), {runtime::Dim::Seq()});
}

}  // namespace metronome::testing
