#include "server/service/prompt.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

absl::StatusOr<const text::Tokenizer*> TokenizerOf(const LoadedModel& model) {
  if (!model.tokenizer_status().ok()) {
    return absl::Status(model.tokenizer_status().code(),
                        absl::StrCat("the tokenizer of model '", model.request().model, "' did not load: ",
                                     model.tokenizer_status().message(), "; give token ids or a synthetic prompt"));
  }
  if (model.tokenizer() == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("model '", model.request().model, "' has no tokenizer; give token ids or a synthetic prompt"));
  }
  return model.tokenizer();
}

absl::StatusOr<ResolvedPrompt> ResolveText(const LoadedModel& model, const std::string& text) {
  if (text.empty()) return absl::InvalidArgumentError("the prompt text is empty");
  ASSIGN_OR_RETURN(const text::Tokenizer* tokenizer, TokenizerOf(model));
  ASSIGN_OR_RETURN(const std::vector<int32_t> bare, tokenizer->Encode(text, /*add_special_tokens=*/false));
  ResolvedPrompt resolved = {.requested = static_cast<int64_t>(bare.size())};
  ASSIGN_OR_RETURN(resolved.tokens, tokenizer->Encode(text, /*add_special_tokens=*/true));
  return resolved;
}

absl::StatusOr<ResolvedPrompt> ResolveChat(const LoadedModel& model, const v1::Chat& chat) {
  ASSIGN_OR_RETURN(const text::Tokenizer* tokenizer, TokenizerOf(model));
  if (model.chat_template() == nullptr) {
    return absl::FailedPreconditionError(absl::StrCat("model '", model.request().model, "' has no chat template"));
  }
  text::ChatRequest request = {
      .messages_json = chat.messages_json(), .tools_json = chat.tools_json(), .variables_json = chat.variables_json()};
  for (const v1::ChatMessage& message : chat.messages()) request.turns.push_back({message.role(), message.content()});
  if (chat.has_enable_thinking()) request.enable_thinking = chat.enable_thinking();
  ASSIGN_OR_RETURN(const text::RenderedChat rendered,
                   model.chat_template()->Render(request, {.now = absl::Now(), .time_zone = absl::LocalTimeZone()}));
  ResolvedPrompt resolved;
  for (const std::string& content : rendered.contents) {
    ASSIGN_OR_RETURN(const std::vector<int32_t> bare, tokenizer->Encode(content, /*add_special_tokens=*/false));
    resolved.requested += static_cast<int64_t>(bare.size());
  }
  ASSIGN_OR_RETURN(resolved.tokens, tokenizer->Encode(rendered.text, /*add_special_tokens=*/false));
  return resolved;
}

absl::StatusOr<ResolvedPrompt> ResolveUnchecked(const LoadedModel& model, const v1::Prompt& prompt,
                                                int64_t max_tokens) {
  switch (prompt.kind_case()) {
    case v1::Prompt::kText:
      return ResolveText(model, prompt.text());
    case v1::Prompt::kChat:
      return ResolveChat(model, prompt.chat());
    case v1::Prompt::kTokens:
      return ResolvedPrompt{.tokens = {prompt.tokens().ids().begin(), prompt.tokens().ids().end()},
                            .requested = prompt.tokens().ids_size()};
    case v1::Prompt::kSynthetic: {
      const int64_t count = prompt.synthetic().tokens();
      if (count < 1) return absl::InvalidArgumentError(absl::StrCat("synthetic.tokens is ", count, ", not at least 1"));
      if (count > max_tokens)
        return absl::OutOfRangeError(
            absl::StrCat("synthetic.tokens is ", count, ", more than max_cache_len ", max_tokens));
      return ResolvedPrompt{.tokens = SyntheticTokens(count, prompt.synthetic().seed(), model.facts().vocab_size),
                            .requested = count};
    }
    case v1::Prompt::KIND_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("no prompt: give text, tokens, synthetic or chat");
}

}  // namespace

absl::StatusOr<ResolvedPrompt> ResolvePrompt(const LoadedModel& model, const v1::Prompt& prompt, int64_t max_tokens) {
  ASSIGN_OR_RETURN(ResolvedPrompt resolved, ResolveUnchecked(model, prompt, max_tokens));
  if (resolved.tokens.empty()) return absl::InvalidArgumentError("the prompt is empty");
  if (static_cast<int64_t>(resolved.tokens.size()) > max_tokens) {
    return absl::OutOfRangeError(
        absl::StrCat("the prompt has ", resolved.tokens.size(), " tokens, more than max_cache_len ", max_tokens));
  }
  for (size_t i = 0; i < resolved.tokens.size(); ++i) {
    if (resolved.tokens[i] < 0 || resolved.tokens[i] >= model.facts().vocab_size) {
      return absl::OutOfRangeError(absl::StrCat("token id ", resolved.tokens[i], " at position ", i, " is not in [0, ",
                                                model.facts().vocab_size, ")"));
    }
  }
  return resolved;
}

std::vector<int32_t> SyntheticTokens(int64_t count, uint64_t seed, int64_t vocab) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  uint64_t state = seed;
  for (int32_t& token : tokens) token = static_cast<int32_t>(NextSplitMix64(state) % static_cast<uint64_t>(vocab));
  return tokens;
}

}  // namespace metronome::server
