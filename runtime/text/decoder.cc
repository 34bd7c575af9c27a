#include "runtime/text/decoder.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/normalizer.h"
#include "runtime/text/pattern.h"
#include "runtime/text/utf8.h"

namespace metronome {
namespace {

// Joins with spaces.
class SpacedStage final : public DecodeStage {
 public:
  void Push(std::string token, const Next& next) override {
    next(first_ ? std::move(token) : absl::StrCat(" ", token));
    first_ = false;
  }

 private:
  bool first_ = true;
};

// GPT-2's characters become bytes, and bytes that are no UTF-8 become U+FFFD.
class ByteLevelStage final : public DecodeStage {
 public:
  void Push(std::string token, const Next& next) override {
    AppendAlphabetAsBytes(token, bytes_);
    const size_t settled = bytes_.size() - UnfinishedUtf8Suffix(bytes_);
    if (settled == 0) return;
    next(ToUtf8Lossy(absl::string_view(bytes_).substr(0, settled)));
    bytes_.erase(0, settled);
  }
  void Finish(const Next& next) override {
    if (!bytes_.empty()) next(ToUtf8Lossy(bytes_));
  }

 private:
  std::string bytes_;  // The start of a character.
};

// The byte that "<0xNN>" stands for, -1 for any other token. Like the parser of HuggingFace's, takes "+N" for a number.
int ByteOf(const std::string& token) {
  if (token.size() != 6 || !absl::StartsWith(token, "<0x") || token[5] != '>') return -1;
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  const int high = token[3] == '+' ? 0 : digit(token[3]), low = digit(token[4]);
  return high < 0 || low < 0 ? -1 : 16 * high + low;
}

// A run of byte tokens becomes its text, or one U+FFFD a byte if it is no UTF-8; which one, only its end tells.
class ByteFallbackStage final : public DecodeStage {
 public:
  void Push(std::string token, const Next& next) override {
    const int byte = ByteOf(token);
    if (byte >= 0) {
      bytes_ += static_cast<char>(byte);
      return;
    }
    Finish(next);
    next(std::move(token));
  }
  void Finish(const Next& next) override {
    if (IsUtf8(bytes_)) {
      if (!bytes_.empty()) next(bytes_);
    } else {
      for (size_t i = 0; i < bytes_.size(); ++i) next(std::string(kReplacementCharacter));
    }
    bytes_.clear();
  }

 private:
  std::string bytes_;
};

class ReplaceStage final : public DecodeStage {
 public:
  ReplaceStage(Pattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}

  void Push(std::string token, const Next& next) override {
    std::string replaced;
    // A pattern that hits its match limit on a token leaves the token as it is.
    next(ReplaceAll(pattern_, content_, token, replaced).ok() ? std::move(replaced) : std::move(token));
  }

 private:
  Pattern pattern_;
  std::string content_;
};

struct StripLimits {
  std::string content;  // One character.
  int32_t start = 0;    // How many of it at most go from the front of a token.
  int32_t stop = 0;     // And from its end.
};

void StripFront(absl::string_view& text, const std::string& content, int32_t& left) {
  for (; left > 0 && absl::StartsWith(text, content); --left) text.remove_prefix(content.size());
}

class StripTokenStage final : public DecodeStage {
 public:
  explicit StripTokenStage(StripLimits limits) : limits_(std::move(limits)) {}

  void Push(std::string token, const Next& next) override {
    absl::string_view text = token;
    int32_t left = limits_.start;
    StripFront(text, limits_.content, left);
    for (int32_t i = 0; i < limits_.stop && absl::EndsWith(text, limits_.content); ++i)
      text.remove_suffix(limits_.content.size());
    next(std::string(text));
  }

 private:
  StripLimits limits_;
};

// The same where all tokens are one.
class StripTextStage final : public DecodeStage {
 public:
  explicit StripTextStage(StripLimits limits) : limits_(std::move(limits)), left_(limits_.start) {}

  void Push(std::string token, const Next& next) override {
    absl::string_view text = token;
    StripFront(text, limits_.content, left_);
    if (text.empty()) return;
    left_ = 0;
    std::string pending = std::exchange(held_, "");
    absl::StrAppend(&pending, text);
    size_t settled = pending.size();
    for (int32_t i = 0;
         i < limits_.stop && absl::EndsWith(absl::string_view(pending).substr(0, settled), limits_.content); ++i) {
      settled -= limits_.content.size();
    }
    held_ = pending.substr(settled);
    pending.resize(settled);
    next(std::move(pending));
  }

 private:
  StripLimits limits_;
  int32_t left_;      // How many may still go from the front.
  std::string held_;  // What goes if the text ends here.
};

}  // namespace

absl::Status Decoder::AddReplace(const JsonNode& node) {
  ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(node["pattern"]));
  ASSIGN_OR_RETURN(std::string content, node["content"].Text());
  if (fused_ && (pattern.literal().empty() || Utf8CharacterSize(pattern.literal()) != pattern.literal().size())) {
    return absl::UnimplementedError(
        absl::StrCat(node.path(), " replaces more than a single character after the tokens are fused"));
  }
  makers_.push_back([pattern, content] { return std::make_unique<ReplaceStage>(pattern, content); });
  return absl::OkStatus();
}

absl::Status Decoder::AddStrip(const JsonNode& node) {
  StripLimits limits;
  ASSIGN_OR_RETURN(limits.content, node["content"].Text());
  if (limits.content.empty() || Utf8CharacterSize(limits.content) != limits.content.size())
    return node["content"].Invalid("is not one character");
  for (const auto& [key, limit] : {std::make_pair("start", &limits.start), std::make_pair("stop", &limits.stop)}) {
    const nlohmann::json& json = node[key].json();
    constexpr uint64_t kMost = 1024;
    if (!json.is_number_unsigned() || json.get<uint64_t>() > kMost)
      return node[key].Invalid(absl::StrCat("is not an integer from 0 to ", kMost));
    *limit = json.get<int32_t>();
  }
  if (fused_) {
    makers_.push_back([limits] { return std::make_unique<StripTextStage>(limits); });
  } else {
    makers_.push_back([limits] { return std::make_unique<StripTokenStage>(limits); });
  }
  return absl::OkStatus();
}

absl::Status Decoder::Add(const JsonNode& node) {
  ASSIGN_OR_RETURN(const std::string type, node.Type());
  if (type == "Sequence") {
    ASSIGN_OR_RETURN(const std::vector<JsonNode> children, node["decoders"].Elements());
    for (const JsonNode& child : children) RETURN_IF_ERROR(Add(child));
    return absl::OkStatus();
  }
  if (type == "Replace") return AddReplace(node);
  if (type == "Strip") return AddStrip(node);
  if (type == "Fuse") {
    fused_ = true;
    return absl::OkStatus();
  }
  if (type != "ByteLevel" && type != "ByteFallback") return node.Unsupported();
  if (fused_)
    return absl::UnimplementedError(absl::StrCat(node.path(), " (", type, ") follows a stage that fuses the tokens"));
  if (type == "ByteLevel") {
    fused_ = true;
    makers_.push_back([] { return std::make_unique<ByteLevelStage>(); });
  } else {
    makers_.push_back([] { return std::make_unique<ByteFallbackStage>(); });
  }
  return absl::OkStatus();
}

absl::StatusOr<Decoder> Decoder::Parse(const JsonNode& node) {
  Decoder decoder;
  if (node.is_null()) {
    decoder.makers_.push_back([] { return std::make_unique<SpacedStage>(); });
  } else {
    RETURN_IF_ERROR(decoder.Add(node));
  }
  return decoder;
}

std::vector<std::unique_ptr<DecodeStage>> Decoder::NewStages() const {
  std::vector<std::unique_ptr<DecodeStage>> stages;
  for (const Maker& maker : makers_) stages.push_back(maker());
  return stages;
}

void DecodeRun::PushInto(size_t stage, std::string token, std::string& out) {
  if (stage == stages_.size()) {
    out += token;
    return;
  }
  stages_[stage]->Push(std::move(token), [&](std::string text) { PushInto(stage + 1, std::move(text), out); });
}

void DecodeRun::Finish(std::string& out) {
  for (size_t stage = 0; stage < stages_.size(); ++stage)
    stages_[stage]->Finish([&](std::string text) { PushInto(stage + 1, std::move(text), out); });
}

}  // namespace metronome
