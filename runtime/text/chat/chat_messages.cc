#include "runtime/text/chat/chat_messages.h"

#include <algorithm>
#include <iterator>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/jinja/text/unicode.h"

namespace metronome::text {
namespace {

using jinja::Dict;
using jinja::Kind;
using jinja::Value;

constexpr absl::string_view kReasoning[] = {"reasoning_content", "thinking", "reasoning"};
constexpr absl::string_view kMark = "CONTINUE_FINAL_MESSAGE_TAG ";

Dict WithReasoning(const Dict& message) {
  const Value* reasoning = nullptr;
  for (const absl::string_view name : kReasoning) {
    if (reasoning == nullptr) reasoning = message.Find(name);
  }
  if (reasoning == nullptr) return message;
  Dict aliased;
  aliased.Set("thinking", *reasoning);
  for (const auto& [key, value] : message.entries()) aliased.Set(key.text(), value);
  aliased.Set("reasoning_content", *reasoning);
  return aliased;
}

Value Marked(absl::string_view text) { return Value::Text(absl::StrCat(text, kMark)); }

Value ListOf(std::vector<Value> items) {
  auto list = std::make_shared<jinja::ListBody>();
  for (const Value& item : items) list->nesting = std::max(list->nesting, item.nesting() + 1);
  list->items = std::move(items);
  return Value(std::shared_ptr<const jinja::ListBody>(std::move(list)));
}

}  // namespace

absl::StatusOr<std::vector<Dict>> NormalMessages(const Value& messages) {
  if (messages.kind() != Kind::kList) return absl::InvalidArgumentError("the messages are not an array");
  std::vector<Dict> normal;
  for (const Value& message : messages.items()) {
    if (!message.is_dict())
      return absl::InvalidArgumentError(absl::StrCat("message ", normal.size(), " is not an object"));
    Dict kept;
    for (const auto& [key, value] : message.dict().entries())
      if (!value.is_none()) kept.Set(key.text(), value);
    normal.push_back(WithReasoning(kept));
  }
  if (normal.empty()) return absl::InvalidArgumentError("the chat has no messages");
  return normal;
}

std::vector<std::string> ContentsOf(const std::vector<Dict>& messages) {
  std::vector<std::string> contents;
  for (const Dict& message : messages) {
    const Value* content = message.Find("content");
    if (content == nullptr) continue;
    if (content->is_text()) contents.emplace_back(content->text());
    if (content->kind() != Kind::kList) continue;
    for (const Value& part : content->items()) {
      const Value* text = part.is_dict() ? part.dict().Find("text") : nullptr;
      if (text != nullptr && text->is_text()) contents.emplace_back(text->text());
    }
  }
  return contents;
}

absl::StatusOr<FinalMessage> FinalMessage::Mark(std::vector<Dict>& messages, const std::string& field,
                                                absl::string_view source) {
  Dict& last = messages.back();
  const Value* found = last.Find(field);
  if (found == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("continue_final_message is set but the final message has no \"", field, "\" to continue"));
  }
  const Value content = *found;
  std::vector<std::string> fields = {field};
  if (std::find(std::begin(kReasoning), std::end(kReasoning), field) != std::end(kReasoning)) {
    fields.clear();
    for (const absl::string_view name : kReasoning) {
      const Value* alias = last.Find(name);
      if (alias != nullptr && alias->IsSame(content)) fields.emplace_back(name);
    }
  }
  if (std::none_of(fields.begin(), fields.end(),
                   [&](const std::string& name) { return absl::StrContains(source, name); })) {
    return absl::InvalidArgumentError(
        absl::StrCat("continue_final_message is set to \"", field, "\", which the chat template does not read"));
  }
  FinalMessage final_message;
  if (content.kind() == Kind::kList) {
    std::vector<Value> parts = content.items();
    const auto part = std::find_if(parts.rbegin(), parts.rend(), [](const Value& p) {
      return p.is_dict() && p.dict().Find("text") != nullptr && p.dict().Find("text")->is_text();
    });
    if (part == parts.rend())
      return absl::InvalidArgumentError("continue_final_message is set but the final message has no text to continue");
    Dict marked = part->dict();
    final_message.content_ = std::string(marked.Find("text")->text());
    marked.Set("text", Marked(final_message.content_));
    *part = Value(std::shared_ptr<const Dict>(std::make_shared<Dict>(std::move(marked))));
    last.Set(field, ListOf(std::move(parts)));
    return final_message;
  }
  if (!content.is_text()) return absl::InvalidArgumentError("continue_final_message is set but its field is not text");
  final_message.content_ = std::string(content.text());
  for (const std::string& name : fields) last.Set(name, Marked(content.text()));
  return final_message;
}

absl::StatusOr<std::string> FinalMessage::Cut(const std::string& rendered) const {
  const absl::string_view mark = kMark.substr(0, kMark.size() - 1);
  const size_t at = rendered.rfind(std::string(mark));
  const absl::string_view text = jinja::StripSpace(content_, true, true);
  if (at == std::string::npos || !absl::StrContains(rendered, text)) {
    return absl::InvalidArgumentError(
        "continue_final_message is set but the chat template does not print the final message as it is");
  }
  const absl::string_view kept = absl::string_view(rendered).substr(0, at);
  // A template that trims the message has trimmed the mark's own space, and would have trimmed the message's.
  if (rendered.compare(at, kMark.size(), kMark.data(), kMark.size()) == 0) return std::string(kept);
  return std::string(jinja::StripSpace(kept, false, true));
}

}  // namespace metronome::text
