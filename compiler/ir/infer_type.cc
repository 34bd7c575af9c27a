#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/ir/graph.h"
#include "kernels/base/status_macros.h"

namespace metronome::compiler {
namespace {

using Types = absl::Span<const TensorType>;

absl::Status Mismatch(kernels::Op op, Types inputs, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat(
      Name(op), "(",
      absl::StrJoin(inputs, ", ", [](std::string* out, const TensorType& type) { out->append(type.ToString()); }),
      "): ", why));
}

// NumPy's rule on shape suffixes.
absl::StatusOr<std::vector<runtime::Dim>> BroadcastShapes(kernels::Op op, Types inputs) {
  size_t rank = 0;
  for (const TensorType& type : inputs) rank = std::max(rank, type.shape.size());
  std::vector<runtime::Dim> shape(rank, runtime::Dim(1));
  for (const TensorType& type : inputs) {
    const size_t lead = rank - type.shape.size();
    for (size_t axis = 0; axis < type.shape.size(); ++axis) {
      runtime::Dim& out = shape[lead + axis];
      if (type.shape[axis] == runtime::Dim(1) || type.shape[axis] == out) continue;
      if (out != runtime::Dim(1)) return Mismatch(op, inputs, "shapes do not broadcast");
      out = type.shape[axis];
    }
  }
  return shape;
}

// The number of elements in normal form: a constant times the sorted symbolic factors, each divided by the gcd of its
// terms.
struct ElementCount {
  int64_t factor = 1;
  std::vector<runtime::Dim> symbols;
  friend bool operator==(const ElementCount&, const ElementCount&) = default;
};

ElementCount CountElements(const std::vector<runtime::Dim>& shape) {
  ElementCount count;
  for (const runtime::Dim& dim : shape) {
    if (dim.is_constant()) {
      count.factor *= dim.constant;
      continue;
    }
    const int64_t common = std::gcd(std::gcd(dim.constant, dim.seq), dim.past);
    count.factor *= common;
    count.symbols.push_back({dim.constant / common, dim.seq / common, dim.past / common});
  }
  std::sort(count.symbols.begin(), count.symbols.end());
  return count;
}

absl::StatusOr<TensorType> InferElementwise(kernels::Op op, Types inputs) {
  Types values = op == kernels::Op::kSelect ? inputs.subspan(1) : inputs;
  for (const TensorType& type : values) {
    if (type.dtype != values[0].dtype) return Mismatch(op, inputs, "dtypes differ");
  }
  if (op == kernels::Op::kSelect && inputs[0].dtype != kernels::DType::kBool)
    return Mismatch(op, inputs, "the condition is not bool");
  if (op == kernels::Op::kAnd && inputs[0].dtype != kernels::DType::kBool)
    return Mismatch(op, inputs, "the operands are not bool");
  const kernels::OpGroup group = kernels::GroupOf(op);
  if (group == kernels::OpGroup::kUnary && !kernels::IsFloat(inputs[0].dtype))
    return Mismatch(op, inputs, "the operand is not a float");
  ASSIGN_OR_RETURN(std::vector<runtime::Dim> shape, BroadcastShapes(op, inputs));
  const bool compares = group == kernels::OpGroup::kCompare || group == kernels::OpGroup::kLogical;
  return TensorType{compares ? kernels::DType::kBool : values[0].dtype, std::move(shape)};
}

absl::StatusOr<TensorType> InferMatmul(Types inputs, const kernels::Attributes& attributes) {
  const TensorType& a = inputs[0];
  const TensorType& b = inputs[1];
  if (a.rank() < 2 || b.rank() < 2 || a.dtype != b.dtype || !kernels::IsFloat(a.dtype)) {
    return Mismatch(kernels::Op::kMatmul, inputs, "operands must be matrices of one float dtype");
  }
  const bool transposed = attributes.Int("transpose_b") != 0;
  const runtime::Dim inner_b = b.shape[b.rank() - (transposed ? 1 : 2)];
  const runtime::Dim columns = b.shape[b.rank() - (transposed ? 2 : 1)];
  if (a.shape.back() != inner_b) return Mismatch(kernels::Op::kMatmul, inputs, "inner sizes differ");
  const TensorType batches[] = {{a.dtype, {a.shape.begin(), a.shape.end() - 2}},
                                {b.dtype, {b.shape.begin(), b.shape.end() - 2}}};
  ASSIGN_OR_RETURN(std::vector<runtime::Dim> shape, BroadcastShapes(kernels::Op::kMatmul, batches));
  shape.push_back(a.shape[a.rank() - 2]);
  shape.push_back(columns);
  return TensorType{a.dtype, std::move(shape)};
}

absl::StatusOr<int> AxisOf(kernels::Op op, Types inputs, const kernels::Attributes& attributes) {
  const int64_t axis = attributes.Int("axis", -1);
  if (axis < 0 || axis >= inputs[0].rank()) return Mismatch(op, inputs, absl::StrCat("no axis ", axis));
  return static_cast<int>(axis);
}

absl::StatusOr<TensorType> InferLayout(kernels::Op op, Types inputs, const kernels::Attributes& attributes,
                                       const TensorType& declared) {
  TensorType type = inputs[0];
  switch (op) {
    case kernels::Op::kReshape:
      if (CountElements(type.shape) != CountElements(declared.shape)) {
        return Mismatch(op, inputs, absl::StrCat("element counts differ from ", declared.ToString()));
      }
      type.shape = declared.shape;
      return type;
    case kernels::Op::kTranspose: {
      const std::vector<int64_t>& permutation = attributes.Ints("permutation");
      std::vector<int64_t> sorted = permutation;
      std::sort(sorted.begin(), sorted.end());
      for (int axis = 0; axis < type.rank(); ++axis) {
        if (sorted.size() != type.shape.size() || sorted[axis] != axis)
          return Mismatch(op, inputs, "not a permutation of the axes");
        type.shape[axis] = inputs[0].shape[permutation[axis]];
      }
      return type;
    }
    case kernels::Op::kBroadcast: {
      const TensorType both[] = {type, {type.dtype, declared.shape}};
      ASSIGN_OR_RETURN(std::vector<runtime::Dim> shape, BroadcastShapes(op, both));
      if (shape != declared.shape)
        return Mismatch(op, inputs, absl::StrCat("does not broadcast to ", declared.ToString()));
      type.shape = declared.shape;
      return type;
    }
    case kernels::Op::kSlice: {
      ASSIGN_OR_RETURN(const int axis, AxisOf(op, inputs, attributes));
      if (declared.rank() != type.rank()) return Mismatch(op, inputs, "a slice keeps the rank");
      type.shape[axis] = declared.shape[axis];
      return type;
    }
    default: {  // kConcat
      ASSIGN_OR_RETURN(const int axis, AxisOf(op, inputs, attributes));
      for (const TensorType& part : inputs.subspan(1)) {
        TensorType expected = part;
        if (part.rank() == type.rank()) expected.shape[axis] = inputs[0].shape[axis];
        if (expected != inputs[0]) return Mismatch(op, inputs, "parts differ outside the axis");
        type.shape[axis] = type.shape[axis] + part.shape[axis];
      }
      return type;
    }
  }
}

absl::StatusOr<TensorType> InferGather(kernels::Op op, Types inputs) {
  if (inputs[0].rank() < 1 || inputs[1].rank() != 1 || inputs[1].dtype != kernels::DType::kInt32)
    return Mismatch(op, inputs, "needs a table and int32 [n]");
  TensorType type = inputs[0];
  type.shape[0] = inputs[1].shape[0];
  return type;
}

// x normalised over its last axis, by a weight if `weights` has one.
absl::StatusOr<TensorType> InferNorm(kernels::Op op, const TensorType& x, Types weights, Types inputs) {
  if (!kernels::IsFloat(x.dtype) || x.rank() == 0) return Mismatch(op, inputs, "needs a float with an axis");
  if (!weights.empty() && weights[0] != TensorType{x.dtype, {x.shape.back()}})
    return Mismatch(op, inputs, "the weight does not fit the last axis");
  return x;
}

// inputs[0] [m, k] times the transpose of inputs[weight] [n, k].
absl::StatusOr<TensorType> InferProduct(kernels::Op op, Types inputs, size_t weight) {
  const TensorType &x = inputs[0], &w = inputs[weight];
  if (x.rank() != 2 || w.rank() != 2 || x.shape[1] != w.shape[1] || x.dtype != w.dtype || !kernels::IsFloat(x.dtype))
    return Mismatch(op, inputs, "needs [m, k] and [n, k] of one float dtype");
  return TensorType{x.dtype, {x.shape[0], w.shape[0]}};
}

// How many indices each of `rows` has, where that is a whole number.
std::optional<runtime::Dim> SlotsOf(runtime::Dim rows, runtime::Dim indices) {
  for (const auto& [row, index] : {std::pair(rows.seq, indices.seq), {rows.constant, indices.constant}}) {
    if (row > 0 && index % row == 0 && rows * (index / row) == indices) return runtime::Dim(index / row);
  }
  return std::nullopt;
}

// Rows x [.., k] times the transpose of one expert each, of experts [E, n, k]: [indices, n].
absl::StatusOr<TensorType> InferExperts(kernels::Op op, Types inputs) {
  const TensorType &x = inputs[0], &experts = inputs[1], &index = inputs[2];
  if (x.rank() != 2 || experts.rank() != 3 || x.dtype != experts.dtype || !kernels::IsFloat(x.dtype) ||
      x.shape[1] != experts.shape[2] || index.rank() != 1 || index.dtype != kernels::DType::kInt32)
    return Mismatch(op, inputs, "needs [rows, k], [E, n, k] of one float dtype and int32 indices");
  return TensorType{x.dtype, {index.shape[0], experts.shape[1]}};
}

// The operands of a product without the weight of its norm, if it has one.
absl::StatusOr<Types> ProductInputs(kernels::Op op, Types inputs, const kernels::Attributes& attributes) {
  if (attributes.Int("has_norm") == 0) return inputs;
  RETURN_IF_ERROR(InferNorm(op, inputs[0], inputs.last(1), inputs).status());
  return inputs.first(inputs.size() - 1);
}

// The weights of q, k and v give rows of whole heads; the caches, already as long as after the step, are as they were.
absl::StatusOr<TensorType> InferQkvRopeCache(kernels::Op op, Types inputs, const kernels::Attributes& attributes) {
  const bool has_bias = attributes.Int("has_bias") != 0, has_head_norm = attributes.Int("has_head_norm") != 0;
  ASSIGN_OR_RETURN(const Types own, ProductInputs(op, inputs, attributes));
  const size_t biases = has_bias ? 3 : 0;
  if (own.size() != 8 + biases + (has_head_norm ? 2 : 0)) return Mismatch(op, inputs, "lacks the declared extras");
  const TensorType &x = own[0], &tables = own[4], &k = own[6], &v = own[7];
  if (x.rank() != 2 || own[5] != tables || tables.rank() != 2 || tables.dtype != x.dtype ||
      tables.shape[0] != x.shape[0] || !tables.shape[1].is_constant())
    return Mismatch(op, inputs, "needs rows [n, k] and tables [n, d]");
  const bool of_step =
      x.shape[0] == runtime::Dim::Seq() && k.rank() > 0 && k.shape[0] == runtime::Dim::Past() + runtime::Dim::Seq();
  if (k.rank() != 3 || k.shape[2] != tables.shape[1] || k.dtype != x.dtype || v.rank() != 3 || v.dtype != x.dtype ||
      v.shape[0] != k.shape[0] || !(of_step || (x.shape[0].is_constant() && k.shape[0].is_constant())))
    return Mismatch(op, inputs, "needs caches of all positions [positions, heads, size]");
  const runtime::Dim size = tables.shape[1];
  runtime::Dim heads = 0;
  for (size_t i = 0; i < 3; ++i) {
    ASSIGN_OR_RETURN(const TensorType product, InferProduct(op, own, 1 + i));
    const runtime::Dim columns = product.shape[1];
    if (!columns.is_constant() || size.constant < 1 || (i == 0 && columns.constant % size.constant != 0))
      return Mismatch(op, inputs, "the products are not whole heads of each row");
    if (i == 0) heads = columns.constant / size.constant;
    if (i > 0 && CountElements({own[5 + i].shape[1], own[5 + i].shape[2]}) != CountElements({columns}))
      return Mismatch(op, inputs, "a cache does not fit its weight");
    if (has_bias && own[8 + i] != TensorType{product.dtype, {columns}})
      return Mismatch(op, inputs, "a bias is not [n]");
    if (has_head_norm && i < 2 && own[8 + biases + i] != TensorType{product.dtype, {size}})
      return Mismatch(op, inputs, "a head norm is not [d]");
  }
  const int64_t output = attributes.Int("output", -1);
  if (output < 0 || output > 2) return Mismatch(op, inputs, absl::StrCat("has no output ", output));
  if (output > 0) return own[5 + output];
  return TensorType{x.dtype, {x.shape[0], heads, size}};
}

absl::StatusOr<TensorType> InferFused(kernels::Op op, Types inputs, const kernels::Attributes& attributes) {
  if (op == kernels::Op::kLinear || op == kernels::Op::kLinearGroup || op == kernels::Op::kGatedLinear) {
    ASSIGN_OR_RETURN(inputs, ProductInputs(op, inputs, attributes));
  }
  switch (op) {
    case kernels::Op::kSoftmax:
      return inputs[0];
    case kernels::Op::kRmsNorm:
      return InferNorm(op, inputs[0], inputs.subspan(1), inputs);
    case kernels::Op::kRope:
      if (inputs[0].rank() != 3 || inputs[1] != inputs[2] || inputs[1].dtype != inputs[0].dtype ||
          inputs[1].shape != std::vector<runtime::Dim>{inputs[0].shape[0], inputs[0].shape[2]}) {
        return Mismatch(op, inputs, "needs [n, heads, d] and tables [n, d]");
      }
      return inputs[0];
    case kernels::Op::kAttention: {
      const TensorType &q = inputs[0], &k = inputs[1], &v = inputs[2];
      if (q.rank() != 3 || k.rank() != 3 || v.rank() != 3 || q.shape[2] != k.shape[2] || k.shape[0] != v.shape[0] ||
          k.shape[1] != v.shape[1] || q.dtype != k.dtype || q.dtype != v.dtype) {
        return Mismatch(op, inputs, "needs [n, nq, d], [kv, nkv, d] and [kv, nkv, dv] of one dtype");
      }
      if (!q.shape[1].is_constant() || !k.shape[1].is_constant() || k.shape[1].constant < 1 ||
          q.shape[1].constant % k.shape[1].constant != 0) {
        return Mismatch(op, inputs, "query heads are no multiple of key heads");
      }
      return TensorType{q.dtype, {q.shape[0], q.shape[1], v.shape[2]}};
    }
    case kernels::Op::kLinear: {
      const bool has_bias = attributes.Int("has_bias") != 0, has_residual = attributes.Int("has_residual") != 0;
      if (inputs.size() != size_t{2} + has_bias + has_residual)
        return Mismatch(op, inputs, "lacks the declared extras");
      ASSIGN_OR_RETURN(TensorType type, InferProduct(op, inputs, 1));
      if (has_bias && inputs[2] != TensorType{type.dtype, {type.shape[1]}})
        return Mismatch(op, inputs, "the bias is not [n]");
      if (has_residual && inputs.back() != type) return Mismatch(op, inputs, "the residual is not [m, n]");
      if (has_residual && !attributes.String("activation").empty())
        return Mismatch(op, inputs, "an activation and a residual exclude each other");
      return type;
    }
    case kernels::Op::kGatedActivation:
      if (inputs[0] != inputs[1]) return Mismatch(op, inputs, "gate and up differ");
      return inputs[0];
    case kernels::Op::kEmbedding:
      return InferGather(op, inputs);
    case kernels::Op::kSoftcap:
      if (!kernels::IsFloat(inputs[0].dtype)) return Mismatch(op, inputs, "the operand is not a float");
      return inputs[0];
    case kernels::Op::kArgmax:
      if (inputs[0].rank() != 2 || !kernels::IsFloat(inputs[0].dtype))
        return Mismatch(op, inputs, "needs float [rows, n]");
      return TensorType{kernels::DType::kInt32, {inputs[0].shape[0]}};
    case kernels::Op::kExpertLinear: {
      ASSIGN_OR_RETURN(const TensorType type, InferExperts(op, inputs));
      if (inputs[0].shape[0] != inputs[2].shape[0]) return Mismatch(op, inputs, "needs an index for each row");
      return type;
    }
    case kernels::Op::kGatedExperts: {
      ASSIGN_OR_RETURN(TensorType type, InferExperts(op, inputs));
      if (!SlotsOf(inputs[0].shape[0], inputs[2].shape[0]).has_value())
        return Mismatch(op, inputs, "indices are no multiple of the rows");
      if (!type.shape[1].is_constant() || type.shape[1].constant % 2 != 0)
        return Mismatch(op, inputs, "experts have no two halves");
      type.shape[1] = type.shape[1].constant / 2;
      return type;
    }
    case kernels::Op::kExpertMix: {
      ASSIGN_OR_RETURN(TensorType type, InferExperts(op, inputs));
      const TensorType& weights = inputs[3];
      if (inputs[0].shape[0] != inputs[2].shape[0] || weights.rank() != 2 || weights.dtype != type.dtype ||
          SlotsOf(weights.shape[0], inputs[2].shape[0]) != weights.shape[1])
        return Mismatch(op, inputs, "needs an index and a weight for each row");
      type.shape[0] = weights.shape[0];
      return type;
    }
    case kernels::Op::kGatedLinear:
      if (inputs.size() != 3) return Mismatch(op, inputs, "lacks the declared extras");
      if (inputs[1] != inputs[2]) return Mismatch(op, inputs, "the weights differ");
      return InferProduct(op, inputs, 1);
    case kernels::Op::kQkvRopeCache:
      return InferQkvRopeCache(op, inputs, attributes);
    case kernels::Op::kAddRmsNorm:
      if (inputs[0] != inputs[1] || inputs[0].rank() == 0) return Mismatch(op, inputs, "the terms differ");
      return InferNorm(op, inputs[0], inputs.subspan(2), inputs);
    default: {  // kLinearGroup
      const bool has_bias = attributes.Int("has_bias") != 0;
      const int64_t count = static_cast<int64_t>(inputs.size() - 1) / (has_bias ? 2 : 1);
      const int64_t output = attributes.Int("output");
      if (output < 0 || output >= count || static_cast<int64_t>(inputs.size()) != 1 + count * (has_bias ? 2 : 1))
        return Mismatch(op, inputs, absl::StrCat("has no output ", output));
      const auto weight = static_cast<size_t>(1 + output);
      ASSIGN_OR_RETURN(TensorType type, InferProduct(op, inputs, weight));
      if (has_bias && inputs[weight + static_cast<size_t>(count)] != TensorType{type.dtype, {type.shape[1]}})
        return Mismatch(op, inputs, "a bias is not [n]");
      return type;
    }
  }
}

}  // namespace

absl::StatusOr<TensorType> InferType(kernels::Op op, Types inputs, const kernels::Attributes& attributes,
                                     const TensorType& declared) {
  const kernels::OpRow& row = kernels::RowOf(op);
  const auto operands = static_cast<int>(inputs.size());
  if (operands < row.least_inputs || operands > row.most_inputs)
    return Mismatch(op, inputs, absl::StrCat("takes ", row.least_inputs, " to ", row.most_inputs, " operands"));
  if (kernels::IsLeaf(op)) return declared;
  if (row.group == kernels::OpGroup::kProgram) return Mismatch(op, inputs, "stands in plans alone");
  if (kernels::IsElementwise(op) && op != kernels::Op::kCast) return InferElementwise(op, inputs);
  switch (op) {
    case kernels::Op::kCast:
      return TensorType{declared.dtype, inputs[0].shape};
    case kernels::Op::kReduceSum:
    case kernels::Op::kReduceMax: {
      ASSIGN_OR_RETURN(const int axis, AxisOf(op, inputs, attributes));
      TensorType type = inputs[0];
      type.shape[axis] = runtime::Dim(1);
      return type;
    }
    case kernels::Op::kMatmul:
      return InferMatmul(inputs, attributes);
    case kernels::Op::kGather:
      return InferGather(op, inputs);
    case kernels::Op::kTopK: {
      const int64_t k = attributes.Int("k"), output = attributes.Int("output", -1);
      if (inputs[0].rank() != 2 || !kernels::IsFloat(inputs[0].dtype))
        return Mismatch(op, inputs, "needs float [rows, n]");
      if (!inputs[0].shape[1].is_constant() || k < 1 || k > inputs[0].shape[1].constant)
        return Mismatch(op, inputs, absl::StrCat("has no ", k, " columns to choose"));
      if (output != 0 && output != 1) return Mismatch(op, inputs, absl::StrCat("has no output ", output));
      return TensorType{output == 0 ? inputs[0].dtype : kernels::DType::kInt32, {inputs[0].shape[0], k}};
    }
    case kernels::Op::kCacheWrite: {
      TensorType rows = inputs[1];
      if (rows.rank() < 1 || rows.shape[0] != runtime::Dim::Seq())
        return Mismatch(op, inputs, "rows must be [seq, ...]");
      rows.shape[0] = runtime::Dim::Past() + runtime::Dim::Seq();
      if (rows != inputs[0]) return Mismatch(op, inputs, "rows do not fit the state");
      return rows;
    }
    case kernels::Op::kReshape:
    case kernels::Op::kTranspose:
    case kernels::Op::kBroadcast:
    case kernels::Op::kSlice:
    case kernels::Op::kConcat:
      return InferLayout(op, inputs, attributes, declared);
    default:
      return InferFused(op, inputs, attributes);
  }
}

}  // namespace metronome::compiler
