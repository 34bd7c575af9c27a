#include "tests/compiler/rules/rule_examples.h"

namespace metronome::testing {
namespace {

using B = FormulaBuilder;
using Results = std::vector<compiler::NodeId>;

}  // namespace

const std::vector<RuleExample>& RuleExamples() {
  static const auto* const kExamples = new std::vector<RuleExample>{
      {"mul-one", "", [](B& b) { return Results{b.Mul(b.Rows(), 1.0)}; }},
      {"mul-one", "first operand", [](B& b) { return Results{b.Mul(b.Scalar(b.dtype(), 1), b.Rows())}; }},
      {"add-zero", "", [](B& b) { return Results{b.Add(b.Rows(), 0.0)}; }},
      {"reshape-same", "",
       [](B& b) {
         return Results{
             b.Reshape(b.Reshape(b.Rows(), {b.width(), runtime::Dim::Seq()}), {runtime::Dim::Seq(), b.width()})};
       }},
      {"reshape-reshape", "",
       [](B& b) {
         return Results{
             b.Reshape(b.Reshape(b.Rows(), {b.width(), runtime::Dim::Seq()}), {runtime::Dim::Seq(), 2, b.width() / 2})};
       }},
      {"broadcast-same", "",
       [](B& b) {
         return Results{b.Broadcast(b.Rows(), {runtime::Dim::Seq(), b.width()})};
       }},
      {"neg-neg", "", [](B& b) { return Results{b.Neg(b.Neg(b.Rows()))}; }},
      {"sub-as-add", "", [](B& b) { return Results{b.Sub(b.Rows(), b.Vector("y"))}; }},
      {"sub-as-add-back", "", [](B& b) { return Results{b.Add(b.Vector("y"), b.Neg(b.Rows()))}; }},
      {"div-sigmoid", "",
       [](B& b) {
         const compiler::NodeId x = b.Rows();
         return Results{b.Div(x, b.Add(b.Exp(b.Neg(x)), 1.0))};
       }},
      {"logistic", "", [](B& b) { return Results{b.Div(b.Scalar(b.dtype(), 1), b.Add(b.Exp(b.Neg(b.Rows())), 1.0))}; }},
      {"scale-scale", "", [](B& b) { return Results{b.Mul(b.Mul(b.Rows(), 0.3), 7.0)}; }, true},
      {"scale-out-of-query", "", [](B& b) { return Results{b.Linear(b.Mul(b.Rows(), 0.3), b.Matrix("k", 3))}; }},
      {"scale-out-of-query", "batches",
       [](B& b) {
         const compiler::NodeId q = b.Input("q", b.dtype(), {2, 1, runtime::Dim::Seq(), b.width()});
         return Results{b.Matmul(b.Mul(q, 0.3), b.Input("k", b.dtype(), {3, 5, b.width()}), true)};
       }},
      {"transpose-into-matmul", "",
       [](B& b) {
         return Results{b.Matmul(b.Rows(), b.Transpose(b.Matrix("w", 5), {1, 0}), false)};
       }},

      {"rms-norm-weightless", "", [](B& b) { return Results{b.Round(b.Normalised(b.Rows()))}; }},
      {"rms-norm-weightless", "of heads",
       [](B& b) {
         return Results{b.Round(b.Normalised(b.Input("x", b.dtype(), {runtime::Dim::Seq(), 3, b.width()})))};
       }},
      {"rms-norm-round-then-weight", "",
       [](B& b) { return Results{b.Mul(b.Vector("w"), b.Round(b.Normalised(b.Rows())))}; }},
      {"rms-norm-weight", "",
       [](B& b) { return Results{b.Round(b.Mul(b.Normalised(b.Rows()), b.Float(b.Vector("w"))))}; }},
      {"rms-norm-offset-weight", "",
       [](B& b) { return Results{b.Round(b.Mul(b.Normalised(b.Rows()), b.Add(b.Float(b.Vector("w")), 1.0)))}; }},
      {"add-rms-norm", "both outputs",
       [](B& b) {
         const compiler::NodeId sum = b.Add(b.Rows("residual"), b.Rows());
         return Results{sum, b.Mul(b.Vector("w"), b.Round(b.Normalised(sum)))};
       }},
      {"add-rms-norm", "offset weight",
       [](B& b) {
         const compiler::NodeId sum = b.Add(b.Rows("residual"), b.Rows());
         return Results{b.Round(b.Mul(b.Normalised(sum), b.Add(b.Float(b.Vector("w")), 1.0)))};
       }},

      {"softmax", "", [](B& b) { return Results{b.Softmax(b.Rows())}; }},
      {"softmax", "in float32", [](B& b) { return Results{b.Round(b.Softmax(b.Float(b.Rows())))}; }},
      {"rope", "", [](B& b) { return Results{Rope(b, {})}; }},
      {"attention-causal", "", [](B& b) { return Results{Attention(b, {})}; }},
      {"attention-causal", "without cache", [](B& b) { return Results{Attention(b, {.cached = false})}; }},
      {"attention-causal", "query scaled", [](B& b) { return Results{Attention(b, {.scale_query = true})}; }},
      {"attention-causal", "softmax in the dtype",
       [](B& b) { return Results{Attention(b, {.softmax_dtype = b.dtype()})}; }},
      {"attention-sliding-window", "", [](B& b) { return Results{Attention(b, {.window = 2})}; }},
      {"attention-causal-unscaled", "", [](B& b) { return Results{Attention(b, {.scale = 0})}; }},
      {"attention-sliding-window-unscaled", "", [](B& b) { return Results{Attention(b, {.scale = 0, .window = 2})}; }},

      {"linear", "", [](B& b) { return Results{b.Linear(b.Rows(), b.Matrix("w", 5))}; }},
      {"linear", "one row", [](B& b) { return Results{b.Linear(b.Rows(), b.Matrix("w", 1))}; }},
      {"linear-bias", "", [](B& b) { return Results{b.Add(b.Linear(b.Rows(), b.Matrix()), b.Vector("bias"))}; }},
      {"linear-residual", "", [](B& b) { return Results{b.Add(b.Rows("r"), b.Linear(b.Rows(), b.Matrix()))}; }},
      {"linear-residual", "two products",
       [](B& b) { return Results{b.Add(b.Linear(b.Rows("y"), b.Matrix("u")), b.Linear(b.Rows(), b.Matrix()))}; }},
      {"linear-bias-residual", "",
       [](B& b) { return Results{b.Add(b.Rows("r"), b.Add(b.Linear(b.Rows(), b.Matrix()), b.Vector("bias")))}; }},
      {"merge-linear", "",
       [](B& b) {
         const compiler::NodeId x = b.Rows();
         return Results{b.Linear(x, b.Matrix("q", 5)), b.Linear(x, b.Matrix("k", 1)), b.Linear(x, b.Matrix("v"))};
       }},
      {"merge-linear", "biases",
       [](B& b) {
         const compiler::NodeId x = b.Rows();
         return Results{b.Add(b.Linear(x, b.Matrix("q")), b.Vector("bq")),
                        b.Add(b.Linear(x, b.Matrix("k")), b.Vector("bk"))};
       }},

      {"norm-prologue", "linear, round before weight",
       [](B& b) { return Results{b.Linear(b.Mul(b.Vector("w"), b.Round(b.Normalised(b.Rows()))), b.Matrix("m", 5))}; }},
      {"norm-prologue", "bias and residual, offset weight",
       [](B& b) {
         const compiler::NodeId norm = b.Round(b.Mul(b.Normalised(b.Rows()), b.Add(b.Float(b.Vector("w")), 1.0)));
         return Results{b.Add(b.Rows("r"), b.Add(b.Linear(norm, b.Matrix("m")), b.Vector("bias")))};
       }},
      {"norm-prologue", "group with biases",
       [](B& b) {
         const compiler::NodeId norm = b.Round(b.Mul(b.Normalised(b.Rows()), b.Float(b.Vector("w"))));
         return Results{b.Add(b.Linear(norm, b.Matrix("q")), b.Vector("bq")),
                        b.Add(b.Linear(norm, b.Matrix("k")), b.Vector("bk"))};
       }},
      {"norm-prologue", "gated",
       [](B& b) {
         const compiler::NodeId norm = b.Mul(b.Vector("w"), b.Round(b.Normalised(b.Rows())));
         return Results{b.Mul(b.Silu(b.Linear(norm, b.Matrix("gate", 5))), b.Linear(norm, b.Matrix("up", 5)))};
       }},

      {"qkv-rope-cache", "", [](B& b) { return Qkv(b, {}); }},
      {"qkv-rope-cache", "norm", [](B& b) { return Qkv(b, {.norm = true}); }},
      {"qkv-rope-cache", "biases", [](B& b) { return Qkv(b, {.bias = true, .norm = true}); }},
      {"qkv-rope-cache", "head norms", [](B& b) { return Qkv(b, {.head_norm = true, .norm = true}); }},
      {"qkv-rope-cache", "everything", [](B& b) { return Qkv(b, {.bias = true, .head_norm = true, .norm = true}); }},

      {"gated-silu", "", [](B& b) { return Results{b.Mul(b.Silu(b.Rows("gate")), b.Rows("up"))}; }},
      {"gated-gelu-tanh", "", [](B& b) { return Results{b.Mul(b.GeluTanh(b.Rows("gate")), b.Rows("up"))}; }},
      {"gated-linear", "silu",
       [](B& b) {
         const compiler::NodeId x = b.Rows();
         return Results{b.Mul(b.Silu(b.Linear(x, b.Matrix("gate", 5))), b.Linear(x, b.Matrix("up", 5)))};
       }},
      {"gated-linear", "gelu",
       [](B& b) {
         const compiler::NodeId x = b.Rows();
         return Results{b.Mul(b.Linear(x, b.Matrix("up", 3)), b.GeluTanh(b.Linear(x, b.Matrix("gate", 3))))};
       }},
      {"linear-silu", "", [](B& b) { return Results{b.Silu(b.Linear(b.Rows(), b.Matrix("w", 5)))}; }},
      {"linear-gelu-tanh", "", [](B& b) { return Results{b.GeluTanh(b.Linear(b.Rows(), b.Matrix("w", 5)))}; }},
      {"linear-bias-silu", "",
       [](B& b) { return Results{b.Silu(b.Add(b.Linear(b.Rows(), b.Matrix()), b.Vector("bias")))}; }},
      {"linear-bias-gelu-tanh", "",
       [](B& b) { return Results{b.GeluTanh(b.Add(b.Linear(b.Rows(), b.Matrix()), b.Vector("bias")))}; }},

      {"expert-linear", "",
       [](B& b) {
         const compiler::NodeId experts =
             b.Weight("experts", b.dtype(), {7, 3, b.width()}, runtime::WeightInit::kMatrix);
         const compiler::NodeId wide = b.Reshape(b.Rows(), {runtime::Dim::Seq(), 1, b.width()});
         return Results{b.Reshape(b.Matmul(wide, b.Gather(experts, b.Tokens()), true), {runtime::Dim::Seq(), 3})};
       }},
      {"gated-experts", "", [](B& b) { return Results{Experts(b, {})}; }},
      {"expert-mix", "", [](B& b) { return Results{Experts(b, {})}; }},

      // The scale is no bfloat16 number.
      {"embedding-scale", "", [](B& b) { return Results{b.Mul(b.Gather(b.Matrix("table"), b.Tokens()), 55.4256)}; }},
      {"argmax", "", [](B& b) { return Results{Argmax(b, {})}; }},
      {"softcap", "", [](B& b) { return Results{b.Mul(b.Tanh(b.Div(b.Rows(), 0.7)), 0.7)}; }},
      {"softcap", "in float32",
       [](B& b) { return Results{b.Round(b.Mul(b.Tanh(b.Div(b.Float(b.Rows()), 0.7)), 0.7))}; }},
      {"softcap-by-reciprocal", "",
       [](B& b) { return Results{b.Round(b.Mul(b.Tanh(b.Mul(b.Float(b.Rows()), 1 / 0.7)), 0.7))}; }},
  };
  return *kExamples;
}

}  // namespace metronome::testing
