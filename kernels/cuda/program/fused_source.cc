#include "kernels/cuda/program/fused_source.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/program/fused_schedule.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int kVectorBytes = 16;

// Types of elements in memory and of values in registers.
absl::string_view ElementType(DType dtype) {
  switch (dtype) {
    case DType::kBFloat16:
      return "bf16";
    case DType::kFloat16:
      return "f16";
    case DType::kInt32:
      return "int32_t";
    case DType::kBool:
      return "uint8_t";
    case DType::kFloat32:
      break;
  }
  return "float";
}
absl::string_view ValueType(DType dtype) { return IsFloat(dtype) ? "float" : ElementType(dtype); }
bool IsNarrow(DType dtype) { return dtype == DType::kBFloat16 || dtype == DType::kFloat16; }

std::string Widened(DType dtype, absl::string_view element) {
  return IsNarrow(dtype) ? absl::StrCat("ToFloat(", element, ")") : std::string(element);
}
std::string Narrowed(DType dtype, absl::string_view value) {
  return IsNarrow(dtype) ? absl::StrCat("FromFloat<", ElementType(dtype), ">(", value, ")") : std::string(value);
}
std::string Rounded(DType dtype, absl::string_view value) {
  return IsNarrow(dtype) ? absl::StrCat("Round<", ElementType(dtype), ">(", value, ")") : std::string(value);
}

std::string Literal(const FusedConstant& constant) {
  if (constant.dtype == DType::kBool) return constant.value != 0 ? "uint8_t{1}" : "uint8_t{0}";
  if (constant.dtype == DType::kInt32)
    return absl::StrCat("static_cast<int32_t>(", static_cast<uint32_t>(static_cast<int32_t>(constant.value)), "u)");
  return absl::StrCat("FloatOf(0x", absl::Hex(std::bit_cast<uint32_t>(static_cast<float>(constant.value))), "u)");
}

std::string Cast(DType from, DType to, const std::string& x) {
  if (from == to) return x;
  if (to == DType::kBool) return absl::StrCat("static_cast<uint8_t>(", x, " != 0)");
  if (to == DType::kInt32)
    return IsFloat(from) ? absl::StrCat("Truncate(", x, ")") : absl::StrCat("static_cast<int32_t>(", x, ")");
  return Rounded(to, IsFloat(from) ? x : absl::StrCat("static_cast<float>(", x, ")"));
}

class Writer {
 public:
  Writer(const FusedProgram& program, const FusedVariant& variant, absl::string_view name)
      : program_(program), variant_(variant), name_(name) {
    std::vector<bool> per_row;
    for (size_t i = 0; i < program_.inputs.size(); ++i) per_row.push_back((variant_.per_row >> i & 1) != 0);
    schedule_ = ScheduleFused(program_, per_row);
  }

  std::string Run() {
    Line("// ", program_.ToString());
    if (variant_.group == 0) {
      WriteMap();
    } else {
      WriteFold();
    }
    return std::move(text_);
  }

 private:
  template <typename... Parts>
  void Line(const Parts&... parts) {
    absl::StrAppend(&text_, parts..., "\n");
  }

  size_t inputs() const { return program_.inputs.size(); }
  bool PerRow(int value) const { return schedule_.per_row[value]; }
  bool OnceARow(size_t output) const { return (variant_.once_a_row >> output & 1) != 0; }
  std::string StepName(int step) const { return absl::StrCat("t", step); }

  std::string NameOf(int value) const {
    if (value < static_cast<int>(inputs())) return absl::StrCat("x", value);
    if (value < program_.first_step()) return Literal(program_.constants[value - static_cast<int>(inputs())]);
    return StepName(value - program_.first_step());
  }

  std::string Expression(const FusedStep& step) const {
    std::vector<std::string> operands;
    for (int i = 0; i < OperandCount(step.op); ++i) operands.push_back(NameOf(step.operands[i]));
    if (step.op == Op::kCast) return Cast(program_.dtype(step.operands[0]), step.dtype, operands[0]);
    if (step.op == Op::kSelect) return absl::StrCat(operands[0], " != 0 ? ", operands[1], " : ", operands[2]);
    if (step.op == Op::kAnd) return absl::StrCat("static_cast<uint8_t>(", operands[0], " & ", operands[1], ")");
    const std::string call = absl::StrCat(RowOf(step.op).id, "(", absl::StrJoin(operands, ", "), ")");
    if (GroupOf(step.op) == OpGroup::kCompare) return absl::StrCat("Comparison::", call);
    return Rounded(step.dtype, absl::StrCat("Arithmetic::", call));
  }

  void WriteSteps(const std::vector<int>& steps) {
    for (const int index : steps) {
      const FusedStep& step = program_.steps[index];
      Line("const ", ValueType(step.dtype), " ", StepName(index), " = ", Expression(step), ";");
    }
  }

  // s0, s1, ...: where each input's row begins. `row` names it.
  void WriteStarts(absl::string_view row) {
    for (size_t i = 0; i < inputs(); ++i) Line("int64_t s", i, " = 0;");
    if (variant_.rank > 1) Line("Index rest = static_cast<Index>(", row, ");");
    for (int axis = variant_.rank - 2; axis >= 0; --axis) {
      Line("{");
      Line("const Index size = static_cast<Index>(p.walk.sizes[", axis, "]), next = rest / size;");
      Line("const int64_t at = static_cast<int64_t>(rest - next * size);");
      for (size_t i = 0; i < inputs(); ++i) Line("s", i, " += at * p.walk.strides[", i, "][", axis, "];");
      Line("rest = next;");
      Line("}");
    }
    if (variant_.rank > 1) Line("(void)rest;");
    for (size_t i = 0; i < inputs(); ++i) Line("(void)s", i, ";");
  }

  std::string InputAt(size_t input) const {
    return absl::StrCat("static_cast<const ", ElementType(program_.inputs[input]), "*>(p.inputs[", input, "]) + s",
                        input);
  }
  std::string OutputAt(size_t output) const {
    return absl::StrCat("static_cast<", ElementType(program_.dtype(program_.results[output])), "*>(p.outputs[", output,
                        "])");
  }

  void WriteRowInputs() {
    for (size_t i = 0; i < inputs(); ++i) {
      if (PerRow(static_cast<int>(i)))
        Line("[[maybe_unused]] const ", ValueType(program_.inputs[i]), " x", i, " = ",
             Widened(program_.inputs[i], absl::StrCat("*(", InputAt(i), ")")), ";");
    }
  }

  // N columns from `column` on: loads of what the pass needs, then `body` for each, in which they have their names.
  template <typename Body>
  void WriteColumns(const FusedSchedule::Pass& pass, const std::vector<int>& wanted, Body body) {
    std::vector<bool> used(program_.values());
    for (const int value : wanted) used[value] = true;
    for (const int index : pass.element_steps) {
      for (int i = 0; i < OperandCount(program_.steps[index].op); ++i) used[program_.steps[index].operands[i]] = true;
    }
    for (size_t i = 0; i < inputs(); ++i) {
      if (used[i] && !PerRow(static_cast<int>(i)))
        Line("const auto in", i, " = LoadColumns<N, kPacks>(", InputAt(i), " + column);");
    }
    Line("METRONOME_UNROLL");
    Line("for (int j = 0; j < N; ++j) {");
    for (size_t i = 0; i < inputs(); ++i) {
      if (used[i] && !PerRow(static_cast<int>(i)))
        Line("[[maybe_unused]] const ", ValueType(program_.inputs[i]), " x", i, " = ",
             Widened(program_.inputs[i], absl::StrCat("in", i, "[j]")), ";");
    }
    WriteSteps(pass.element_steps);
    body();
    Line("}");
  }

  // The columns' results, stored from element `to` on.
  void WriteResults(absl::string_view to) {
    std::vector<int> wanted;
    for (size_t i = 0; i < program_.results.size(); ++i) {
      if (OnceARow(i)) continue;
      wanted.push_back(program_.results[i]);
      Line("Pack<", ElementType(program_.dtype(program_.results[i])), ", N> out", i, ";");
    }
    WriteColumns(schedule_.passes.back(), wanted, [&] {
      for (size_t i = 0; i < program_.results.size(); ++i) {
        if (OnceARow(i)) continue;
        const int value = program_.results[i];
        Line("out", i, "[j] = ", Narrowed(program_.dtype(value), NameOf(value)), ";");
      }
    });
    for (size_t i = 0; i < program_.results.size(); ++i) {
      if (!OnceARow(i)) Line("StoreColumns<N, kPacks>(", OutputAt(i), " + ", to, ", out", i, ");");
    }
  }

  void BeginParts() {
    Line("namespace metronome::kernels::cuda::", name_, "_parts {");
    Line("using Index = ", variant_.wide ? "uint64_t" : "uint32_t", ";");
  }

  void BeginKernel(absl::string_view threads) {
    Line("extern \"C\" __global__ void METRONOME_BLOCK_THREADS(", threads, ") ", name_,
         "(const __grid_constant__ metronome::kernels::cuda::FusedOperands p) {");
    Line("using namespace metronome::kernels::cuda;");
    Line("using namespace metronome::kernels::cuda::", name_, "_parts;");
  }

  // A thread takes `width` columns of a row. Where the domain is one row, the last may be fewer.
  void WriteMap() {
    BeginParts();
    Line("template <int N, bool kPacks>");
    Line("__device__ __forceinline__ void Run(const FusedOperands& p, int64_t row, int64_t column) {");
    WriteStarts("row");
    if (variant_.rank == 1) Line("(void)row;");
    WriteRowInputs();
    WriteSteps(schedule_.passes[0].row_steps);
    WriteResults(variant_.rank == 1 ? "column" : "row * p.walk.columns + column");
    Line("}");
    Line("}");
    BeginKernel("256");
    const std::string packs = variant_.packs ? "true" : "false";
    Line("const int64_t elements = p.walk.rows * p.walk.columns;");
    Line("for (int64_t at = (static_cast<int64_t>(blockIdx.x) * 256 + threadIdx.x) * ", variant_.width,
         "; at < elements; at += static_cast<int64_t>(gridDim.x) * (256 * ", variant_.width, ")) {");
    if (variant_.rank > 1) {
      Line("const Index row = static_cast<Index>(at) / static_cast<Index>(p.walk.columns);");
      Line("const int64_t begin = static_cast<int64_t>(row);");
      Line("Run<", variant_.width, ", ", packs, ">(p, begin, at - begin * p.walk.columns);");
    } else if (variant_.width == 1) {
      Line("Run<1, false>(p, 0, at);");
    } else {
      Line("if (at + ", variant_.width, " <= elements) {");
      Line("Run<", variant_.width, ", ", packs, ">(p, 0, at);");
      Line("} else {");
      Line("for (int64_t i = at; i < elements; ++i) Run<1, false>(p, 0, i);");
      Line("}");
    }
    Line("}");
    Line("}");
  }

  // A group takes a row: a loop over its columns for each reduction, and one for the results.
  void WriteFold() {
    BeginParts();
    Line("using Group = ", variant_.group == 512 ? "WholeBlock" : absl::StrCat("Lanes<", variant_.group, ">"), ";");
    Line("}");
    BeginKernel(variant_.group == 512 ? "512" : "256");
    Line("constexpr int N = ", variant_.width, ";");
    Line("constexpr bool kPacks = ", variant_.packs ? "true" : "false", ";");
    Line(
        "for (int64_t base = static_cast<int64_t>(blockIdx.x) * Group::kRows; base < p.walk.rows; "
        "base += static_cast<int64_t>(gridDim.x) * Group::kRows) {");
    Line("const int64_t own = base + Group::Row(), row = own < p.walk.rows ? own : 0;");
    Line("const int64_t end = own < p.walk.rows ? p.walk.columns : 0;");
    WriteStarts("row");
    WriteRowInputs();
    for (const FusedSchedule::Pass& pass : schedule_.passes) {
      WriteSteps(pass.row_steps);
      if (pass.reduction >= 0) WriteReduction(pass);
    }
    WriteLoop();
    WriteResults("row * p.walk.columns + column");
    Line("}");
    Line("if (own < p.walk.rows && Group::Rank() == 0) {");
    for (size_t i = 0; i < program_.results.size(); ++i) {
      const int value = program_.results[i];
      if (OnceARow(i)) Line(OutputAt(i), "[row] = ", Narrowed(program_.dtype(value), NameOf(value)), ";");
    }
    Line("}");
    Line("}");
    Line("}");
  }

  void WriteLoop() {
    Line("for (int64_t column = static_cast<int64_t>(Group::Rank()) * N; column < end; column += Group::kSize * N) {");
  }

  void WriteReduction(const FusedSchedule::Pass& pass) {
    const FusedStep& step = program_.steps[pass.reduction];
    const bool sums = step.op == Op::kReduceSum;
    const std::string fold = sums ? "Sum()" : "MaxOrNan()", start = sums ? "0.0f" : "-INFINITY";
    const std::string folded = absl::StrCat("fold", pass.reduction);
    Line("float ", folded, " = ", start, ";");
    WriteLoop();
    WriteColumns(pass, {step.operands[0]},
                 [&] { Line(folded, " = ", fold, "(", folded, ", ", NameOf(step.operands[0]), ");"); });
    Line("}");
    Line("const float ", StepName(pass.reduction), " = ",
         Rounded(step.dtype, absl::StrCat("Group::Reduce(", folded, ", ", fold, ", ", start, ")")), ";");
  }

  const FusedProgram& program_;
  const FusedVariant& variant_;
  absl::string_view name_;
  FusedSchedule schedule_;
  std::string text_;
};

bool IsAligned(const void* at, int64_t bytes) {
  return reinterpret_cast<uintptr_t>(at) % static_cast<uintptr_t>(bytes < kVectorBytes ? bytes : kVectorBytes) == 0;
}

// Whether each thread's `width` columns are vectors in every operand.
bool WalksInPacks(const FusedArgs& args, uint32_t per_row, uint32_t once_a_row, int width) {
  const FusedWalk& walk = args.operands.walk;
  if (width == 1 || (walk.rank > 1 && walk.columns % width != 0)) return false;
  for (int i = 0; i < args.code.inputs; ++i) {
    if ((per_row >> i & 1) != 0) continue;
    const int64_t bytes = static_cast<int64_t>(SizeOf(args.code.input_dtypes[i])) * width;
    if (!IsAligned(args.operands.inputs[i], bytes)) return false;
    for (int axis = 0; axis < walk.rank - 1; ++axis) {
      if (walk.strides[i][axis] % width != 0) return false;
    }
  }
  for (int i = 0; i < args.code.outputs; ++i) {
    const int64_t bytes = static_cast<int64_t>(SizeOf(args.code.output_dtypes[i])) * width;
    if ((once_a_row >> i & 1) == 0 && !IsAligned(args.operands.outputs[i], bytes)) return false;
  }
  return true;
}

}  // namespace

FusedVariant VariantOf(const FusedProgram& program, const FusedArgs& args) {
  const FusedWalk& walk = args.operands.walk;
  FusedVariant variant = {.rank = walk.rank, .wide = walk.rows * walk.columns >= int64_t{1} << 31};
  const std::vector<bool> per_row = InputsPerRow(walk, program.inputs.size());
  int largest = 1;  // Bytes of an element.
  for (size_t i = 0; i < per_row.size(); ++i) {
    if (per_row[i]) {
      variant.per_row |= 1u << i;
    } else {
      largest = std::max(largest, static_cast<int>(SizeOf(program.inputs[i])));
    }
  }
  for (int i = 0; i < args.code.outputs; ++i) {
    if (args.code.once_a_row[i]) {
      variant.once_a_row |= 1u << i;
    } else {
      largest = std::max(largest, static_cast<int>(SizeOf(args.code.output_dtypes[i])));
    }
  }
  if (args.fold_width > 0) {
    variant.group = FusedGroup(walk.columns, args.fold_width);
    variant.width = args.fold_width;
    variant.packs = WalksInPacks(args, variant.per_row, variant.once_a_row, variant.width);
  } else {
    const int width = kVectorBytes / largest;
    variant.packs = WalksInPacks(args, variant.per_row, variant.once_a_row, width);
    variant.width = variant.packs ? width : 1;
  }
  return variant;
}

std::string GenerateFusedSource(const FusedProgram& program, const FusedVariant& variant, absl::string_view name) {
  return Writer(program, variant, name).Run();
}

FusedGrid GridOf(const DeviceContext& context, const FusedVariant& variant, const FusedWalk& walk) {
  const int64_t pieces = (walk.rows * walk.columns + variant.width - 1) / variant.width;
  return FusedGridOf(context, variant.group > 0 ? walk.rows : pieces, variant.group);
}

}  // namespace metronome::kernels::cuda
