#include "tests/compiler/egraph/random_graph.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <random>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/compiler/formulas.h"

namespace metronome::testing {
namespace {

constexpr double kLargest = 64;

// A node and the largest magnitude that its elements can have.
struct Value {
  compiler::NodeId id = -1;
  double bound = 0;
};

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  absl::StatusOr<compiler::Graph> Run() {
    for (int i = 0; i < 3; ++i) values_.push_back(Leaf(AnyShape()));
    const int64_t steps = 5 + Below(21);
    for (int64_t i = 0; i < steps; ++i) Step();
    std::vector<compiler::NodeId> results = {values_.back().id};
    for (int64_t i = Below(4); i > 0; --i) results.push_back(Any().id);
    return b_.Finish(std::move(results));
  }

 private:
  using Sizes = std::vector<int64_t>;

  int64_t Below(int64_t limit) { return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit)); }
  template <typename T>
  const T& Pick(const std::vector<T>& options) {
    return options[static_cast<size_t>(Below(static_cast<int64_t>(options.size())))];
  }
  // Mostly a recent one, so that graphs grow deep.
  const Value& Any() {
    if (Below(4) == 0) return Pick(values_);
    return values_[values_.size() - 1 - static_cast<size_t>(Below(std::min<int64_t>(3, std::ssize(values_))))];
  }

  Sizes ShapeOf(compiler::NodeId id) const {
    Sizes shape;
    for (const runtime::Dim& dim : b_.type(id).shape) shape.push_back(dim.constant);
    return shape;
  }
  Sizes ShapeOf(const Value& value) const { return ShapeOf(value.id); }
  Sizes AnyShape() { return Pick<Sizes>({{3, 4}, {4, 3}, {4, 4}, {1, 4}, {3, 1}, {4}, {2, 3, 4}, {12}, {}}); }

  // One of two weights of this shape, so that some are shared, or a number.
  Value Leaf(const Sizes& shape) {
    if (shape.empty() && Below(2) == 0)
      return {b_.Scalar(kernels::DType::kFloat32, Pick<double>({0.1, 0.3, -0.7, 1})), 1};
    std::string name = absl::StrCat("w", Below(2));
    for (int64_t size : shape) absl::StrAppend(&name, "_", size);
    return {b_.Weight(name, kernels::DType::kFloat32, shape, runtime::WeightInit::kMatrix), 1};
  }
  // A leaf or a value of this shape that is there already.
  Value Like(const Sizes& shape) {
    std::vector<Value> alike;
    std::copy_if(values_.begin(), values_.end(), std::back_inserter(alike),
                 [&](const Value& value) { return ShapeOf(value) == shape; });
    return alike.empty() || Below(3) == 0 ? Leaf(shape) : Pick(alike);
  }
  // A value that broadcasts to this shape.
  Value Beside(const Sizes& shape) {
    if (shape.empty() || Below(3) > 0) return Like(shape);
    Sizes smaller = shape;
    if (Below(2) == 0) smaller.erase(smaller.begin());
    if (!smaller.empty() && Below(2) == 0)
      smaller[static_cast<size_t>(Below(static_cast<int64_t>(smaller.size())))] = 1;
    return Like(smaller);
  }

  void Push(compiler::NodeId id, double bound) {
    if (bound > kLargest) {
      id = b_.Tanh(id);
      bound = 1;
    }
    values_.push_back({id, bound});
  }

  void Step() {
    const Value x = Any();
    switch (Below(12)) {
      case 0:
        return PushUnary(x);
      case 1:
      case 2:
        return PushBinary(x);
      case 3:
        return PushScaled(x);
      case 4:
        return PushReduction(x);
      case 5:
        return PushProduct(x);
      case 6:
        return PushLayout(x);
      case 7:
        return PushParts(x);
      case 8:
        return PushSelection(x);
      default:
        return PushFormula(x);
    }
  }

  void PushUnary(const Value& x) {
    const kernels::Op op =
        Pick<kernels::Op>({kernels::Op::kNeg, kernels::Op::kNeg, kernels::Op::kTanh, kernels::Op::kSigmoid,
                           kernels::Op::kCos, kernels::Op::kSin, kernels::Op::kExp, kernels::Op::kRsqrt});
    if (op == kernels::Op::kRsqrt) return Push(b_.Rsqrt(b_.Add(b_.Mul(x.id, x.id), 0.5)), 1.5);
    if (op == kernels::Op::kExp) {
      const compiler::NodeId tame = x.bound > 3 ? b_.Tanh(x.id) : x.id;
      return Push(b_.Exp(tame), std::exp(std::min(x.bound, 3.0)));
    }
    Push(b_.Unary(op, x.id), op == kernels::Op::kNeg ? x.bound : 1);
  }

  void PushBinary(const Value& x) {
    Value a = x, b = Beside(ShapeOf(x));
    if (Below(2) == 0) std::swap(a, b);
    const kernels::Op op =
        Pick<kernels::Op>({kernels::Op::kAdd, kernels::Op::kSub, kernels::Op::kSub, kernels::Op::kMul,
                           kernels::Op::kMaximum, kernels::Op::kMinimum, kernels::Op::kDiv});
    if (op == kernels::Op::kDiv) return Push(b_.Div(a.id, b_.Add(b_.Mul(b.id, b.id), 0.5)), 2 * a.bound);
    Push(b_.Binary(op, a.id, b.id), op == kernels::Op::kMul ? a.bound * b.bound : a.bound + b.bound);
  }

  void PushScaled(const Value& x) {
    const double number = Pick<double>({0, 1, 1, -1, 0.5, 2, 0.3, -0.7});
    if (Below(3) == 0) return Push(b_.Add(x.id, number), x.bound + std::abs(number));
    const compiler::NodeId scaled = b_.Mul(x.id, number);
    const double other = Pick<double>({1, 3, -0.2});
    Push(Below(2) == 0 ? scaled : b_.Mul(b_.Scalar(kernels::DType::kFloat32, other), scaled), 3 * x.bound);
  }

  void PushReduction(const Value& x) {
    const Sizes shape = ShapeOf(x);
    if (shape.empty()) return;
    const auto axis = static_cast<int>(Below(static_cast<int64_t>(shape.size())));
    if (Below(2) == 0) return Push(b_.ReduceMax(x.id, axis), x.bound);
    Push(b_.ReduceSum(x.id, axis), x.bound * static_cast<double>(shape[static_cast<size_t>(axis)]));
  }

  void PushProduct(const Value& x) {
    const Sizes shape = ShapeOf(x);
    if (shape.size() < 2) return;
    const int64_t inner = shape.back(), columns = Pick<int64_t>({1, 3, 4});
    const bool transposed = Below(3) > 0;
    const Value other = Like(transposed ? Sizes{columns, inner} : Sizes{inner, columns});
    const compiler::NodeId left = Below(3) == 0 ? b_.Mul(x.id, 0.6) : x.id;
    const compiler::NodeId right =
        !transposed && Below(2) == 0 ? b_.Transpose(Like({columns, inner}).id, {1, 0}) : other.id;
    const double bound = right == other.id ? other.bound : kLargest;
    Push(b_.Matmul(left, right, transposed), static_cast<double>(inner) * x.bound * bound);
  }

  void PushLayout(const Value& x) {
    const Sizes shape = ShapeOf(x);
    if (Below(2) == 0) {
      Sizes permutation;
      for (size_t axis = 0; axis < shape.size(); ++axis) permutation.push_back(static_cast<int64_t>(axis));
      std::shuffle(permutation.begin(), permutation.end(), random_);
      return Push(b_.Transpose(x.id, permutation), x.bound);
    }
    std::vector<std::vector<runtime::Dim>> same_size;
    int64_t elements = 1;
    for (int64_t size : shape) elements *= size;
    for (const Sizes& option : std::vector<Sizes>{{3, 4},
                                                  {4, 3},
                                                  {12},
                                                  {2, 6},
                                                  {3, 1, 4},
                                                  {1, 12},
                                                  {2, 2, 3},
                                                  {4, 4},
                                                  {16},
                                                  {4},
                                                  {1, 4},
                                                  {4, 1},
                                                  {2, 3, 4},
                                                  {6, 4}}) {
      int64_t size = 1;
      for (int64_t dim : option) size *= dim;
      if (size == elements) same_size.emplace_back(option.begin(), option.end());
    }
    if (!same_size.empty()) Push(b_.Reshape(x.id, Pick(same_size)), x.bound);
  }

  void PushParts(const Value& x) {
    const Sizes shape = ShapeOf(x);
    if (shape.empty()) return Push(b_.Broadcast(x.id, {4}), x.bound);
    const auto axis = static_cast<int>(Below(static_cast<int64_t>(shape.size())));
    const int64_t size = shape[static_cast<size_t>(axis)];
    switch (Below(3)) {
      case 0: {
        const int64_t start = Below(size);
        return Push(b_.Slice(x.id, axis, start, start + 1 + Below(size - start)), x.bound);
      }
      case 1: {
        const Value other = Like(shape);
        return Push(b_.Concat({x.id, other.id}, axis), std::max(x.bound, other.bound));
      }
      default: {
        std::vector<runtime::Dim> wide(shape.begin(), shape.end());
        if (shape.size() < 3 && Below(2) == 0) wide.insert(wide.begin(), 2);
        return Push(b_.Broadcast(x.id, wide), x.bound);
      }
    }
  }

  void PushSelection(const Value& x) {
    const Sizes shape = ShapeOf(x);
    const kernels::Op op =
        Pick<kernels::Op>({kernels::Op::kLt, kernels::Op::kLe, kernels::Op::kGt, kernels::Op::kGe, kernels::Op::kEq});
    compiler::NodeId mask = b_.Binary(op, Leaf(shape).id, Leaf(shape).id);
    if (!shape.empty() && Below(2) == 0) {
      const compiler::NodeId positions = b_.Iota(Below(2), shape.back());
      mask = b_.And(mask, b_.Binary(Pick<kernels::Op>({kernels::Op::kLe, kernels::Op::kGt}), positions,
                                    b_.Scalar(kernels::DType::kInt32, 1)));
    }
    if (Below(4) == 0) return Push(b_.Cast(mask, kernels::DType::kFloat32), 1);
    const Value other = Like(shape);
    Push(b_.Select(mask, x.id, other.id), std::max(x.bound, other.bound));
  }

  void PushFormula(const Value& x) {
    const Sizes shape = ShapeOf(x);
    const compiler::NodeId mild = x.bound > 4 ? b_.Tanh(x.id) : x.id;  // Keeps exponentials in range.
    const double bound = std::min(x.bound, 4.0);
    const compiler::NodeId denominator = b_.Add(b_.Exp(b_.Neg(mild)), 1.0);
    switch (Below(10)) {
      case 0:
        return shape.empty() ? void() : Push(b_.Softmax(mild), 1);
      case 1:
      case 2:
        return shape.empty() ? void() : PushNorm(x);
      case 3:
        return Push(b_.Mul(b_.Silu(x.id), Like(shape).id), kLargest);
      case 4:
        return Push(b_.Mul(b_.GeluTanh(mild), Leaf(shape).id), bound);
      case 5:
        return Push(b_.Div(mild, denominator), bound);
      case 6:
        return Push(b_.Div(b_.Scalar(kernels::DType::kFloat32, 1), denominator), 1);
      case 7:
        return Push(b_.Mul(b_.Tanh(b_.Div(x.id, 2.5)), 2.5), 2.5);
      default:
        return shape.size() == 2 ? PushLinears(x) : void();
    }
  }

  void PushNorm(const Value& x) {
    const Value other = Like(ShapeOf(x));
    const compiler::NodeId sum = Below(2) == 0 ? x.id : b_.Add(x.id, other.id);
    const compiler::NodeId normalised = b_.Normalised(sum);
    const compiler::NodeId weight = Leaf({ShapeOf(x).back()}).id;
    const double bound = std::sqrt(static_cast<double>(ShapeOf(x).back()));
    switch (Below(3)) {
      case 0:
        return Push(normalised, bound);
      case 1:
        return Push(b_.Mul(normalised, weight), bound);
      default:
        return Push(b_.Mul(normalised, b_.Add(weight, 1.0)), 2 * bound);
    }
  }

  void PushLinears(const Value& x) {
    const Sizes shape = ShapeOf(x);
    const int64_t inner = shape.back(), columns = Pick<int64_t>({1, 3, 4});
    const double bound = static_cast<double>(inner) * x.bound;
    const compiler::NodeId y = b_.Linear(x.id, Leaf({columns, inner}).id),
                           z = b_.Linear(x.id, Leaf({columns, inner}).id);
    switch (Below(4)) {
      case 0:
        Push(y, bound);
        return Push(b_.Add(z, Leaf({columns}).id), bound + 1);
      case 1: {
        const Value residual = Like({shape[0], columns});
        return Push(b_.Add(residual.id, b_.Add(y, Leaf({columns}).id)), residual.bound + bound + 1);
      }
      case 2:
        return Push(b_.Mul(b_.Silu(y), z), bound * bound);
      default:
        return Push(b_.GeluTanh(b_.Tanh(y)), 1);
    }
  }

  std::mt19937_64 random_;
  FormulaBuilder b_{kernels::DType::kFloat32, 4};
  std::vector<Value> values_;
};

}  // namespace

absl::StatusOr<compiler::Graph> RandomGraph(uint64_t seed) { return Generator(seed).Run(); }

}  // namespace metronome::testing
