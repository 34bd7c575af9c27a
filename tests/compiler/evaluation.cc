#include "tests/compiler/evaluation.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "compiler/egraph/extract.h"
#include "compiler/lowering/lower.h"
#include "gtest/gtest.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"
#include "kernels/catalogue/catalogue.h"
#include "kernels/cpu/cpu_backend.h"
#include "runtime/plan/plan.h"

namespace metronome::testing {
namespace {

kernels::Backend& ReferenceBackend() {
  static kernels::Backend* const backend =
      kernels::CreateCpuBackend({.threads = 1, .kernels = kernels::CpuKernels::kReference})
          ->release();  // Lives as long as the process.
  return *backend;
}

// Where sums cancel to less than this, what is left is rounding.
constexpr double kLeastScale = 0.01;

HostTensor RandomLeaf(const compiler::Node& node, const kernels::Shape& shape) {
  const uint64_t seed = Fnv1a(absl::StrCat(Name(node.op), " ", node.attributes.String("name")));
  const bool is_tokens = node.op == kernels::Op::kTokens;
  return HostTensor::Random(node.type.dtype, shape, seed, is_tokens ? 0 : -1, is_tokens ? Evaluator::kTokenLimit : 1);
}

compiler::TensorType TypeOf(const HostTensor& tensor) {
  const absl::Span<const int64_t> dims = tensor.shape().dims();
  return {tensor.dtype(), {dims.begin(), dims.end()}};
}

std::vector<kernels::TensorView> ViewsOf(const std::vector<HostTensor>& tensors) {
  std::vector<kernels::TensorView> views;
  for (const HostTensor& tensor : tensors) views.push_back(tensor.View());
  return views;
}

compiler::Node ToNode(const compiler::ENode& node, const compiler::TensorType& type) {
  return {.op = node.op, .inputs = node.children, .attributes = node.attributes, .type = type};
}

std::string Describe(const compiler::EGraph& egraph, compiler::ClassId id, const compiler::ENode& node) {
  const compiler::EClass& eclass = egraph.Class(id);
  return absl::StrCat("c", id, " : ", eclass.type.ToString(), ", first ", Name(eclass.nodes[0].op), " ",
                      eclass.nodes[0].attributes.ToString(), ", node ", Name(node.op), " ", node.attributes.ToString());
}

// A positive cost for each node, the same in every run.
compiler::NodeCost RandomCost(uint64_t seed) {
  return [seed](const compiler::ENode& node, const auto&, const auto&) {
    std::string text = absl::StrCat(seed, Name(node.op), node.attributes.ToString());
    for (compiler::ClassId child : node.children) absl::StrAppend(&text, " ", child);
    return 1 + static_cast<double>(Fnv1a(text) % 1000);
  };
}

}  // namespace

absl::StatusOr<HostTensor> Evaluator::Compute(const compiler::Node& node, const std::vector<HostTensor>& inputs) const {
  const kernels::Shape shape = runtime::EvaluateShape(node.type.shape, step_);
  if (node.op == kernels::Op::kConstant)
    return HostTensor::Of(node.type.dtype, shape, node.attributes.Floats("values"));
  if (node.op == kernels::Op::kReshape) return HostTensor::Of(node.type.dtype, shape, inputs[0].Values());
  if (kernels::IsLeaf(node.op) && node.op != kernels::Op::kIota) return RandomLeaf(node, shape);
  return Launch(node, inputs);
}

absl::StatusOr<HostTensor> Evaluator::Launch(const compiler::Node& node, const std::vector<HostTensor>& inputs) const {
  std::vector<compiler::TensorType> types;
  for (const HostTensor& input : inputs) types.push_back(TypeOf(input));
  compiler::TensorType declared = node.type;
  for (runtime::Dim& dim : declared.shape) dim = dim.Evaluate(step_);
  kernels::Attributes attributes = compiler::CallAttributes(node);
  if (attributes.Find("start") != nullptr)
    attributes.Set("start", compiler::DecodeDim(attributes.Ints("start")).Evaluate(step_));

  std::vector<HostTensor> outputs;
  for (int i = 0; i < compiler::OutputCount(node); ++i) {
    if (compiler::OutputCount(node) > 1) {
      kernels::Attributes of_output = attributes;
      of_output.Set("output", int64_t{i});
      ASSIGN_OR_RETURN(declared, compiler::InferType(node.op, types, of_output, declared));
    }
    const kernels::Shape shape = runtime::EvaluateShape(declared.shape, step_);
    // A cache is written in place, here in a copy.
    const int written = kernels::WrittenInput(node.op, i);
    outputs.push_back(written >= 0 ? HostTensor::Of(declared.dtype, shape, inputs[written].Values())
                                   : HostTensor(declared.dtype, shape));
  }
  std::vector<kernels::TensorView> input_views = ViewsOf(inputs);
  const std::vector<kernels::TensorView> output_views = ViewsOf(outputs);
  for (int i = 0; i < compiler::OutputCount(node); ++i) {
    if (const int written = kernels::WrittenInput(node.op, i); written >= 0) input_views[written] = output_views[i];
  }
  const kernels::KernelArgs args = {.inputs = input_views, .outputs = output_views, .attributes = &attributes};
  RETURN_IF_ERROR(kernels::CheckKernelArgs(Name(node.op), args));
  ASSIGN_OR_RETURN(const kernels::Kernel* kernel, ReferenceBackend().FindKernel(Name(node.op)));
  RETURN_IF_ERROR(ReferenceBackend().Launch(*kernel, args));
  RETURN_IF_ERROR(ReferenceBackend().Synchronize());
  return outputs[static_cast<size_t>(node.attributes.Int("output"))];
}

absl::StatusOr<NodeValues> Evaluator::ComputeAll(const compiler::Graph& graph) const {
  const std::vector<int> uses = graph.CountUses();
  NodeValues values;
  for (compiler::NodeId id = 0; id < graph.size(); ++id) {
    if (uses[id] == 0) continue;
    std::vector<HostTensor> inputs;
    for (compiler::NodeId input : graph.node(id).inputs) inputs.push_back(values.at(input));
    ASSIGN_OR_RETURN(HostTensor value, Compute(graph.node(id), inputs));
    values.emplace(id, std::move(value));
  }
  return values;
}

absl::StatusOr<std::vector<HostTensor>> Evaluator::ComputeResults(const compiler::Graph& graph) const {
  ASSIGN_OR_RETURN(const NodeValues values, ComputeAll(graph));
  std::vector<HostTensor> results;
  for (compiler::NodeId id : graph.results()) results.push_back(values.at(id));
  return results;
}

std::string Difference(const HostTensor& got, const HostTensor& want, double tolerance) {
  if (got.dtype() != want.dtype() || !(got.shape() == want.shape()))
    return absl::StrCat(Name(got.dtype()), ToString(got.shape()), " is not ", Name(want.dtype()),
                        ToString(want.shape()));
  const std::vector<double> a = got.Values(), b = want.Values();
  double scale = kLeastScale;
  for (double value : b) scale = std::isfinite(value) ? std::max(scale, std::abs(value)) : scale;
  const double allowed = kernels::IsFloat(got.dtype()) ? tolerance * scale : 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i])) || std::abs(a[i] - b[i]) <= allowed) continue;
    return absl::StrCat("element ", i, " of ", Name(got.dtype()), ToString(got.shape()), " is ", a[i], ", not ", b[i],
                        " (largest ", scale, ", off by ", std::abs(a[i] - b[i]) / scale, " of it)");
  }
  return "";
}

double RoundingTolerance(kernels::DType dtype) {
  return dtype == kernels::DType::kBFloat16 ? 3 * 0x1p-8 : dtype == kernels::DType::kFloat16 ? 3 * 0x1p-11 : 1e-6;
}

void ExpectSameResults(const compiler::Graph& got, const compiler::Graph& want, const Evaluator& evaluator,
                       double looseness) {
  const absl::StatusOr<std::vector<HostTensor>> got_results = evaluator.ComputeResults(got),
                                                want_results = evaluator.ComputeResults(want);
  ASSERT_TRUE(got_results.ok()) << got_results.status();
  ASSERT_TRUE(want_results.ok()) << want_results.status();
  ASSERT_EQ(got_results->size(), want_results->size());
  for (size_t i = 0; i < want_results->size(); ++i) {
    const HostTensor& result = (*want_results)[i];
    EXPECT_EQ(Difference((*got_results)[i], result, looseness * RoundingTolerance(result.dtype())), "")
        << "result " << i << " of\n"
        << got.ToString();
  }
}

void ExpectClassesAgree(const compiler::EGraph& egraph, const compiler::Graph& graph,
                        const std::vector<compiler::ClassId>& classes, const Evaluator& evaluator, double looseness) {
  const absl::StatusOr<NodeValues> graph_values = evaluator.ComputeAll(graph);
  ASSERT_TRUE(graph_values.ok()) << graph_values.status();
  absl::flat_hash_map<compiler::ClassId, HostTensor> values;
  for (compiler::NodeId id = 0; id < graph.size(); ++id) {
    if (graph_values->contains(id)) values.emplace(egraph.Find(classes[id]), graph_values->at(id));
  }
  const auto compute = [&](compiler::ClassId id, const compiler::ENode& node) {
    std::vector<HostTensor> inputs;
    for (compiler::ClassId child : node.children) inputs.push_back(values.at(child));
    return evaluator.Compute(ToNode(node, egraph.Class(id).type), inputs);
  };
  const auto is_ready = [&](const compiler::ENode& node) {
    return std::all_of(node.children.begin(), node.children.end(),
                       [&](compiler::ClassId child) { return values.contains(child); });
  };
  // Classes that rules added get the value of the first node that can be computed.
  for (bool changed = true; changed;) {
    changed = false;
    for (compiler::ClassId id : egraph.Classes()) {
      const std::vector<compiler::ENode>& nodes = egraph.Class(id).nodes;
      const auto first = std::find_if(nodes.begin(), nodes.end(), is_ready);
      if (values.contains(id) || first == nodes.end()) continue;
      absl::StatusOr<HostTensor> value = compute(id, *first);
      ASSERT_TRUE(value.ok()) << Describe(egraph, id, *first) << ": " << value.status();
      values.emplace(id, *std::move(value));
      changed = true;
    }
  }
  for (compiler::ClassId id : egraph.Classes()) {
    for (const compiler::ENode& node : egraph.Class(id).nodes) {
      ASSERT_TRUE(is_ready(node)) << Describe(egraph, id, node) << " cannot be computed";
      const absl::StatusOr<HostTensor> value = compute(id, node);
      ASSERT_TRUE(value.ok()) << Describe(egraph, id, node) << ": " << value.status();
      EXPECT_EQ(Difference(*value, values.at(id), looseness * RoundingTolerance(value->dtype())), "")
          << Describe(egraph, id, node);
    }
  }
}

void ExpectRandomFormAgrees(const compiler::EGraph& egraph, const compiler::Graph& graph,
                            const std::vector<compiler::ClassId>& classes, const Evaluator& evaluator, uint64_t seed,
                            double looseness) {
  std::vector<compiler::ClassId> results;
  for (compiler::NodeId id : graph.results()) results.push_back(classes[id]);
  const absl::StatusOr<compiler::Choices> choices = compiler::ChooseCheapest(egraph, results, RandomCost(seed));
  ASSERT_TRUE(choices.ok()) << choices.status();
  const absl::StatusOr<compiler::Graph> form = compiler::Extract(egraph, results, *choices);
  ASSERT_TRUE(form.ok()) << form.status();
  EXPECT_TRUE(compiler::Lower(*form).ok()) << compiler::Lower(*form).status();

  ExpectSameResults(*form, graph, evaluator, looseness);
}

}  // namespace metronome::testing
