#include "kernels/catalogue/qkv_rope_cache.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "kernels/catalogue/catalogue_check.h"
#include "kernels/catalogue/checks.h"

namespace metronome::kernels {
namespace {

constexpr size_t kPlainInputs = 8, kKCache = 6, kVCache = 7;
constexpr const char* kNames[] = {"q", "k", "v"};

struct Extras {
  explicit Extras(const Attributes& attributes)
      : bias(attributes.Int("has_bias") != 0),
        head_norm(attributes.Int("has_head_norm") != 0),
        norm(attributes.Int("has_norm") != 0) {}
  size_t count() const { return (bias ? 3 : 0) + (head_norm ? 2 : 0) + (norm ? 1 : 0); }

  bool bias, head_norm, norm;
};

// `output` is the first rows of `cache`, and has room for those of this step.
absl::Status CheckCache(const KernelArgs& args, const TensorView& cache, const TensorView& output, int64_t rows,
                        absl::string_view name) {
  METRONOME_REQUIRE(cache.dtype == args.inputs[0].dtype && output.dtype == cache.dtype && cache.shape.rank() == 3 &&
                        output.shape.rank() == 3 && output.shape[1] == cache.shape[1] &&
                        output.shape[2] == cache.shape[2],
                    absl::StrCat("the ", name, " cache differs from its output"));
  METRONOME_REQUIRE(rows <= output.shape[0] && output.shape[0] <= cache.shape[0],
                    absl::StrCat("the ", name, " cache has no room for ", rows, " rows"));
  return absl::OkStatus();
}

absl::Status CheckExtras(const KernelArgs& args) {
  const QkvRopeCacheOperands operands(args);
  const DType dtype = operands.x->dtype;
  for (int i = 0; i < 3; ++i) {
    const TensorView* const bias = operands.bias[i];
    METRONOME_REQUIRE(bias == nullptr || (bias->dtype == dtype && bias->shape == Shape({operands.w[i]->shape[0]})),
                      absl::StrCat("the bias of ", kNames[i], " is not [n]"));
  }
  for (int i = 0; i < 2; ++i) {
    const TensorView* const norm = operands.head_norm[i];
    METRONOME_REQUIRE(norm == nullptr || (norm->dtype == dtype && norm->shape == Shape({operands.head_size()})),
                      absl::StrCat("the head norm of ", kNames[i], " is not [d]"));
  }
  METRONOME_REQUIRE(operands.norm == nullptr ||
                        (operands.norm->dtype == dtype && operands.norm->shape == Shape({operands.x->shape[1]})),
                    "the norm's weight is not [k]");
  METRONOME_REQUIRE(args.attributes->Float("eps") >= 0 && args.attributes->Float("head_eps") >= 0, "eps is negative");
  return absl::OkStatus();
}

}  // namespace

QkvRopeCacheOperands::QkvRopeCacheOperands(const KernelArgs& args)
    : x(&args.inputs[0]),
      w{&args.inputs[1], &args.inputs[2], &args.inputs[3]},
      cos(&args.inputs[4]),
      sin(&args.inputs[5]),
      q(&args.outputs[0]),
      k(&args.outputs[1]),
      v(&args.outputs[2]) {
  const Extras extras(*args.attributes);
  const TensorView* next = &args.inputs[0] + kPlainInputs;
  for (int i = 0; extras.bias && i < 3; ++i) bias[i] = next++;
  for (int i = 0; extras.head_norm && i < 2; ++i) head_norm[i] = next++;
  if (next != args.inputs.data() + args.inputs.size()) norm = next;
}

absl::Status CheckQkvRopeCache(const KernelArgs& args) {
  METRONOME_REQUIRE(args.inputs.size() == kPlainInputs + Extras(*args.attributes).count(), "wrong number of operands");
  const TensorView &x = args.inputs[0], &q = args.outputs[0], &cos = args.inputs[4], &sin = args.inputs[5];
  METRONOME_REQUIRE(IsFloat(x.dtype) && q.dtype == x.dtype && x.shape.rank() == 2 && q.shape.rank() == 3 &&
                        q.shape[0] == x.shape[0] && q.shape[2] > 0 && q.shape[2] % 2 == 0,
                    "needs x [m, k] and q [m, heads, even d] of one float dtype");
  for (const TensorView* const table : {&cos, &sin})
    METRONOME_REQUIRE(table->dtype == x.dtype && table->shape == Shape({x.shape[0], q.shape[2]}),
                      "tables must be [m, d]");
  if (absl::Status status = CheckCache(args, args.inputs[kKCache], args.outputs[1], x.shape[0], "k"); !status.ok())
    return status;
  if (absl::Status status = CheckCache(args, args.inputs[kVCache], args.outputs[2], x.shape[0], "v"); !status.ok())
    return status;
  METRONOME_REQUIRE(args.outputs[1].shape[2] == q.shape[2] && args.outputs[2].shape[0] == args.outputs[1].shape[0],
                    "the caches differ in length, or keys from queries in size");
  for (int i = 0; i < 3; ++i) {
    const TensorView &w = args.inputs[1 + i], &y = args.outputs[i];
    METRONOME_REQUIRE(w.dtype == x.dtype && w.shape == Shape({y.shape[1] * y.shape[2], x.shape[1]}),
                      absl::StrCat("the weight of ", kNames[i], " is not [heads * d, k]"));
  }
  return CheckExtras(args);
}

KernelCost QkvRopeCacheCost(const KernelArgs& args) {
  const Extras extras(*args.attributes);
  const TensorView& x = args.inputs[0];
  const int64_t rows = x.shape[0];
  KernelCost cost;
  for (size_t i = 0; i < args.inputs.size(); ++i)
    cost.bytes += i == kKCache || i == kVCache ? 0 : args.inputs[i].bytes();
  int64_t columns = 0, rotated = 0;
  for (int i = 0; i < 3; ++i) {
    columns += args.inputs[1 + i].shape[0];
    if (i < 2) rotated += args.inputs[1 + i].shape[0];
  }
  cost.bytes += rows * columns * static_cast<int64_t>(SizeOf(x.dtype));
  cost.flops = 2 * rows * columns * x.shape[1] + 4 * rows * rotated * (extras.head_norm ? 2 : 1) +
               (extras.norm ? 4 * x.elements() : 0);
  return cost;
}

}  // namespace metronome::kernels
