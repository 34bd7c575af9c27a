#include "kernels/cuda/products/library/cublaslt.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/device/library_search.h"
#include "kernels/cuda/products/library/cublaslt_functions.h"
#include "kernels/cuda/products/library/cublaslt_product.h"

namespace metronome::kernels::cuda {
namespace {

// A problem's descriptors take about a kilobyte, and prompts of every length bring a few new ones.
constexpr size_t kMaxProblems = 4096;

class CublasLt final : public MatmulLibrary {
 public:
  explicit CublasLt(const CublasLtFunctions& functions) : functions_(functions) {}
  ~CublasLt() override {
    problems_.clear();
    if (preference_ != nullptr) functions_.preference_destroy(preference_);
    if (handle_ != nullptr) functions_.destroy(handle_);
  }

  absl::Status Start() {
    RETURN_IF_ERROR(functions_.Check(functions_.create(&handle_), "cublasLtCreate"));
    RETURN_IF_ERROR(functions_.Check(functions_.preference_create(&preference_), "cublasLtMatmulPreferenceCreate"));
    const uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    RETURN_IF_ERROR(Prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, reductions));
    const uint32_t alignment = kAlignment;
    for (const auto operand : {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
                               CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      RETURN_IF_ERROR(Prefer(operand, alignment));
    return absl::OkStatus();
  }

  std::string Describe() const override {
    const size_t version = functions_.version();
    return absl::StrCat("cuBLASLt ", version / 10000, ".", version / 100 % 100, ".", version % 100);
  }

  void SetWorkspace(const Scratch& workspace) override {
    const auto bytes = static_cast<uint64_t>(workspace.bytes);
    if (Prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, bytes).ok()) workspace_ = workspace;
  }

  int Prepare(const MatmulProblem& problem) override {
    if (const auto found = problems_.find(problem); found != problems_.end()) return found->second.Count();
    if (problems_.size() == kMaxProblems) problems_.clear();
    return problems_.emplace(problem, AskHeuristics(problem)).first->second.Count();
  }
  int Prepared(const MatmulProblem& problem) const override {
    const auto found = problems_.find(problem);
    return found == problems_.end() ? 0 : found->second.Count();
  }

  bool Run(CUstream_st* stream, const MatmulProblem& problem, int algorithm, const MatmulOperands& operands) override {
    const auto found = problems_.find(problem);
    if (found == problems_.end() || algorithm < 0 || algorithm >= found->second.Count()) return false;
    const Plan& plan = found->second;
    if (problem.has_bias && !plan.product->SetBias(operands.bias).ok()) return false;
    // Without a residual the output's old contents count 0 times, which cuBLASLt takes as not reading them.
    const float one = 1, addend = problem.has_residual ? 1 : 0;
    const CublasLtProduct& product = *plan.product;
    return functions_.matmul(handle_, product.operation(), &one, operands.b, product.first(), operands.a,
                             product.second(), &addend, problem.has_residual ? operands.residual : operands.y,
                             product.output(), operands.y, product.output(), &plan.algorithms[algorithm],
                             workspace_.data, static_cast<size_t>(workspace_.bytes), stream) == CUBLAS_STATUS_SUCCESS;
  }

 private:
  struct Plan {
    std::unique_ptr<CublasLtProduct> product;
    std::vector<cublasLtMatmulAlgo_t> algorithms;
    int Count() const { return static_cast<int>(algorithms.size()); }
  };

  template <typename Value>
  absl::Status Prefer(cublasLtMatmulPreferenceAttributes_t attribute, const Value& value) {
    return functions_.Check(functions_.preference_set(preference_, attribute, &value, sizeof(value)),
                            "cublasLtMatmulPreferenceSetAttribute");
  }

  // Without algorithms where cuBLASLt knows none.
  Plan AskHeuristics(const MatmulProblem& problem) const {
    absl::StatusOr<std::unique_ptr<CublasLtProduct>> created = CublasLtProduct::Create(functions_, problem);
    if (!created.ok()) return {};
    Plan plan = {.product = *std::move(created), .algorithms = {}};
    const CublasLtProduct& product = *plan.product;
    cublasLtMatmulHeuristicResult_t results[kMaxAlgorithms] = {};
    int count = 0;
    if (functions_.heuristic(handle_, product.operation(), product.first(), product.second(), product.output(),
                             product.output(), preference_, kMaxAlgorithms, results, &count) != CUBLAS_STATUS_SUCCESS)
      return {};
    for (int i = 0; i < count; ++i) {
      if (results[i].state == CUBLAS_STATUS_SUCCESS) plan.algorithms.push_back(results[i].algo);
    }
    return plan;
  }

  const CublasLtFunctions functions_;
  cublasLtHandle_t handle_ = nullptr;
  cublasLtMatmulPreference_t preference_ = nullptr;
  Scratch workspace_;
  std::map<MatmulProblem, Plan> problems_;
};

absl::Status NoCublasLt(absl::string_view reason) {
  return absl::FailedPreconditionError(absl::StrCat("no cuBLASLt: ", reason));
}

}  // namespace

absl::StatusOr<std::unique_ptr<MatmulLibrary>> OpenCublasLt(absl::Span<const std::string> candidates) {
  std::string reason;  // Of the first, where the loader has looked everywhere.
  for (const std::string& candidate : candidates) {
    const absl::StatusOr<CublasLtFunctions> functions = LoadCublasLt(candidate);
    if (absl::IsNotFound(functions.status())) {
      if (reason.empty()) reason = std::string(functions.status().message());
      continue;
    }
    if (!functions.ok()) return NoCublasLt(functions.status().message());
    auto library = std::make_unique<CublasLt>(*functions);
    const absl::Status started = library->Start();
    if (started.ok()) return library;
    return NoCublasLt(absl::StrCat(candidate, ": ", started.message()));
  }
  return NoCublasLt(reason);
}

std::vector<std::string> CublasLtCandidates() {
  std::vector<std::string> candidates = CudaLibraryCandidates("libcublasLt.so.13");
  for (std::string& older : CudaLibraryCandidates("libcublasLt.so.12")) candidates.push_back(std::move(older));
  return candidates;
}

}  // namespace metronome::kernels::cuda
