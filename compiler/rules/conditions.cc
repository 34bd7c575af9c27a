#include <cmath>

#include "compiler/rules/rules.h"

namespace metronome::compiler {
namespace {

using Arguments = std::vector<ConditionArgument>;

const TensorType& Type(const Arguments& arguments, size_t index) { return arguments[index].eclass->type; }

runtime::Dim Start(const kernels::Attributes& attributes) { return DecodeDim(attributes.Ints("start")); }

}  // namespace

const ConditionTable& RuleConditions() {
  static const auto* const kTable = new ConditionTable{
      // The class is float32.
      {"float32", {"?", [](const Arguments& a) { return Type(a, 0).dtype == kernels::DType::kFloat32; }}},
      {"float", {"?", [](const Arguments& a) { return kernels::IsFloat(Type(a, 0).dtype); }}},
      // no-narrower(?inner, ?x): computing in the dtype of ?inner rounds no more than in that of ?x.
      {"no-narrower",
       {"??",
        [](const Arguments& a) {
          return Type(a, 0).dtype == kernels::DType::kFloat32 || Type(a, 0).dtype == Type(a, 1).dtype;
        }}},
      // Both classes have one type.
      {"same-type", {"??", [](const Arguments& a) { return Type(a, 0) == Type(a, 1); }}},
      {"rank", {"?#", [](const Arguments& a) { return Type(a, 0).rank() == static_cast<int>(a[1].scalar); }}},
      {"has-axis", {"?", [](const Arguments& a) { return Type(a, 0).rank() > 0; }}},
      // The matched product carries no activation.
      {"no-activation", {"@", [](const Arguments& a) { return a[0].attributes->String("activation").empty(); }}},
      {"positive", {"#", [](const Arguments& a) { return a[0].scalar > 0; }}},
      {"not-negative", {"#", [](const Arguments& a) { return a[0].scalar >= 0; }}},
      // #a * #b = 1.
      {"reciprocal", {"##", [](const Arguments& a) { return std::abs(a[0].scalar * a[1].scalar - 1) < 1e-6; }}},
      // #scale * (size of the last axis) = 1: a sum scaled so is a mean.
      {"mean",
       {"#?",
        [](const Arguments& a) {
          const TensorType& type = Type(a, 1);
          return type.rank() > 0 && type.shape.back().is_constant() &&
                 std::abs(a[0].scalar * static_cast<double>(type.shape.back().constant) - 1) < 1e-6;
        }}},
      // The axis of a reduction over the class is its last.
      {"last-axis",
       {"@?", [](const Arguments& a) { return a[0].attributes->Int("axis", -1) == Type(a, 1).rank() - 1; }}},
      // half(@slice, ?part, ?whole, n): ?part is the n-th half of ?whole along the last axis.
      {"half",
       {"@??#",
        [](const Arguments& a) {
          const TensorType &part = Type(a, 1), &whole = Type(a, 2);
          if (whole.rank() == 0 || part.rank() != whole.rank() || !whole.shape.back().is_constant()) return false;
          const int64_t size = whole.shape.back().constant, half = size / 2;
          return size % 2 == 0 && a[0].attributes->Int("axis", -1) == whole.rank() - 1 &&
                 part.shape.back() == runtime::Dim(half) &&
                 Start(*a[0].attributes) == runtime::Dim(static_cast<int64_t>(a[3].scalar) * half);
        }}},
      // per-head(?wide, ?table): [n, d] seen as [n, 1, d].
      {"per-head",
       {"??",
        [](const Arguments& a) {
          const TensorType &wide = Type(a, 0), &table = Type(a, 1);
          return table.rank() == 2 && wide.shape == std::vector<runtime::Dim>{table.shape[0], 1, table.shape[1]};
        }}},
      // positions(@keys, ?keys, @queries, ?queries, ?q, ?k): two iotas, the positions of k's rows along the last axis,
      // and those of q's rows, the last of the same, along the one before.
      {"positions",
       {"@?@???",
        [](const Arguments& a) {
          const TensorType &q = Type(a, 4), &k = Type(a, 5);
          if (q.rank() != 3 || k.rank() != 3) return false;
          const runtime::Dim rows = q.shape[0], positions = k.shape[0];
          return Start(*a[0].attributes) == runtime::Dim(0) &&
                 Type(a, 1).shape == std::vector<runtime::Dim>{positions} &&
                 Start(*a[2].attributes) == positions - rows && Type(a, 3).shape == std::vector<runtime::Dim>{rows, 1};
        }}},
      // grouped(?g, ?q, ?k): q [n, nq, d] seen as [n, nkv, nq / nkv, d] for k [kv, nkv, d].
      {"grouped",
       {"???",
        [](const Arguments& a) {
          const TensorType &grouped = Type(a, 0), &q = Type(a, 1), &k = Type(a, 2);
          if (q.rank() != 3 || k.rank() != 3 || !q.shape[1].is_constant() || !k.shape[1].is_constant()) return false;
          const int64_t heads = q.shape[1].constant, kv_heads = k.shape[1].constant;
          return kv_heads > 0 && heads % kv_heads == 0 &&
                 grouped.shape == std::vector<runtime::Dim>{q.shape[0], kv_heads, heads / kv_heads, q.shape[2]};
        }}},
      // flat-heads(?y, ?q, ?v): y is [n, nq * dv] for q [n, nq, d] and v [kv, nkv, dv].
      {"flat-heads",
       {"???",
        [](const Arguments& a) {
          const TensorType &y = Type(a, 0), &q = Type(a, 1), &v = Type(a, 2);
          return q.rank() == 3 && v.rank() == 3 && q.shape[1].is_constant() && v.shape[2].is_constant() &&
                 y.shape == std::vector<runtime::Dim>{q.shape[0], q.shape[1].constant * v.shape[2].constant};
        }}},
      // shared-heads(?wide, ?k): k [kv, nkv, d] transposed to [nkv, kv, d] and seen as [nkv, 1, kv, d].
      {"shared-heads",
       {"??",
        [](const Arguments& a) {
          const TensorType &wide = Type(a, 0), &k = Type(a, 1);
          return k.rank() == 3 && wide.shape == std::vector<runtime::Dim>{k.shape[1], 1, k.shape[0], k.shape[2]};
        }}},
      // minus-columns(#n, ?x): -n columns, few enough for float32 to count.
      {"minus-columns",
       {"#?",
        [](const Arguments& a) {
          const TensorType& type = Type(a, 1);
          constexpr int64_t kMostCounted = int64_t{1} << 24;
          return type.rank() > 0 && type.shape.back().is_constant() && type.shape.back().constant <= kMostCounted &&
                 a[0].scalar == -static_cast<double>(type.shape.back().constant);
        }}},
      // one-row-each(?wide, ?x): x [n, k] seen as [n, 1, k].
      {"one-row-each",
       {"??",
        [](const Arguments& a) {
          const TensorType &wide = Type(a, 0), &x = Type(a, 1);
          return x.rank() == 2 && wide.shape == std::vector<runtime::Dim>{x.shape[0], 1, x.shape[1]};
        }}},
      // row-copies(?spread, ?x): x [n, k] as [n, copies, k].
      {"row-copies",
       {"??",
        [](const Arguments& a) {
          const TensorType &spread = Type(a, 0), &x = Type(a, 1);
          return x.rank() == 2 && spread.rank() == 3 && spread.shape[0] == x.shape[0] && spread.shape[2] == x.shape[1];
        }}},
      // weighted-rows(?terms, ?wide, ?weights): terms [n, slots, k], weights [n, slots] seen as [n, slots, 1].
      {"weighted-rows",
       {"???",
        [](const Arguments& a) {
          const TensorType &terms = Type(a, 0), &wide = Type(a, 1), &weights = Type(a, 2);
          return terms.rank() == 3 && weights.shape == std::vector<runtime::Dim>{terms.shape[0], terms.shape[1]} &&
                 wide.shape == std::vector<runtime::Dim>{terms.shape[0], terms.shape[1], 1};
        }}},
      // counts-columns(@indices, ?indices, ?x): an iota 0, 1, 2, ... as long as the last axis of ?x.
      {"counts-columns",
       {"@??",
        [](const Arguments& a) {
          const TensorType& x = Type(a, 2);
          return x.rank() > 0 && Start(*a[0].attributes) == runtime::Dim(0) &&
                 Type(a, 1).shape == std::vector<runtime::Dim>{x.shape.back()};
        }}},
  };
  return *kTable;
}

}  // namespace metronome::compiler
