#include "compiler/frontend/activation.h"

#include <cmath>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace metronome::compiler {
namespace {

constexpr std::pair<absl::string_view, Activation> kNames[] = {
    {"gelu", Activation::kGelu},
    {"gelu_accurate", Activation::kGeluTanh},
    {"gelu_fast", Activation::kGeluTanh},
    {"gelu_new", Activation::kGeluTanh},
    {"gelu_python", Activation::kGelu},
    {"gelu_python_tanh", Activation::kGeluTanh},
    {"gelu_pytorch_tanh", Activation::kGeluTanh},
    {"hardswish", Activation::kHardSwish},
    {"leaky_relu", Activation::kLeakyRelu},
    {"linear", Activation::kLinear},
    {"mish", Activation::kMish},
    {"quick_gelu", Activation::kQuickGelu},
    {"relu", Activation::kRelu},
    {"relu2", Activation::kRelu2},
    {"relu6", Activation::kRelu6},
    {"sigmoid", Activation::kSigmoid},
    {"silu", Activation::kSilu},
    {"swish", Activation::kSilu},
    {"tanh", Activation::kTanh},
};

NodeId Max(Builder& b, NodeId x, double y) { return b.Binary(kernels::Op::kMaximum, x, y); }
NodeId Min(Builder& b, NodeId x, double y) { return b.Binary(kernels::Op::kMinimum, x, y); }

// Within 1.5e-7. Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
NodeId Erf(Builder& b, NodeId x) {
  constexpr double kCoefficients[] = {1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592};
  const NodeId magnitude = b.Binary(kernels::Op::kMaximum, x, b.Neg(x));
  const NodeId t = b.Div(b.Scalar(kernels::DType::kFloat32, 1.0), b.Add(b.Mul(magnitude, 0.3275911), 1.0));
  NodeId polynomial = b.Mul(t, kCoefficients[0]);
  for (size_t i = 1; i < std::size(kCoefficients); ++i) polynomial = b.Mul(b.Add(polynomial, kCoefficients[i]), t);
  const NodeId rest = b.Mul(polynomial, b.Exp(b.Neg(b.Mul(magnitude, magnitude))));
  const NodeId positive = b.Add(b.Neg(rest), 1.0);
  return b.Select(b.Binary(kernels::Op::kLt, x, 0.0), b.Neg(positive), positive);
}

NodeId GeluTanh(Builder& b, NodeId x) {
  const NodeId cubic = b.Mul(b.Mul(x, b.Mul(x, x)), 0.044715);
  const NodeId tanh = b.Tanh(b.Mul(b.Add(x, cubic), std::sqrt(2 / M_PI)));
  return b.Mul(b.Mul(x, 0.5), b.Add(tanh, 1.0));
}

// x tanh(log(1 + e^x)), with tanh(log(1 + e)) = (e^2 + 2 e) / (e^2 + 2 e + 2). From 20 on it is x in float32, and e^2
// stays finite below.
NodeId Mish(Builder& b, NodeId x) {
  const NodeId e = b.Exp(Min(b, x, 20.0));
  const NodeId n = b.Mul(e, b.Add(e, 2.0));
  return b.Mul(x, b.Div(n, b.Add(n, 2.0)));
}

}  // namespace

std::optional<Activation> ParseActivation(absl::string_view name) {
  for (const auto& [known, activation] : kNames) {
    if (known == name) return activation;
  }
  return std::nullopt;
}

std::string ActivationNames() {
  std::string names;
  for (const auto& [name, activation] : kNames) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  return names;
}

NodeId WriteActivation(Builder& b, Activation activation, NodeId x) {
  switch (activation) {
    case Activation::kSilu:
      return b.Mul(x, b.Sigmoid(x));
    case Activation::kGeluTanh:
      return GeluTanh(b, x);
    case Activation::kGelu:
      return b.Mul(b.Mul(x, 0.5), b.Add(Erf(b, b.Mul(x, std::sqrt(0.5))), 1.0));
    case Activation::kQuickGelu:
      return b.Mul(x, b.Sigmoid(b.Mul(x, 1.702)));
    case Activation::kRelu:
      return Max(b, x, 0.0);
    case Activation::kRelu2:
      return b.Mul(Max(b, x, 0.0), Max(b, x, 0.0));
    case Activation::kRelu6:
      return Min(b, Max(b, x, 0.0), 6.0);
    case Activation::kLeakyRelu:
      return b.Binary(kernels::Op::kMaximum, x, b.Mul(x, 0.01));
    case Activation::kSigmoid:
      return b.Sigmoid(x);
    case Activation::kTanh:
      return b.Tanh(x);
    case Activation::kLinear:
      return x;
    case Activation::kHardSwish:
      return b.Mul(x, b.Mul(Min(b, Max(b, b.Add(x, 3.0), 0.0), 6.0), 1.0 / 6));
    case Activation::kMish:
      return Mish(b, x);
  }
  return x;
}

}  // namespace metronome::compiler
