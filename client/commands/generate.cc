#include <cstdio>

#include "absl/strings/escaping.h"
#include "client/commands/chat.h"
#include "client/commands/commands.h"
#include "client/commands/compile.h"
#include "client/connection/model_argument.h"
#include "client/render/format.h"
#include "proto/labels/model_label.h"

namespace metronome::client {
namespace {

absl::StatusOr<v1::GenerateRequest> RequestFor(const GenerateOptions& options) {
  v1::GenerateRequest request;
  request.set_model(options.compile.model);
  request.set_max_tokens(options.max_tokens);
  request.set_stop_at_eos(options.stop_at_eos);
  request.set_tokens_at_once(options.tokens_at_once);
  *request.mutable_sampling() = options.sampling;
  for (const int32_t id : options.stop_token_ids) request.add_stop_token_ids(id);
  v1::Prompt& prompt = *request.mutable_prompt();
  if (options.prompt_tokens != 0) {
    prompt.mutable_synthetic()->set_tokens(options.prompt_tokens);
    prompt.mutable_synthetic()->set_seed(options.compile.seed);
  } else if (options.chat) {
    absl::StatusOr<v1::Chat> chat = ChatOf({.system = options.system,
                                            .user = options.prompt,
                                            .messages_file = options.messages_file,
                                            .tools_file = options.tools_file,
                                            .variables = options.chat_variables});
    if (!chat.ok()) return chat.status();
    *prompt.mutable_chat() = *std::move(chat);
  } else {
    prompt.set_text(options.prompt);
  }
  return request;
}

// A line of its own, with what else was likely.
void PrintWithLogProbs(const v1::Token& token) {
  std::printf("%8d %9.4f  \"%s\"", token.id(), token.logprob(), absl::CHexEscape(token.text()).c_str());
  for (const v1::TokenLogProb& likely : token.top_logprobs())
    std::printf("  %d %.4f \"%s\"", likely.id(), likely.logprob(), absl::CHexEscape(likely.text()).c_str());
  std::printf("\n");
}

void PrintToken(const v1::Token& token, bool has_tokenizer) {
  if (token.has_logprob()) {
    PrintWithLogProbs(token);
  } else if (has_tokenizer) {
    std::fputs(token.text().c_str(), stdout);
  } else {
    std::printf("%d ", token.id());
  }
  std::fflush(stdout);
}

}  // namespace

ExitCode GenerateText(const ServerOptions& server, GenerateOptions options) {
  const auto connection = Connection::Open(WithModelRoots(server, {options.compile.model, options.compile.weights}));
  if (!connection.ok()) return Report(connection.status());
  if (const absl::Status paths = MakePathsAbsolute(**connection, options.compile); !paths.ok()) return Report(paths);
  const absl::StatusOr<v1::GenerateRequest> request = RequestFor(options);
  if (!request.ok()) return Report(request.status());
  const absl::StatusOr<v1::ModelInfo> model = CompileWithProgress(**connection, options.compile);
  if (!model.ok()) return Report(model.status());
  grpc::ClientContext context;
  const auto reader = (*connection)->inference().Generate(&context, *request);
  v1::DecodeResponse response;
  v1::DecodeSummary summary;
  while (reader->Read(&response)) {
    if (response.has_token()) PrintToken(response.token(), model->has_tokenizer());
    if (response.has_summary()) summary = response.summary();
  }
  std::printf("\n");
  if (const absl::Status status = FromGrpcStatus(reader->Finish()); !status.ok()) return Report(status);
  std::fprintf(stderr, "%s: %lld tokens (%s), TTFT %s, TPOT %s\n", ModelLabel(*model).c_str(),
               static_cast<long long>(summary.tokens()), summary.finish_reason().c_str(),
               FormatMilliseconds(summary.ttft_ms()).c_str(), FormatMilliseconds(summary.tpot_ms()).c_str());
  return ExitCode::kOk;
}

}  // namespace metronome::client
