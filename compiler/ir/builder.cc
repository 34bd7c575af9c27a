#include "compiler/ir/builder.h"

#include "absl/strings/str_cat.h"

namespace metronome::compiler {

NodeId Builder::Append(kernels::Op op, std::vector<NodeId> inputs, kernels::Attributes attributes,
                       TensorType declared) {
  if (!error_.ok()) return -1;
  std::vector<TensorType> types;
  for (NodeId input : inputs) types.push_back(type(input));
  absl::StatusOr<TensorType> inferred = InferType(op, types, attributes, declared);
  if (!inferred.ok()) {
    error_ = inferred.status();
    return -1;
  }
  return graph_.Add({op, std::move(inputs), std::move(attributes), *std::move(inferred)});
}

const TensorType& Builder::type(NodeId id) const {
  static const TensorType kNone;
  return id < 0 ? kNone : graph_.node(id).type;
}

int64_t Builder::Axis(NodeId x, int axis) const { return axis < 0 ? axis + type(x).rank() : axis; }

NodeId Builder::Tokens() {
  return Append(kernels::Op::kTokens, {}, {}, {kernels::DType::kInt32, {runtime::Dim::Seq()}});
}

NodeId Builder::Input(absl::string_view name, kernels::DType dtype, std::vector<runtime::Dim> shape) {
  return Append(kernels::Op::kInput, {}, {{"name", std::string(name)}}, {dtype, std::move(shape)});
}

NodeId Builder::Weight(absl::string_view name, kernels::DType dtype, std::vector<int64_t> shape,
                       runtime::WeightInit init) {
  return Append(kernels::Op::kWeight, {}, {{"name", std::string(name)}, {"init", static_cast<int64_t>(init)}},
                {dtype, std::vector<runtime::Dim>(shape.begin(), shape.end())});
}

NodeId Builder::Constant(kernels::DType dtype, std::vector<int64_t> shape, std::vector<double> values) {
  int64_t elements = 1;
  for (int64_t size : shape) elements *= size;
  if (error_.ok() && elements != static_cast<int64_t>(values.size())) {
    error_ = absl::InvalidArgumentError(
        absl::StrCat("constant of ", elements, " elements given ", values.size(), " values"));
  }
  return Append(kernels::Op::kConstant, {}, {{"values", std::move(values)}},
                {dtype, std::vector<runtime::Dim>(shape.begin(), shape.end())});
}

NodeId Builder::State(absl::string_view name, kernels::DType dtype, std::vector<int64_t> row_shape) {
  std::vector<runtime::Dim> shape = {runtime::Dim::Past() + runtime::Dim::Seq()};
  shape.insert(shape.end(), row_shape.begin(), row_shape.end());
  return Append(kernels::Op::kState, {}, {{"name", std::string(name)}}, {dtype, std::move(shape)});
}

NodeId Builder::Iota(runtime::Dim start, runtime::Dim size) {
  return Append(kernels::Op::kIota, {}, {{"start", EncodeDim(start)}}, {kernels::DType::kInt32, {size}});
}

NodeId Builder::Unary(kernels::Op op, NodeId x) { return Append(op, {x}); }

NodeId Builder::Binary(kernels::Op op, NodeId a, NodeId b) { return Append(op, {a, b}); }

NodeId Builder::Binary(kernels::Op op, NodeId a, double b) { return Append(op, {a, Scalar(type(a).dtype, b)}); }

NodeId Builder::Select(NodeId condition, NodeId a, NodeId b) { return Append(kernels::Op::kSelect, {condition, a, b}); }

NodeId Builder::Select(NodeId condition, NodeId a, double b) { return Select(condition, a, Scalar(type(a).dtype, b)); }

NodeId Builder::Cast(NodeId x, kernels::DType dtype) {
  if (type(x).dtype == dtype) return x;
  return Append(kernels::Op::kCast, {x}, {}, {dtype, {}});
}

NodeId Builder::ReduceSum(NodeId x, int axis) {
  return Append(kernels::Op::kReduceSum, {x}, {{"axis", Axis(x, axis)}});
}

NodeId Builder::ReduceMax(NodeId x, int axis) {
  return Append(kernels::Op::kReduceMax, {x}, {{"axis", Axis(x, axis)}});
}

NodeId Builder::Matmul(NodeId a, NodeId b, bool transpose_b) {
  return Append(kernels::Op::kMatmul, {a, b}, {{"transpose_b", int64_t{transpose_b}}});
}

NodeId Builder::Gather(NodeId table, NodeId indices) { return Append(kernels::Op::kGather, {table, indices}); }

Builder::TopKColumns Builder::TopK(NodeId x, int64_t k) {
  return {Append(kernels::Op::kTopK, {x}, {{"k", k}, {"output", int64_t{0}}}),
          Append(kernels::Op::kTopK, {x}, {{"k", k}, {"output", int64_t{1}}})};
}

NodeId Builder::CacheWrite(NodeId state, NodeId rows) { return Append(kernels::Op::kCacheWrite, {state, rows}); }

NodeId Builder::Reshape(NodeId x, std::vector<runtime::Dim> shape) {
  if (type(x).shape == shape) return x;
  return Append(kernels::Op::kReshape, {x}, {}, {type(x).dtype, std::move(shape)});
}

NodeId Builder::Transpose(NodeId x, std::vector<int64_t> permutation) {
  return Append(kernels::Op::kTranspose, {x}, {{"permutation", std::move(permutation)}});
}

NodeId Builder::Broadcast(NodeId x, std::vector<runtime::Dim> shape) {
  return Append(kernels::Op::kBroadcast, {x}, {}, {type(x).dtype, std::move(shape)});
}

NodeId Builder::Slice(NodeId x, int axis, runtime::Dim start, runtime::Dim end) {
  TensorType declared = type(x);
  const int64_t at = Axis(x, axis);
  if (at >= 0 && at < declared.rank()) declared.shape[at] = end - start;
  return Append(kernels::Op::kSlice, {x}, {{"axis", at}, {"start", EncodeDim(start)}}, std::move(declared));
}

NodeId Builder::Concat(std::vector<NodeId> parts, int axis) {
  const int64_t at = parts.empty() ? axis : Axis(parts[0], axis);
  return Append(kernels::Op::kConcat, std::move(parts), {{"axis", at}});
}

absl::StatusOr<Graph> Builder::Finish(NodeId logits) {
  const TensorType found = type(logits);
  if (error_.ok() && (found.rank() != 2 || found.shape[0] != runtime::Dim(1) || !found.shape[1].is_constant() ||
                      !kernels::IsFloat(found.dtype)))
    return absl::InternalError(absl::StrCat("logits are ", found.ToString(), ", not a float [1, vocab]"));
  return Finish(std::vector<NodeId>{logits});
}

absl::StatusOr<Graph> Builder::Finish(std::vector<NodeId> results) {
  if (!error_.ok()) return error_;
  graph_.set_results(std::move(results));
  if (absl::Status verified = VerifyGraph(graph_); !verified.ok()) return verified;
  return std::exchange(graph_, Graph());
}

}  // namespace metronome::compiler
