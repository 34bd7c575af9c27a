#ifndef METRONOME_SERVER_MODEL_LOADED_MODEL_H_
#define METRONOME_SERVER_MODEL_LOADED_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "compiler/driver/compile.h"
#include "compiler/frontend/model_config.h"
#include "kernels/base/cancel_token.h"
#include "kernels/interface/backend.h"
#include "runtime/engine/executor.h"
#include "runtime/engine/session.h"
#include "runtime/text/chat/chat_template.h"
#include "runtime/text/tokenizer/tokenizer.h"
#include "runtime/weights/weight_store.h"
#include "server/model/generation_defaults.h"
#include "server/model/model_files.h"
#include "server/model/plan_cache.h"

namespace metronome::server {

// What to load and how. Two equal requests give equal models.
struct ModelRequest {
  std::string model;  // Catalogue key, absolute path of a HuggingFace directory, or repository in its cache.
  std::string dtype = "bfloat16";
  compiler::ExecutionPath path = compiler::ExecutionPath::kCompiled;
  uint64_t seed = 0;          // Of synthetic weights.
  int64_t max_cache_len = 0;  // Positions of a session at most; 0 = the next line or the model's limit, if less.
  int64_t default_max_cache_len = 4096;
  std::string weights = "auto";   // "auto", "synthetic", or a directory or repository.
  int64_t search_iterations = 1;  // Plans to try; 1 = the default plan, untimed.
  int64_t search_trials = 5;      // Timed runs of each.
  int64_t search_keep_best = 3;   // Plans that new ones are bred from.
  int64_t layers = 0;             // The first so many alone; 0 = all.

  friend bool operator==(const ModelRequest&, const ModelRequest&) = default;
};

// Called with a phase ("graph", "compile", "weights", "search", "bind") and the fraction of it that is done.
using LoadProgress = std::function<void(absl::string_view phase, double fraction)>;

struct LoadContext {
  LoadProgress progress;  // Required.
  // Told the bytes that the load has still to take, whenever they change: for those who admit others while it waits.
  std::function<void(int64_t bytes)> reserve = nullptr;
  const CancelToken& token = CancelToken::None();  // Asked between all steps that take long.
  const PlanCache* plan_cache = nullptr;           // Where searched plans are kept; nullptr = nowhere.
  const PathRoots* roots = nullptr;                // What files are read from (RegularFile::Open); nullptr = anywhere.
};

// A compiled model with its weights on a backend. Driven by the engine's thread; the facts below it are immutable.
class LoadedModel {
 public:
  struct Facts {
    std::string plan_hash;
    std::string weights_provenance;
    int64_t parameters = 0;
    int64_t weight_bytes = 0;
    int64_t kv_bytes_per_token = 0;  // Until windowed layers have filled their windows.
    int64_t max_cache_len = 0;
    int64_t max_kv_bytes = 0;  // Of a session of that length.
    int64_t layers = 0;        // Built.
    int64_t model_layers = 0;  // That the model has.
    int64_t vocab_size = 0;
    int64_t kernel_calls = 0;
    double compile_ms = 0;
    double load_ms = 0;
    std::vector<int32_t> eos_token_ids;
    std::optional<runtime::SamplingOptions> sampling_defaults;  // Where they can be had.
    bool plan_cached = false;                                   // The search was made before, maybe by another process.
    std::string tokenizer_error;                                // Why the tokenizer that there is did not load.
  };

  // Memory for weights, one full session and a prefill chunk is checked before anything is allocated.
  // NotFound, InvalidArgument, PermissionDenied (a file outside the roots), Unimplemented, ResourceExhausted (with a
  // MemoryShortage), DataLoss (a file that changes while it is read), Internal; errors of the token.
  // Times among the facts leave out what waiting for the token took.
  static absl::StatusOr<std::unique_ptr<LoadedModel>> Load(kernels::Backend& backend, const ModelRequest& request,
                                                           const LoadContext& context);

  const ModelRequest& request() const { return request_; }
  const Facts& facts() const { return facts_; }
  const compiler::ModelConfig& config() const { return config_; }
  const text::Tokenizer* tokenizer() const { return tokenizer_.get(); }       // nullptr without one.
  const absl::Status& tokenizer_status() const { return tokenizer_status_; }  // Why the one that there is did not load.
  const text::ChatTemplate* chat_template() const { return chat_template_.get(); }  // nullptr without one.
  // How generation_config.json has tokens chosen; GenerationDefaults::sampling says why it does not.
  const absl::StatusOr<runtime::SamplingOptions>& sampling_defaults() const { return sampling_defaults_; }
  kernels::Backend& backend() const { return backend_; }
  const runtime::PlanSet& plans() const { return compiled_.plans; }
  const runtime::Plan& decode_plan() const { return plans()[0].plan; }
  const compiler::CompileReport& compile_report() const { return compiled_.report; }
  runtime::Executor& executor() { return *executor_; }

  // DataLoss naming a file of weights that was changed or truncated, so that what the model computes is not what it was
  // loaded to compute. Takes a system call a file.
  absl::Status CheckUnchanged() const;
  // That, and FailedPrecondition when any of its files is another one by now: loading it again would give another
  // model.
  absl::Status CheckCurrent() const;

  // The model in primitives, as it was compiled. Errors of `token`.
  absl::StatusOr<compiler::Graph> BuildGraph(const CancelToken& token = {}) const;

  // KV cache that a session of so many positions takes.
  int64_t KvBytes(int64_t positions) const;

  // Positions of a session that asks for `max_length`; 0 = max_cache_len. OutOfRange past it, InvalidArgument
  // (negative).
  absl::StatusOr<int64_t> SessionLength(int64_t max_length) const;

  // A session of SessionLength(max_length) positions.
  absl::StatusOr<std::unique_ptr<runtime::Session>> NewSession(int64_t max_length);

 private:
  LoadedModel(kernels::Backend& backend, ModelRequest request, const PathRoots* roots)
      : backend_(backend), request_(std::move(request)), roots_(roots) {}

  absl::Status Resolve(const CancelToken& token);  // Config, weight source, tokenizer.
  // nullopt: the catalogue alone.
  absl::StatusOr<std::optional<ModelFiles>> FindFiles(const compiler::CatalogueEntry* entry);
  absl::Status ReadFiles(const ModelFiles& files, const compiler::CatalogueEntry* entry, const CancelToken& token);
  absl::Status FindWeights(const ModelFiles& files, const CancelToken& token);
  absl::Status CompileDefault(const compiler::Graph& graph, const LoadContext& context);
  absl::Status CheckMemory(const LoadContext& context) const;
  absl::Status LoadWeights(const LoadContext& context);
  absl::Status SearchOrRecall(const compiler::Graph& graph, const LoadContext& context);
  absl::Status Bind(const LoadContext& context);

  kernels::Backend& backend_;
  ModelRequest request_;
  const PathRoots* const roots_;  // Used while loading.
  std::optional<ModelFiles> files_;
  std::vector<std::optional<FileIdentity>> small_files_;  // From before they were read.
  Facts facts_;
  compiler::ModelConfig config_;
  runtime::WeightSource source_;
  std::vector<std::string> notes_;  // For the provenance.
  absl::StatusOr<runtime::SamplingOptions> sampling_defaults_ = GenerationDefaults().sampling;
  std::unique_ptr<text::Tokenizer> tokenizer_;
  absl::Status tokenizer_status_;
  std::unique_ptr<text::ChatTemplate> chat_template_;
  compiler::CompileResult compiled_;
  std::vector<runtime::KvStateSpec> kv_states_;
  std::unique_ptr<runtime::WeightStore> weights_;
  std::unique_ptr<runtime::Executor> executor_;
};

// NotFound for a name that stands for no model, with what looking for its files said.
absl::Status UnknownModelError(absl::string_view model, const absl::Status& why);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_MODEL_LOADED_MODEL_H_
