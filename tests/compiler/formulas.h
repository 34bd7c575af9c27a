#ifndef METRONOME_TESTS_COMPILER_FORMULAS_H_
#define METRONOME_TESTS_COMPILER_FORMULAS_H_

#include <limits>
#include <vector>

#include "compiler/ir/builder.h"

namespace metronome::testing {

// A Builder for small formulas of one dtype, with names for their usual parts.
class FormulaBuilder : public compiler::Builder {
 public:
  FormulaBuilder(kernels::DType dtype, int64_t width) : dtype_(dtype), width_(width) {}

  kernels::DType dtype() const { return dtype_; }
  int64_t width() const { return width_; }

  compiler::NodeId Rows(absl::string_view name = "x") {
    return Input(name, dtype_, {runtime::Dim::Seq(), width_});
  }  // [seq, width].
  compiler::NodeId Matrix(absl::string_view name = "w") { return Matrix(name, width_); }
  compiler::NodeId Matrix(absl::string_view name, int64_t rows) {  // [rows, width].
    return Weight(name, dtype_, {rows, width_}, runtime::WeightInit::kMatrix);
  }
  compiler::NodeId Vector(absl::string_view name) { return Weight(name, dtype_, {width_}, runtime::WeightInit::kBias); }
  compiler::NodeId Linear(compiler::NodeId x, compiler::NodeId w) { return Matmul(x, w, true); }
  compiler::NodeId Float(compiler::NodeId x) { return Cast(x, kernels::DType::kFloat32); }
  compiler::NodeId Round(compiler::NodeId x) { return Cast(x, dtype_); }

  // x / sqrt(mean(x^2) + eps) in float32. An eps this large shows where it is added.
  compiler::NodeId Normalised(compiler::NodeId x, double eps = 0.25);
  // Activations of a gate in float32, rounded to its dtype.
  compiler::NodeId Silu(compiler::NodeId gate);
  compiler::NodeId GeluTanh(compiler::NodeId gate);
  compiler::NodeId Softmax(compiler::NodeId x);

 private:
  kernels::DType dtype_;
  int64_t width_;
};

// Grouped-query attention by primitives in its usual form, and the ways in which tests depart from it.
struct AttentionFormula {
  double scale = 0.3;  // 0 = none.
  double window = 0;   // 0 = unbounded.
  bool scale_query = false;
  bool cached = true;  // Else keys and values are inputs that hold `past` rows and those of this step.
  kernels::DType softmax_dtype = kernels::DType::kFloat32;

  kernels::Op compare = kernels::Op::kLe;                    // key position OP query position.
  kernels::Op compare_window = kernels::Op::kGt;             // key position OP query position - window.
  runtime::Dim first_key = 0;                                // Position of the first key.
  runtime::Dim first_query = runtime::Dim::Past();           // Position of the first query.
  double masked = -std::numeric_limits<double>::infinity();  // The score of what is not visible.
  bool select_masked = false;                                // Exchanges what is visible and what is not.
  bool interleave_groups = false;                            // Query head h reads key head h % kv_heads, not h / group.
};
compiler::NodeId Attention(FormulaBuilder& b, const AttentionFormula& formula);

// RoPE on [seq, heads, width], and the ways in which tests depart from it.
struct RopeFormula {
  bool negate_low = false;     // [x_high, -x_low].
  bool swap_halves = false;    // [-x_low, x_high].
  int64_t low = 0;             // Size of the part that goes last; 0 = half.
  bool table_of_head = false;  // A table for each head in place of each row.
};
compiler::NodeId Rope(FormulaBuilder& b, const RopeFormula& formula);

// Products of x [seq, width] that become queries, and keys and values in their caches, in the usual form, and the ways
// in which tests depart from it. Returns q [seq, 3, 4] and the caches [past + seq, 2, 4] and [past + seq, 2, 3].
struct QkvFormula {
  bool bias = false;
  bool head_norm = false;
  bool norm = false;         // Of x.
  bool key_tables = false;   // Keys are turned by tables of their own.
  bool value_input = false;  // Values are products of another input.
  bool plain_query = false;  // Queries are not turned.
  bool cache_plain = false;  // A third cache has the keys that are not turned.
  bool scale_key = false;    // The product that becomes keys is a result too, scaled.
};
std::vector<compiler::NodeId> Qkv(FormulaBuilder& b, const QkvFormula& formula);

// Rows through their two largest columns' experts, gated and weighted, and the ways in which tests depart from it.
struct ExpertsFormula {
  bool swap_halves = false;      // Activates the second half of the product.
  bool interleave_rows = false;  // Slot s reads row s % seq, not s / slots.
  bool weigh_rows = false;       // One weight for each row in place of each slot.
};
compiler::NodeId Experts(FormulaBuilder& b, const ExpertsFormula& formula);

// The first column of each row's largest number, and the ways in which tests depart from it.
struct ArgmaxFormula {
  double none = 0;          // Stands for a row without a largest number; 0 = minus the width.
  int64_t first_index = 0;  // Of the first column.
  bool of_sum = false;      // The column that equals the row's sum.
};
compiler::NodeId Argmax(FormulaBuilder& b, const ArgmaxFormula& formula);

}  // namespace metronome::testing

#endif  // METRONOME_TESTS_COMPILER_FORMULAS_H_
