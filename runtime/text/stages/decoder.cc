#include "runtime/text/stages/decoder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::text {

absl::Status Decoder::AddReplace(const JsonNode& node) {
  ASSIGN_OR_RETURN(Pattern pattern, Pattern::Parse(node["pattern"]));
  ASSIGN_OR_RETURN(std::string content, node["content"].Text());
  if (fused_ && (pattern.literal().empty() || Utf8CharacterSize(pattern.literal()) != pattern.literal().size())) {
    return absl::UnimplementedError(
        absl::StrCat(node.path(), " replaces more than a single character after the tokens are fused"));
  }
  const auto shared = std::make_shared<const Pattern>(std::move(pattern));
  makers_.push_back([shared, content] { return NewReplaceStage(*shared, content); });
  return absl::OkStatus();
}

absl::Status Decoder::AddStrip(const JsonNode& node) {
  StripLimits limits;
  ASSIGN_OR_RETURN(limits.content, node["content"].Character());
  for (const auto& [key, limit] : {std::make_pair("start", &limits.start), std::make_pair("stop", &limits.stop)}) {
    if (node[key].is_null()) return node[key].Invalid("is missing");
    ASSIGN_OR_RETURN(*limit, node[key].Count(0));
  }
  const auto make = fused_ ? NewStripTextStage : NewStripTokenStage;
  makers_.push_back([limits, make] { return make(limits); });
  return absl::OkStatus();
}

absl::Status Decoder::AddTokenStage(const JsonNode& node, const std::string& type) {
  if (type == "ByteLevel") {
    fused_ = true;
    makers_.push_back(NewByteLevelStage);
  } else if (type == "ByteFallback") {
    makers_.push_back(NewByteFallbackStage);
  } else if (type == "Metaspace") {
    ASSIGN_OR_RETURN(const Metaspace metaspace, Metaspace::Parse(node));
    makers_.push_back([metaspace] { return NewMetaspaceStage(metaspace); });
  } else if (type == "WordPiece") {
    ASSIGN_OR_RETURN(const std::string prefix, node["prefix"].Text());
    ASSIGN_OR_RETURN(const bool cleanup, node["cleanup"].Bool());
    makers_.push_back([prefix, cleanup] { return NewWordPieceStage(prefix, cleanup); });
  } else if (type == "BPEDecoder") {
    ASSIGN_OR_RETURN(const std::string suffix, node["suffix"].Text());
    if (suffix.empty()) return node["suffix"].Invalid("is empty");
    makers_.push_back([suffix] { return NewBpeSuffixStage(suffix); });
  } else if (type == "CTC") {
    CtcOptions options;
    ASSIGN_OR_RETURN(options.pad_token, node["pad_token"].Text());
    ASSIGN_OR_RETURN(options.word_delimiter, node["word_delimiter_token"].Text());
    ASSIGN_OR_RETURN(options.cleanup, node["cleanup"].Bool());
    if (options.pad_token.empty()) return node["pad_token"].Invalid("is empty");
    if (options.word_delimiter.empty()) return node["word_delimiter_token"].Invalid("is empty");
    makers_.push_back([options] { return NewCtcStage(options); });
  } else {
    return node.Unsupported();
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
  if (fused_)
    return absl::UnimplementedError(absl::StrCat(node.path(), " (", type, ") follows a stage that fuses the tokens"));
  return AddTokenStage(node, type);
}

absl::StatusOr<Decoder> Decoder::Parse(const JsonNode& node) {
  Decoder decoder;
  if (node.is_null()) {
    decoder.makers_.push_back(NewSpacedStage);
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

}  // namespace metronome::text
