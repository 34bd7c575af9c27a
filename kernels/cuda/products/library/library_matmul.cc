#include "kernels/cuda/products/library/library_matmul.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/catalogue/norm_prologue.h"
#include "kernels/catalogue/op_table.h"
#include "kernels/cuda/rows/activation.h"

namespace metronome::kernels::cuda {
namespace {

constexpr int64_t kMostSize = INT32_MAX;  // Of a matrix, for libraries.

struct Product {
  MatmulProblem problem;
  MatmulOperands operands;
};

// The algorithm that a launch wants, or -1: our own kernels.
int AlgorithmOf(const LinearTuning& tuning, DType dtype, int64_t m) {
  if (tuning.library >= 0)
    return tuning.library <= MatmulLibrary::kMaxAlgorithms ? static_cast<int>(tuning.library) - 1 : -1;
  const bool tuned_ours = tuning.tile != 0 || tuning.splits != 0;
  return SizeOf(dtype) == 2 && m >= kMinLibraryRows && !tuned_ours ? 0 : -1;
}

bool HasSizes(const MatmulProblem& problem) {
  const auto fits = [](int64_t size) { return size > 0 && size <= kMostSize; };
  return fits(problem.m) && fits(problem.n) && fits(problem.k) && fits(problem.batch);
}

bool IsAligned(const Product& product) {
  const MatmulOperands& operands = product.operands;
  for (const void* const data :
       {operands.a, operands.b, operands.bias, operands.residual, static_cast<const void*>(operands.y)}) {
    if (reinterpret_cast<uintptr_t>(data) % MatmulLibrary::kAlignment != 0) return false;
  }
  return true;
}

bool Serves(const DeviceContext& context, int algorithm, const Product& product) {
  if (!HasSizes(product.problem) || !IsAligned(product)) return false;
  const bool capturing = context.past != nullptr;
  MatmulLibrary& library = *context.library;
  return algorithm < (capturing ? library.Prepared(product.problem) : library.Prepare(product.problem));
}

bool Run(const DeviceContext& context, int algorithm, const Product& product) {
  return context.library->Run(context.stream, product.problem, algorithm, product.operands);
}

Product ProductOf(const LinearArgs& args, const LinearPart& part) {
  return {.problem = {.dtype = args.dtype,
                      .wide = args.wide,
                      .transposed = true,
                      .has_bias = part.bias != nullptr,
                      .has_residual = args.residual != nullptr,
                      .m = args.m,
                      .n = part.n,
                      .k = args.k},
          .operands = {.a = args.x, .b = part.w, .bias = part.bias, .residual = args.residual, .y = part.y}};
}

// Whether a library's epilogue means the same: it has no bias or residual narrower than the output, and would activate
// a sum before it is rounded.
bool IsPlain(bool wide, bool has_addend, bool activates) { return !activates && !(wide && has_addend); }

// Rows of a gated product at a time; 0 where the scratch has not even room for a tile of them.
int64_t GatedRows(const DeviceContext& context, const LinearArgs& args) {
  constexpr int64_t kTile = 128;  // Rows that all kernels fill their tiles with.
  const int64_t row_bytes = args.part[0].n * static_cast<int64_t>(SizeOf(args.dtype)),
                room = row_bytes == 0 ? 0 : context.scratch.bytes / row_bytes;
  if (room >= args.m) return args.m;
  if (room < kTile) return 0;
  const int64_t most = room / kTile * kTile, pieces = (args.m + most - 1) / most;
  return ((args.m + pieces - 1) / pieces + kTile - 1) / kTile * kTile;  // Alike, rather than a small one last.
}

// Both products of `rows` rows from `first` on.
struct GatedPiece {
  Product gate, up;

  GatedPiece(const DeviceContext& context, const LinearArgs& args, int64_t first, int64_t rows) {
    const int64_t bytes = static_cast<int64_t>(SizeOf(args.dtype)), n = args.part[0].n;
    LinearArgs piece = args;
    piece.m = std::min(rows, args.m - first);
    piece.x = static_cast<const char*>(args.x) + first * args.k * bytes;
    gate = ProductOf(piece, {.w = args.part[0].w, .y = static_cast<char*>(args.part[0].y) + first * n * bytes, .n = n});
    up = ProductOf(piece, {.w = args.up, .y = context.scratch.data, .n = n});
  }
};

bool LaunchGated(const DeviceContext& context, const LinearArgs& args, int algorithm) {
  const int64_t rows = GatedRows(context, args);
  if (rows == 0) return false;
  for (int64_t first = 0; first < args.m; first += rows) {
    const GatedPiece piece(context, args, first, rows);
    if (!Serves(context, algorithm, piece.gate) || !Serves(context, algorithm, piece.up)) return false;
  }
  for (int64_t first = 0; first < args.m; first += rows) {
    const GatedPiece piece(context, args, first, rows);
    if (!Run(context, algorithm, piece.gate) || !Run(context, algorithm, piece.up)) return false;
    LaunchGatedActivation(context, {.dtype = args.dtype,
                                    .activation = args.activation,
                                    .gate = piece.gate.operands.y,
                                    .up = piece.up.operands.y,
                                    .y = piece.gate.operands.y,
                                    .elements = piece.gate.problem.m * piece.gate.problem.n});
  }
  return true;
}

// Batches that are rows of one matrix become that. Without sizes where matrices do not follow each other evenly.
MatmulProblem ProblemOf(const MatmulArgs& args) {
  const StridedWalk<2>& batch = args.batch;
  MatmulProblem problem = {.dtype = args.dtype,
                           .wide = args.wide,
                           .transposed = args.transposed,
                           .m = args.m,
                           .n = args.n,
                           .k = args.k,
                           .batch = batch.elements};
  if (batch.elements == 1) return problem;
  if (batch.rank > 1) return {};
  problem.a_stride = batch.strides[0][0] * args.m * args.k;
  problem.b_stride = batch.strides[1][0] * args.k * args.n;
  if (batch.strides[0][0] == 1 && problem.b_stride == 0) {
    problem.m *= batch.elements;
    problem.batch = 1;
    problem.a_stride = 0;
  }
  return problem;
}

std::vector<MatmulProblem> LinearProblems(absl::string_view kernel, const KernelArgs& args) {
  const Attributes none;
  const Attributes& attributes = args.attributes == nullptr ? none : *args.attributes;
  const TensorView& x = args.inputs[0];
  MatmulProblem problem = {.dtype = x.dtype, .transposed = true, .m = x.shape[0], .k = x.shape[1]};
  problem.has_bias = attributes.Int("has_bias") != 0;
  problem.has_residual = attributes.Int("has_residual") != 0;
  problem.wide = !args.outputs.empty() && args.outputs[0].dtype != x.dtype;
  if (!HasTrait(kernel, kGated) &&
      !IsPlain(problem.wide, problem.has_bias || problem.has_residual, !attributes.String("activation").empty()))
    return {};
  size_t parts = 1;
  if (kernel == "qkv_rope_cache") parts = 3;
  if (kernel == "linear_group") {
    const size_t operands = args.attributes == nullptr ? args.inputs.size() : WithoutNorm(args).inputs.size();
    parts = (operands - 1) / (problem.has_bias ? 2 : 1);
  }
  std::vector<MatmulProblem> problems;
  for (size_t part = 0; part < parts; ++part) {
    problem.n = args.inputs[1 + part].shape[0];
    if (problem.n > 0) problems.push_back(problem);
  }
  return problems;
}

}  // namespace

bool LaunchLinearByLibrary(const DeviceContext& context, const LinearArgs& args) {
  const int algorithm = AlgorithmOf(args.tuning, args.dtype, args.m);
  if (context.library == nullptr || algorithm < 0) return false;
  if (args.up != nullptr) return LaunchGated(context, args, algorithm);
  std::vector<Product> products;
  for (int i = 0; i < args.parts; ++i) {
    const LinearPart& part = args.part[i];
    if (part.n == 0) continue;
    if (!IsPlain(args.wide, part.bias != nullptr || args.residual != nullptr, args.activates)) return false;
    products.push_back(ProductOf(args, part));
    if (!Serves(context, algorithm, products.back())) return false;
  }
  for (const Product& product : products) {
    if (!Run(context, algorithm, product)) return false;
  }
  return true;
}

bool LaunchMatmulByLibrary(const DeviceContext& context, const MatmulArgs& args, const LinearTuning& tuning) {
  if (context.library == nullptr) return false;
  const Product product = {.problem = ProblemOf(args), .operands = {.a = args.a, .b = args.b, .y = args.y}};
  const int algorithm = AlgorithmOf(tuning, args.dtype, product.problem.m);
  return product.problem.m > kMaxGemvRows && algorithm >= 0 && Serves(context, algorithm, product) &&
         Run(context, algorithm, product);
}

int LibraryAlgorithms(MatmulLibrary& library, absl::string_view kernel, const KernelArgs& args) {
  std::vector<MatmulProblem> problems;
  if (HasTrait(kernel, kProduct)) {
    problems = LinearProblems(kernel, args);
  } else if (kernel == "matmul" && !args.outputs.empty() && args.attributes != nullptr) {
    problems = {ProblemOf(MatmulArgsOf(args))};
  }
  int algorithms = problems.empty() ? 0 : MatmulLibrary::kMaxAlgorithms;
  for (const MatmulProblem& problem : problems) {
    const bool serves = HasSizes(problem) && problem.m > kMaxGemvRows;
    algorithms = serves ? std::min(algorithms, library.Prepare(problem)) : 0;
  }
  return algorithms;
}

}  // namespace metronome::kernels::cuda
