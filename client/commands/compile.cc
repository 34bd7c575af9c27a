#include "client/commands/compile.h"

#include <cstdio>

#include "client/connection/model_argument.h"
#include "client/render/format.h"
#include "client/render/progress.h"
#include "kernels/base/status_macros.h"
#include "proto/labels/model_label.h"

namespace metronome::client {

absl::StatusOr<v1::ModelInfo> CompileWithProgress(Connection& connection, const CompileOptions& options) {
  v1::CompileRequest request;
  request.set_model(options.model);
  request.set_dtype(options.dtype);
  request.set_path(options.path);
  request.set_weights(options.weights);
  request.set_max_cache_len(options.max_cache_len);
  request.set_search_iterations(static_cast<int32_t>(options.search_iterations));
  request.set_search_trials(static_cast<int32_t>(options.search_trials));
  request.set_search_keep_best(static_cast<int32_t>(options.search_keep_best));
  request.set_layers(static_cast<int32_t>(options.layers));
  request.set_seed(options.seed);
  grpc::ClientContext context;
  const auto reader = connection.inference().Compile(&context, request);
  ProgressDisplay display;
  v1::CompileResponse response;
  v1::ModelInfo model;
  while (reader->Read(&response)) {
    if (response.has_progress())
      display.Update(options.model, response.progress().phase(), response.progress().fraction());
    if (response.has_model()) model = response.model();
  }
  display.Clear();
  RETURN_IF_ERROR(FromGrpcStatus(reader->Finish()));
  return model;
}

absl::Status MakePathsAbsolute(Connection& connection, CompileOptions& options) {
  ASSIGN_OR_RETURN(options.model, ModelArgument(connection, options.model));
  options.weights = WeightsArgument(options.weights);
  return absl::OkStatus();
}

ExitCode CompileModel(const ServerOptions& server, CompileOptions options) {
  const auto connection = Connection::Open(WithModelRoots(server, {options.model, options.weights}));
  if (!connection.ok()) return Report(connection.status());
  if (const absl::Status paths = MakePathsAbsolute(**connection, options); !paths.ok()) return Report(paths);
  const absl::StatusOr<v1::ModelInfo> model = CompileWithProgress(**connection, options);
  if (!model.ok()) return Report(model.status());
  std::printf(
      "%s: %s parameters %lld, weights %s (%s), KV cache %s a token, %s for %lld; plan %s with %d kernel calls\n",
      ModelLabel(*model).c_str(), model->dtype().c_str(), static_cast<long long>(model->parameters()),
      FormatBytes(model->weight_bytes()).c_str(), model->weights_provenance().c_str(),
      FormatBytes(model->kv_bytes_per_token()).c_str(), FormatBytes(model->max_kv_bytes()).c_str(),
      static_cast<long long>(model->max_cache_len()), model->plan_hash().c_str(), model->kernel_calls());
  std::printf("compiled in %s%s, weights ready in %s\n", FormatMilliseconds(model->compile_ms()).c_str(),
              model->plan_cached() ? " (plan from the cache)" : "", FormatMilliseconds(model->load_ms()).c_str());
  if (!model->tokenizer_error().empty()) std::printf("no text: %s\n", model->tokenizer_error().c_str());
  return ExitCode::kOk;
}

}  // namespace metronome::client
