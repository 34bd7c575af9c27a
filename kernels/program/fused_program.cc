#include "kernels/program/fused_program.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "kernels/base/status_macros.h"
#include "kernels/interface/attributes.h"

namespace metronome::kernels {
namespace {

std::string PrintConstant(double value) {
  const std::string text = Attributes({{"v", value}}).ToString();
  return text.substr(2);
}

// An operand as it stands in the text.
struct Token {
  enum class Kind { kInput, kStep, kNumber } kind = Kind::kNumber;
  int index = 0;
  double number = 0;
};

class Parser {
 public:
  explicit Parser(absl::Span<const DType> inputs) { program_.inputs.assign(inputs.begin(), inputs.end()); }

  absl::StatusOr<FusedProgram> Run(absl::string_view text) {
    if (program_.inputs.empty() || program_.inputs.size() > kMaxFusedInputs)
      return Error(absl::StrCat(program_.inputs.size(), " inputs are not in [1, ", kMaxFusedInputs, "]"));
    bool returned = false;
    for (absl::string_view line : absl::StrSplit(text, ';')) {
      line = absl::StripAsciiWhitespace(line);
      if (returned) return Error("a step after the return");
      if (absl::ConsumePrefix(&line, "return ")) {
        returned = true;
        RETURN_IF_ERROR(ParseResults(line));
      } else {
        RETURN_IF_ERROR(ParseStep(line));
      }
    }
    if (!returned) return Error("no return");
    Number();
    RETURN_IF_ERROR(CheckUses());
    return std::move(program_);
  }

 private:
  // While steps are read their operands are numbered apart: inputs from 0, steps from kStepBase, constants from
  // kConstantBase.
  static constexpr int kStepBase = 1000, kConstantBase = 2000;

  absl::Status Error(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat("program after ", program_.steps.size(), " steps: ", why));
  }

  absl::Status ParseResults(absl::string_view list) {
    for (absl::string_view name : absl::StrSplit(list, ", ")) {
      ASSIGN_OR_RETURN(const Token token, ParseToken(name));
      if (token.kind != Token::Kind::kStep) return Error(absl::StrCat("result '", name, "' is no step"));
      const int value = kStepBase + token.index;
      if (std::count(program_.results.begin(), program_.results.end(), value) > 0)
        return Error(absl::StrCat("result '", name, "' twice"));
      program_.results.push_back(value);
    }
    if (program_.results.size() > kMaxFusedOutputs)
      return Error(absl::StrCat(program_.results.size(), " results, more than ", kMaxFusedOutputs));
    return absl::OkStatus();
  }

  absl::StatusOr<Token> ParseToken(absl::string_view text) const {
    Token token;
    if (!text.empty() && (text[0] == 'x' || text[0] == 't')) {
      const bool input = text[0] == 'x';
      token.kind = input ? Token::Kind::kInput : Token::Kind::kStep;
      const size_t count = input ? program_.inputs.size() : program_.steps.size();
      if (!absl::SimpleAtoi(text.substr(1), &token.index) || token.index < 0 ||
          static_cast<size_t>(token.index) >= count)
        return Error(absl::StrCat("no value '", text, "'"));
      return token;
    }
    if (!absl::SimpleAtod(text, &token.number)) return Error(absl::StrCat("no value '", text, "'"));
    return token;
  }

  // "t0 = mul(x0, 0.5)".
  absl::Status ParseStep(absl::string_view line) {
    if (program_.steps.size() == kMaxFusedSteps) return Error(absl::StrCat("more than ", kMaxFusedSteps, " steps"));
    if (!absl::ConsumePrefix(&line, absl::StrCat("t", program_.steps.size(), " = ")) ||
        !absl::ConsumeSuffix(&line, ")"))
      return Error(absl::StrCat("'", line, "' is not 't", program_.steps.size(), " = op(operands)'"));
    const size_t open = line.find('(');
    const std::optional<Op> op = ParseProgramStep(line.substr(0, open));
    if (open == absl::string_view::npos || !op.has_value())
      return Error(absl::StrCat("unknown op '", line.substr(0, open), "'"));
    FusedStep step = {.op = *op};
    std::vector<absl::string_view> operands = absl::StrSplit(line.substr(open + 1), ", ");
    if (step.op == Op::kCast) {
      const std::optional<DType> to = ParseDType(operands.back());
      if (!to.has_value() || Name(*to) != operands.back())
        return Error(absl::StrCat("unknown dtype '", operands.back(), "'"));
      step.dtype = *to;
      operands.pop_back();
    }
    if (static_cast<int>(operands.size()) != OperandCount(step.op))
      return Error(absl::StrCat(Name(step.op), " takes ", OperandCount(step.op), " operands, not ", operands.size()));
    RETURN_IF_ERROR(ParseOperands(operands, step));
    program_.steps.push_back(step);
    return absl::OkStatus();
  }

  absl::Status ParseOperands(const std::vector<absl::string_view>& operands, FusedStep& step) {
    const bool selects = step.op == Op::kSelect;
    std::vector<Token> tokens;
    std::optional<DType> dtype;  // Of the operands but a select's condition.
    for (size_t i = 0; i < operands.size(); ++i) {
      ASSIGN_OR_RETURN(tokens.emplace_back(), ParseToken(operands[i]));
      if (tokens[i].kind == Token::Kind::kNumber) continue;
      const DType own = DTypeOf(tokens[i]);
      if (selects && i == 0) {
        if (own != DType::kBool) return Error("select's condition is not bool");
      } else if (dtype.has_value() && *dtype != own) {
        return Error(absl::StrCat(Name(step.op), " of ", Name(*dtype), " and ", Name(own)));
      } else {
        dtype = own;
      }
    }
    if (!dtype.has_value() || (selects && tokens[0].kind == Token::Kind::kNumber))
      return Error(absl::StrCat(Name(step.op), " of constants only"));
    for (size_t i = 0; i < tokens.size(); ++i) {
      ASSIGN_OR_RETURN(step.operands[i], NumberOf(tokens[i], *dtype));
    }
    return CheckTypes(*dtype, step);
  }

  absl::Status CheckTypes(DType dtype, FusedStep& step) const {
    const OpGroup group = GroupOf(step.op);
    const bool fits = group == OpGroup::kUnary || group == OpGroup::kReduction  ? IsFloat(dtype)
                      : group == OpGroup::kBinary || group == OpGroup::kCompare ? dtype != DType::kBool
                      : group == OpGroup::kLogical                              ? dtype == DType::kBool
                                                                                : true;
    if (!fits) return Error(absl::StrCat(Name(step.op), " of ", Name(dtype)));
    if (group != OpGroup::kCast) step.dtype = group == OpGroup::kCompare ? DType::kBool : dtype;
    return absl::OkStatus();
  }

  DType DTypeOf(const Token& token) const {
    return token.kind == Token::Kind::kInput ? program_.inputs[token.index] : program_.steps[token.index].dtype;
  }

  absl::StatusOr<int> NumberOf(const Token& token, DType dtype) {
    if (token.kind == Token::Kind::kInput) return token.index;
    if (token.kind == Token::Kind::kStep) return kStepBase + token.index;
    const FusedConstant constant = {.dtype = dtype, .value = token.number};
    if (const double rounded = RoundConstant(dtype, token.number); rounded != token.number && !std::isnan(token.number))
      return Error(absl::StrCat(token.number, " is no ", Name(dtype)));
    const auto found = std::find_if(program_.constants.begin(), program_.constants.end(),
                                    [&](const FusedConstant& other) { return SameConstant(constant, other); });
    if (found != program_.constants.end()) return kConstantBase + static_cast<int>(found - program_.constants.begin());
    if (program_.constants.size() == kMaxFusedConstants)
      return Error(absl::StrCat("more than ", kMaxFusedConstants, " constants"));
    program_.constants.push_back(constant);
    return kConstantBase + static_cast<int>(program_.constants.size()) - 1;
  }

  void Number() {
    const auto number = [&](int& value) {
      if (value >= kConstantBase) {
        value += static_cast<int>(program_.inputs.size()) - kConstantBase;
      } else if (value >= kStepBase) {
        value += program_.first_step() - kStepBase;
      }
    };
    for (FusedStep& step : program_.steps) {
      for (int& operand : step.operands) number(operand);
    }
    for (int& result : program_.results) number(result);
  }

  absl::Status CheckUses() const {
    std::vector<bool> used(program_.values());
    int reductions = 0;
    for (const FusedStep& step : program_.steps) {
      reductions += IsReduction(step.op) ? 1 : 0;
      for (int i = 0; i < OperandCount(step.op); ++i) used[step.operands[i]] = true;
    }
    for (const int result : program_.results) used[result] = true;
    if (const auto unused = std::find(used.begin(), used.end(), false); unused != used.end()) {
      const auto value = static_cast<int>(unused - used.begin());
      return absl::InvalidArgumentError(
          absl::StrCat("program: nothing uses ", value < program_.first_step() ? "x" : "t",
                       value < program_.first_step() ? value : value - program_.first_step()));
    }
    if (reductions > kMaxFusedReductions)
      return absl::InvalidArgumentError(
          absl::StrCat("program: ", reductions, " reductions, more than ", kMaxFusedReductions));
    return absl::OkStatus();
  }

  FusedProgram program_;
};

bool Broadcast(const Shape& from, Shape& to) {
  for (int axis = 0; axis < from.rank(); ++axis) {
    int64_t& size = to[axis + to.rank() - from.rank()];
    if (size != from[axis] && size != 1 && from[axis] != 1) return false;
    if (size == 1) size = from[axis];
  }
  return true;
}

Shape Ones(int rank) {
  std::array<int64_t, kMaxRank> ones;
  ones.fill(1);
  return Shape(absl::MakeConstSpan(ones.data(), rank));
}

}  // namespace

std::optional<Op> ParseProgramStep(absl::string_view name) {
  const std::optional<Op> op = ParseOp(name);
  return op.has_value() && IsProgramStep(*op) ? op : std::nullopt;
}

bool SameConstant(const FusedConstant& a, const FusedConstant& b) {
  if (a.dtype != b.dtype) return false;
  return std::isnan(a.value) ? std::isnan(b.value)
                             : a.value == b.value && std::signbit(a.value) == std::signbit(b.value);
}

double RoundConstant(DType dtype, double value) {
  const auto number = static_cast<float>(value);
  switch (dtype) {
    case DType::kFloat32:
      return number;
    case DType::kBFloat16:
      return static_cast<float>(BFloat16(number));
    case DType::kFloat16:
      return static_cast<float>(Float16(number));
    case DType::kInt32:
      return std::abs(value) < 2147483648.0 ? static_cast<double>(static_cast<int32_t>(value)) : 0;
    case DType::kBool:
      return value != 0 ? 1 : 0;
  }
  return value;
}

DType FusedProgram::dtype(int value) const {
  const auto index = static_cast<size_t>(value);
  if (index < inputs.size()) return inputs[index];
  if (value < first_step()) return constants[index - inputs.size()].dtype;
  return steps[value - first_step()].dtype;
}

bool FusedProgram::reduces() const {
  return std::any_of(steps.begin(), steps.end(), [](const FusedStep& step) { return IsReduction(step.op); });
}

absl::StatusOr<FusedProgram> FusedProgram::Parse(absl::string_view text, absl::Span<const DType> inputs) {
  return Parser(inputs).Run(text);
}

std::string FusedProgram::ToString() const {
  const auto name = [&](int value) {
    if (value < static_cast<int>(inputs.size())) return absl::StrCat("x", value);
    if (value < first_step()) return PrintConstant(constants[value - static_cast<int>(inputs.size())].value);
    return absl::StrCat("t", value - first_step());
  };
  std::string text;
  for (size_t i = 0; i < steps.size(); ++i) {
    const FusedStep& step = steps[i];
    absl::StrAppend(&text, "t", i, " = ", Name(step.op), "(", name(step.operands[0]));
    for (int operand = 1; operand < OperandCount(step.op); ++operand)
      absl::StrAppend(&text, ", ", name(step.operands[operand]));
    if (step.op == Op::kCast) absl::StrAppend(&text, ", ", metronome::kernels::Name(step.dtype));
    absl::StrAppend(&text, "); ");
  }
  return absl::StrCat(text, "return ", absl::StrJoin(results, ", ", [&](std::string* out, int result) {
                        absl::StrAppend(out, name(result));
                      }));
}

absl::StatusOr<FusedShapes> InferFusedShapes(const FusedProgram& program, absl::Span<const TensorView> inputs,
                                             absl::Span<const TensorView> outputs) {
  int rank = 0;
  for (const TensorView& input : inputs) rank = std::max(rank, input.shape.rank());
  for (const TensorView& output : outputs) rank = std::max(rank, output.shape.rank());
  FusedShapes shapes = {.domain = Ones(rank), .values = std::vector<Shape>(program.values(), Ones(rank))};
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!Broadcast(inputs[i].shape, shapes.domain)) return absl::InvalidArgumentError("shapes do not broadcast");
    Broadcast(inputs[i].shape, shapes.values[i]);
  }
  for (const TensorView& output : outputs) {
    if (!Broadcast(output.shape, shapes.domain)) return absl::InvalidArgumentError("shapes do not broadcast");
  }
  for (size_t i = 0; i < program.steps.size(); ++i) {
    const FusedStep& step = program.steps[i];
    Shape& shape = shapes.values[program.first_step() + static_cast<int>(i)];
    for (int operand = 0; operand < OperandCount(step.op); ++operand)
      Broadcast(shapes.values[step.operands[operand]], shape);
    if (!IsReduction(step.op)) continue;
    if (rank == 0 || shape.back() != shapes.domain.back())
      return absl::InvalidArgumentError(absl::StrCat("t", i, " does not reduce the last axis"));
    shape[rank - 1] = 1;
  }
  return shapes;
}

FusedWalk WalkFused(const FusedProgram& program, const FusedShapes& shapes, absl::Span<const TensorView> inputs) {
  const int rank = shapes.domain.rank(), kept = program.reduces() ? rank - 1 : kMaxRank;
  int64_t strides[kMaxFusedInputs][kMaxFusedAxes] = {};
  for (size_t i = 0; i < inputs.size(); ++i) {
    int64_t stride = 1;
    for (int axis = rank - 1; axis >= 0; --axis) {
      const int64_t size = shapes.values[i][axis];
      strides[i][axis] = size == 1 ? 0 : stride;
      stride *= size;
    }
  }
  FusedWalk walk;
  int last = -1;  // Of the walk's axes.
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t size = shapes.domain[axis];
    if (size == 1 && axis != kept) continue;
    bool merges = last >= 0 && axis != kept;
    for (size_t i = 0; i < inputs.size() && merges; ++i) merges = walk.strides[i][last] == strides[i][axis] * size;
    if (!merges) ++last;
    walk.sizes[last] = merges ? walk.sizes[last] * size : size;
    for (size_t i = 0; i < inputs.size(); ++i) walk.strides[i][last] = strides[i][axis];
  }
  if (last < 0) walk.sizes[last = 0] = 1;
  walk.rank = last + 1;
  walk.columns = walk.sizes[last];
  for (int axis = 0; axis < last; ++axis) walk.rows *= walk.sizes[axis];
  return walk;
}

absl::StatusOr<const FusedProgram*> FusedPrograms::Find(const KernelArgs& args) {
  std::vector<DType> dtypes;
  std::string key(args.attributes->String("program"));
  for (const TensorView& input : args.inputs) {
    dtypes.push_back(input.dtype);
    key.push_back(static_cast<char>(input.dtype));
  }
  std::unique_ptr<FusedProgram>& program = programs_[key];
  if (program == nullptr) {
    absl::StatusOr<FusedProgram> parsed = FusedProgram::Parse(args.attributes->String("program"), dtypes);
    RETURN_IF_ERROR(parsed.status());
    program = std::make_unique<FusedProgram>(*std::move(parsed));
  }
  return program.get();
}

}  // namespace metronome::kernels
