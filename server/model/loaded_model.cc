#include "server/model/loaded_model.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/driver/search_plans.h"
#include "compiler/frontend/catalogue.h"
#include "compiler/frontend/decoder.h"
#include "compiler/frontend/hf_config.h"
#include "kernels/base/clock.h"
#include "kernels/base/memory_shortage.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/regular_file.h"
#include "runtime/weights/tied_head.h"
#include "server/model/generation_defaults.h"
#include "spdlog/spdlog.h"

namespace metronome::server {
namespace {

constexpr int64_t kMaxGenerationConfigBytes = int64_t{1} << 20;

// Stands still while the token lets others work.
class Stopwatch {
 public:
  explicit Stopwatch(const CancelToken& token) : token_(token), start_ns_(NowNs()) {}
  double Milliseconds() const { return static_cast<double>(NowNs() - start_ns_) * 1e-6; }

 private:
  int64_t NowNs() const { return Clock::Real().MonotonicNs() - token_.waited_ns(); }

  const CancelToken& token_;
  const int64_t start_ns_;
};

absl::StatusOr<kernels::DType> ParseModelDType(const std::string& name) {
  const std::optional<kernels::DType> dtype = kernels::ParseDType(name);
  if (!dtype.has_value() || !kernels::IsFloat(*dtype)) {
    return absl::InvalidArgumentError(absl::StrCat("dtype is '", name, "', not float32, bfloat16 or float16"));
  }
  return *dtype;
}

}  // namespace

absl::Status UnknownModelError(absl::string_view model, const absl::Status& why) {
  return absl::NotFoundError(absl::StrCat("model '", model,
                                          "' is neither in the catalogue nor a directory on the server",
                                          " nor a repository in its cache: ", why.message()));
}

absl::StatusOr<std::unique_ptr<LoadedModel>> LoadedModel::Load(kernels::Backend& backend, const ModelRequest& request,
                                                               const LoadContext& context) {
  auto model = std::unique_ptr<LoadedModel>(new LoadedModel(backend, request, context.roots));
  RETURN_IF_ERROR(model->Resolve(context.token));
  context.progress("graph", 0);
  ASSIGN_OR_RETURN(const compiler::Graph graph, model->BuildGraph(context.token));
  RETURN_IF_ERROR(model->CompileDefault(graph, context));
  RETURN_IF_ERROR(model->CheckMemory(context));
  RETURN_IF_ERROR(model->LoadWeights(context));
  RETURN_IF_ERROR(model->SearchOrRecall(graph, context));
  RETURN_IF_ERROR(model->Bind(context));
  RETURN_IF_ERROR(model->CheckUnchanged());
  return model;
}

absl::Status LoadedModel::CheckUnchanged() const { return weights_->CheckUnchanged(); }

absl::Status LoadedModel::CheckCurrent() const {
  RETURN_IF_ERROR(weights_->CheckCurrent());
  if (!files_.has_value() || files_->SmallFiles() == small_files_) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("files in ", files_->directory, " changed since they were read"));
}

absl::StatusOr<std::optional<ModelFiles>> LoadedModel::FindFiles(const compiler::CatalogueEntry* entry) {
  if (request_.weights != "auto" && request_.weights != "synthetic") return LocateModel(request_.weights, roots_);
  if (entry == nullptr) {
    absl::StatusOr<ModelFiles> files = LocateModel(request_.model, roots_);
    if (absl::IsNotFound(files.status())) return UnknownModelError(request_.model, files.status());
    return files;
  }
  if (request_.weights == "synthetic") return std::nullopt;
  CachedModel cached = FindCachedModel(*entry, roots_);
  notes_ = std::move(cached.notes);
  return std::move(cached.files);
}

absl::Status LoadedModel::Resolve(const CancelToken& token) {
  const compiler::CatalogueEntry* entry = compiler::FindModel(request_.model);
  ASSIGN_OR_RETURN(files_, FindFiles(entry));
  if (files_.has_value()) {
    small_files_ = files_->SmallFiles();
    RETURN_IF_ERROR(ReadFiles(*files_, entry, token));
  } else {
    ASSIGN_OR_RETURN(config_, compiler::ParseHfConfig(entry->config));
  }
  if (files_.has_value() && request_.weights != "synthetic") {
    RETURN_IF_ERROR(FindWeights(*files_, token));
  } else {
    source_ = runtime::SyntheticWeights{request_.seed};
  }

  facts_.eos_token_ids = config_.eos_token_ids;
  if (sampling_defaults_.ok()) facts_.sampling_defaults = *sampling_defaults_;
  facts_.model_layers = static_cast<int64_t>(config_.layers.size());
  if (request_.layers < 0 || request_.layers > facts_.model_layers) {
    return absl::InvalidArgumentError(absl::StrCat("layers is ", request_.layers, ", not in [1, ", facts_.model_layers,
                                                   "], those of ", request_.model));
  }
  if (request_.layers > 0) config_.layers.resize(static_cast<size_t>(request_.layers));
  facts_.layers = static_cast<int64_t>(config_.layers.size());

  const int64_t limit = config_.max_position_embeddings;
  facts_.max_cache_len =
      request_.max_cache_len == 0 ? std::min(request_.default_max_cache_len, limit) : request_.max_cache_len;
  if (facts_.max_cache_len < 1)
    return absl::InvalidArgumentError(absl::StrCat("max_cache_len is ", request_.max_cache_len, ", not at least 1"));
  if (facts_.max_cache_len > limit) {
    return absl::OutOfRangeError(
        absl::StrCat("max_cache_len ", facts_.max_cache_len, " exceeds the ", limit, " positions of ", request_.model));
  }
  return absl::OkStatus();
}

absl::Status LoadedModel::ReadFiles(const ModelFiles& files, const compiler::CatalogueEntry* entry,
                                    const CancelToken& token) {
  ASSIGN_OR_RETURN(config_, compiler::ReadHfConfig(absl::StrCat(files.directory, "/config.json"), roots_));
  if (entry != nullptr) {
    if (const absl::Status same = CheckSameShapes(config_, *entry); !same.ok())
      return absl::InvalidArgumentError(absl::StrCat(files.directory, "/config.json: ", same.message()));
  }
  if (files.has("tokenizer.json")) {
    // Ids and synthetic prompts need none, so that one that does not load leaves the model to them.
    absl::StatusOr<std::unique_ptr<text::Tokenizer>> tokenizer =
        text::Tokenizer::FromDirectory(files.directory, roots_, token);
    RETURN_IF_ERROR(token.Check());  // Else it may be why.
    if (tokenizer.ok()) tokenizer_ = *std::move(tokenizer);
    tokenizer_status_ = tokenizer.status();
    facts_.tokenizer_error = std::string(tokenizer_status_.message());
    ASSIGN_OR_RETURN(chat_template_, text::ChatTemplate::FromDirectory(files.directory, roots_));
  }
  if (!files.has("generation_config.json")) return absl::OkStatus();
  const std::string path = absl::StrCat(files.directory, "/generation_config.json");
  ASSIGN_OR_RETURN(const std::string text, ReadRegularFile(path, kMaxGenerationConfigBytes, roots_));
  absl::StatusOr<GenerationDefaults> defaults = ParseGenerationDefaults(text);
  if (!defaults.ok())
    return absl::Status(defaults.status().code(), absl::StrCat(files.directory, "/", defaults.status().message()));
  sampling_defaults_ = std::move(defaults->sampling);
  if (defaults->eos_token_ids.has_value()) config_.eos_token_ids = *std::move(defaults->eos_token_ids);
  return absl::OkStatus();
}

absl::Status LoadedModel::FindWeights(const ModelFiles& files, const CancelToken& token) {
  runtime::CheckpointDirectory source = {
      .path = files.directory,
      .naming = config_.wrapped ? runtime::TensorNaming::kWrapped : runtime::TensorNaming::kText,
      .name = files.name};
  ASSIGN_OR_RETURN(source.files, runtime::FindCheckpointFiles(files.directory, files.has, roots_));
  if (config_.tied_head) {
    ASSIGN_OR_RETURN(const kernels::DType dtype, ParseModelDType(request_.dtype));
    ASSIGN_OR_RETURN(const auto directory, runtime::SafetensorsDirectory::Open(*source.files, token));
    ASSIGN_OR_RETURN(const runtime::StoredHead head,
                     runtime::CompareStoredHead(*directory, source.naming, dtype, backend_.Describe().threads, token));
    source.table_is_head = head == runtime::StoredHead::kAlone;
    config_.tied_head = head != runtime::StoredHead::kDifferent;
    if (!config_.tied_head) notes_.push_back("its head is not its embedding table, though config.json says so");
  }
  source_ = std::move(source);
  return absl::OkStatus();
}

absl::StatusOr<compiler::Graph> LoadedModel::BuildGraph(const CancelToken& token) const {
  ASSIGN_OR_RETURN(const kernels::DType dtype, ParseModelDType(request_.dtype));
  return compiler::BuildDecoder(config_, dtype, token);
}

absl::Status LoadedModel::CompileDefault(const compiler::Graph& graph, const LoadContext& context) {
  const Stopwatch stopwatch(context.token);
  context.progress("compile", 0);
  ASSIGN_OR_RETURN(compiled_, compiler::Compile(graph, request_.path, context.token));
  facts_.vocab_size = config_.vocab;
  const std::vector<runtime::WeightSpec> specs = runtime::WeightSpecsOf(decode_plan());
  for (const runtime::WeightSpec& spec : specs) facts_.parameters += spec.shape.elements();
  facts_.weight_bytes = runtime::WeightBytes(specs);
  kv_states_ = runtime::KvStateSpecsOf(plans());
  facts_.kv_bytes_per_token = KvBytes(1);
  facts_.max_kv_bytes = KvBytes(facts_.max_cache_len);
  facts_.compile_ms = stopwatch.Milliseconds();
  context.progress("compile", 1);
  return absl::OkStatus();
}

absl::Status LoadedModel::CheckMemory(const LoadContext& context) const {
  const int64_t chunk = std::min(runtime::kPrefillChunk, facts_.max_cache_len);
  const int64_t past = request_.path == compiler::ExecutionPath::kEager ? facts_.max_cache_len - chunk : 0;
  const int64_t needed = facts_.weight_bytes + facts_.max_kv_bytes +
                         runtime::PlanMemory(decode_plan(), {.seq = chunk, .past = past}).arena_bytes;
  const int64_t available = backend_.MemoryAvailableBytes();
  if (needed <= available) {
    if (context.reserve != nullptr) context.reserve(needed);
    return absl::OkStatus();
  }
  return MemoryShortageError(absl::StrCat("weights, cache and activations of ", request_.model),
                             {.bytes_needed = needed, .bytes_available = available});
}

absl::Status LoadedModel::LoadWeights(const LoadContext& context) {
  const Stopwatch stopwatch(context.token);
  runtime::WeightLoadOptions options = {.threads = backend_.Describe().threads};
  options.token = &context.token;
  options.on_progress = [&](double fraction) {
    context.progress("weights", fraction);
    const auto loaded = static_cast<int64_t>(fraction * static_cast<double>(facts_.weight_bytes));
    if (context.reserve != nullptr) context.reserve(facts_.weight_bytes - loaded + facts_.max_kv_bytes);
  };
  ASSIGN_OR_RETURN(weights_,
                   runtime::WeightStore::Load(backend_, runtime::WeightSpecsOf(decode_plan()), source_, options));
  facts_.weights_provenance = weights_->provenance();
  if (!notes_.empty()) absl::StrAppend(&facts_.weights_provenance, " (", absl::StrJoin(notes_, "; "), ")");
  facts_.load_ms = stopwatch.Milliseconds();
  return absl::OkStatus();
}

absl::Status LoadedModel::SearchOrRecall(const compiler::Graph& graph, const LoadContext& context) {
  if (request_.path == compiler::ExecutionPath::kEager || request_.search_iterations <= 1) return absl::OkStatus();
  const Stopwatch stopwatch(context.token);
  context.progress("search", 0);
  const compiler::PlanSearchOptions options = {
      .budget = request_.search_iterations,
      .seed = request_.seed,
      .trials = request_.search_trials,
      .keep_best = request_.search_keep_best,
      .max_seq = std::min(runtime::kPrefillChunk, facts_.max_cache_len),
      .max_past = std::min<int64_t>(256, facts_.max_cache_len - 1),
      .token = &context.token,
      .progress = [&](double fraction) { context.progress("search", fraction); }};
  const std::string key = PlanCache::Key(backend_, graph, options);
  std::optional<CachedPlans> cached;
  if (context.plan_cache != nullptr) cached = context.plan_cache->Find(key);
  if (cached.has_value()) {
    compiled_.plans = std::move(cached->plans);
    compiled_.report = std::move(cached->report);
    facts_.plan_cached = true;
  } else {
    const absl::Status searched = compiler::SearchPlans(backend_, *weights_, options, compiled_);
    // The model itself fits: its default plan serves, and the next compile may find more room.
    if (absl::IsResourceExhausted(searched)) {
      spdlog::warn("{}: no memory to search for plans in, the default serves: {}", request_.model,
                   std::string(searched.message()));
    } else {
      RETURN_IF_ERROR(searched);
      if (context.plan_cache != nullptr) context.plan_cache->Store(key, compiled_.plans, compiled_.report);
    }
  }
  facts_.compile_ms += stopwatch.Milliseconds();
  context.progress("search", 1);
  return absl::OkStatus();
}

absl::Status LoadedModel::Bind(const LoadContext& context) {
  context.progress("bind", 0);
  compiled_.optimised = {};  // Only the search needed it.
  kv_states_ = runtime::KvStateSpecsOf(plans());
  facts_.max_kv_bytes = KvBytes(facts_.max_cache_len);
  facts_.plan_hash = runtime::Hash(plans());
  facts_.kernel_calls = static_cast<int64_t>(decode_plan().calls.size());
  const runtime::LaunchMode mode =
      request_.path == compiler::ExecutionPath::kGraph ? runtime::LaunchMode::kGraph : runtime::LaunchMode::kInOrder;
  ASSIGN_OR_RETURN(executor_, runtime::Executor::Create(backend_, plans(), *weights_, mode, context.token));
  context.progress("bind", 1);
  return absl::OkStatus();
}

int64_t LoadedModel::KvBytes(int64_t positions) const {
  return runtime::KvCache::BytesFor(kv_states_, positions, std::min(runtime::kPrefillChunk, positions));
}

absl::StatusOr<int64_t> LoadedModel::SessionLength(int64_t max_length) const {
  const int64_t length = max_length == 0 ? facts_.max_cache_len : max_length;
  if (length < 0) return absl::InvalidArgumentError(absl::StrCat("max_cache_len is ", length, ", not at least 1"));
  if (length > facts_.max_cache_len) {
    return absl::OutOfRangeError(absl::StrCat("max_cache_len ", length, " exceeds the ", facts_.max_cache_len, " that ",
                                              request_.model, " was compiled with"));
  }
  return length;
}

absl::StatusOr<std::unique_ptr<runtime::Session>> LoadedModel::NewSession(int64_t max_length) {
  ASSIGN_OR_RETURN(const int64_t length, SessionLength(max_length));
  const runtime::KvCacheLimits limits = {.max_length = length, .max_step = std::min(runtime::kPrefillChunk, length)};
  ASSIGN_OR_RETURN(std::unique_ptr<runtime::KvCache> cache, runtime::KvCache::Create(backend_, kv_states_, limits));
  return std::make_unique<runtime::Session>(*executor_, std::move(cache));
}

}  // namespace metronome::server
