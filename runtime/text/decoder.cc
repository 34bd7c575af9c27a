#include "runtime/text/decoder.h"

#include <charconv>

#include "absl/strings/match.h"
#include "absl/strings/str_join.h"
#include "runtime/base/status_macros.h"
#include "runtime/text/byte_alphabet.h"
#include "runtime/text/normalizer.h"
#include "runtime/text/utf8.h"

namespace metronome {
namespace {

using Texts = std::vector<std::string>;

Texts DecodeByteLevel(Texts tokens) {
  std::string bytes;
  for (const std::string& token : tokens) bytes += AlphabetToBytes(token);
  return {ToUtf8Lossy(bytes)};
}

// The byte that "<0xNN>" stands for, -1 for any other token.
int ByteOf(const std::string& token) {
  if (token.size() != 6 || !absl::StartsWith(token, "<0x") || token[5] != '>') return -1;
  int byte = 0;
  const auto [end, error] = std::from_chars(token.data() + 3, token.data() + 5, byte, 16);
  return error == std::errc() && end == token.data() + 5 ? byte : -1;
}

// Runs of byte tokens become their text, or one U+FFFD a byte where they are no text.
Texts DecodeByteFallback(Texts tokens) {
  Texts decoded;
  std::string bytes;
  const auto flush = [&] {
    if (IsUtf8(bytes)) {
      if (!bytes.empty()) decoded.push_back(bytes);
    } else {
      for (size_t i = 0; i < bytes.size(); ++i) decoded.emplace_back(kReplacementCharacter);
    }
    bytes.clear();
  };
  for (std::string& token : tokens) {
    const int byte = ByteOf(token);
    if (byte >= 0) {
      bytes += static_cast<char>(byte);
      continue;
    }
    flush();
    decoded.push_back(std::move(token));
  }
  flush();
  return decoded;
}

// Removes up to `start` copies of `content` from the front of each token and up to `stop` from its end.
DecodeStep Strip(const std::string& content, int64_t start, int64_t stop) {
  return [=](Texts tokens) {
    for (std::string& token : tokens) {
      absl::string_view rest = token;
      for (int64_t i = 0; i < start && absl::StartsWith(rest, content); ++i) rest.remove_prefix(content.size());
      for (int64_t i = 0; i < stop && absl::EndsWith(rest, content); ++i) rest.remove_suffix(content.size());
      token = std::string(rest);
    }
    return tokens;
  };
}

absl::StatusOr<DecodeStep> ParseStep(const JsonNode& node) {
  const std::string type = node.Type();
  if (type == "ByteLevel") return DecodeStep(DecodeByteLevel);
  if (type == "ByteFallback") return DecodeStep(DecodeByteFallback);
  if (type == "Fuse") return DecodeStep([](Texts tokens) { return Texts{absl::StrJoin(tokens, "")}; });
  if (type == "Replace") {
    ASSIGN_OR_RETURN(TextStep replace, ParseReplace(node));
    return DecodeStep([replace](Texts tokens) {
      for (std::string& token : tokens) {
        absl::StatusOr<std::string> replaced = replace(token);
        if (replaced.ok()) token = *std::move(replaced);  // A pattern that runs away leaves the token as it is.
      }
      return tokens;
    });
  }
  if (type == "Strip") {
    const std::string content = node["content"].Text();
    const int32_t start = TokenIdOf(node["start"].json()), stop = TokenIdOf(node["stop"].json());
    if (content.empty() || start < 0 || stop < 0) return node.Invalid("needs content, start and stop");
    return Strip(content, start, stop);
  }
  return node.Unsupported();
}

}  // namespace

absl::StatusOr<std::vector<DecodeStep>> ParseDecoder(const JsonNode& node) {
  std::vector<DecodeStep> steps;
  if (node.is_null()) {
    steps.push_back([](Texts tokens) { return Texts{absl::StrJoin(tokens, " ")}; });
    return steps;
  }
  if (node.Type() != "Sequence") {
    ASSIGN_OR_RETURN(DecodeStep step, ParseStep(node));
    steps.push_back(std::move(step));
    return steps;
  }
  for (const JsonNode& child : node["decoders"].Elements()) {
    ASSIGN_OR_RETURN(std::vector<DecodeStep> inner, ParseDecoder(child));
    steps.insert(steps.end(), inner.begin(), inner.end());
  }
  return steps;
}

}  // namespace metronome
