#include "runtime/text/stages/decode_stages.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "runtime/text/encoding/byte_alphabet.h"
#include "runtime/text/encoding/utf8.h"
#include "runtime/text/stages/normalizer.h"

namespace metronome::text {
namespace {

class SpacedStage final : public DecodeStage {
 public:
  void Push(std::string token, const Next& next) override {
    next(first_ ? std::move(token) : absl::StrCat(" ", token));
    first_ = false;
  }

 private:
  bool first_ = true;
};

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
  ReplaceStage(const Pattern& pattern, std::string content) : pattern_(pattern), content_(std::move(content)) {}

  void Push(std::string token, const Next& next) override {
    std::string replaced;
    // A pattern that hits its match limit on a token leaves the token as it is.
    next(ReplaceAll(pattern_, content_, token, replaced).ok() ? std::move(replaced) : std::move(token));
  }

 private:
  const Pattern& pattern_;
  std::string content_;
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

class MetaspaceStage final : public DecodeStage {
 public:
  explicit MetaspaceStage(Metaspace metaspace) : metaspace_(std::move(metaspace)) {}

  void Push(std::string token, const Next& next) override {
    const bool drops = first_ && metaspace_.prepend != Metaspace::Prepend::kNever;
    first_ = false;
    next(absl::StrReplaceAll(token, {{metaspace_.replacement, drops ? "" : " "}}));
  }

 private:
  Metaspace metaspace_;
  bool first_ = true;
};

// One after the other, as each sees what those before it left.
void CleanUp(std::string& text) {
  static constexpr std::pair<absl::string_view, absl::string_view> kRules[] = {
      {" .", "."},   {" ?", "?"},           {" !", "!"},   {" ,", ","},     {" ' ", "'"},    {" n't", "n't"},
      {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"},
  };
  for (const auto& rule : kRules) absl::StrReplaceAll({rule}, &text);
}

class WordPieceStage final : public DecodeStage {
 public:
  WordPieceStage(std::string prefix, bool cleanup) : prefix_(std::move(prefix)), cleanup_(cleanup) {}

  void Push(std::string token, const Next& next) override {
    if (!first_) {
      if (absl::StartsWith(token, prefix_)) {
        token.erase(0, prefix_.size());
      } else {
        token.insert(0, " ");
      }
    }
    first_ = false;
    if (cleanup_) CleanUp(token);
    next(std::move(token));
  }

 private:
  std::string prefix_;
  bool cleanup_;
  bool first_ = true;
};

class BpeSuffixStage final : public DecodeStage {
 public:
  explicit BpeSuffixStage(std::string suffix) : suffix_(std::move(suffix)) {}

  void Push(std::string token, const Next& next) override {
    if (any_) next(absl::StrReplaceAll(last_, {{suffix_, " "}}));
    last_ = std::move(token);
    any_ = true;
  }
  void Finish(const Next& next) override {
    if (any_) next(absl::StrReplaceAll(last_, {{suffix_, ""}}));
  }

 private:
  std::string suffix_;
  std::string last_;
  bool any_ = false;
};

class CtcStage final : public DecodeStage {
 public:
  explicit CtcStage(CtcOptions options) : options_(std::move(options)) {}

  void Push(std::string token, const Next& next) override {
    if (any_ && token == last_) return;
    last_ = token;
    any_ = true;
    absl::StrReplaceAll({{options_.pad_token, ""}}, &token);
    if (options_.cleanup) {
      CleanUp(token);
      absl::StrReplaceAll({{options_.word_delimiter, " "}}, &token);
    }
    if (!token.empty()) next(std::move(token));
  }

 private:
  CtcOptions options_;
  std::string last_;
  bool any_ = false;
};

}  // namespace

std::unique_ptr<DecodeStage> NewSpacedStage() { return std::make_unique<SpacedStage>(); }

std::unique_ptr<DecodeStage> NewByteLevelStage() { return std::make_unique<ByteLevelStage>(); }

std::unique_ptr<DecodeStage> NewByteFallbackStage() { return std::make_unique<ByteFallbackStage>(); }

std::unique_ptr<DecodeStage> NewReplaceStage(const Pattern& pattern, std::string content) {
  return std::make_unique<ReplaceStage>(pattern, std::move(content));
}

std::unique_ptr<DecodeStage> NewStripTokenStage(StripLimits limits) {
  return std::make_unique<StripTokenStage>(std::move(limits));
}

std::unique_ptr<DecodeStage> NewStripTextStage(StripLimits limits) {
  return std::make_unique<StripTextStage>(std::move(limits));
}

std::unique_ptr<DecodeStage> NewMetaspaceStage(Metaspace metaspace) {
  return std::make_unique<MetaspaceStage>(std::move(metaspace));
}

std::unique_ptr<DecodeStage> NewWordPieceStage(std::string prefix, bool cleanup) {
  return std::make_unique<WordPieceStage>(std::move(prefix), cleanup);
}

std::unique_ptr<DecodeStage> NewBpeSuffixStage(std::string suffix) {
  return std::make_unique<BpeSuffixStage>(std::move(suffix));
}

std::unique_ptr<DecodeStage> NewCtcStage(CtcOptions options) { return std::make_unique<CtcStage>(std::move(options)); }

}  // namespace metronome::text
