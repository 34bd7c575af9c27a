#ifndef METRONOME_RUNTIME_TEXT_STAGES_DECODER_H_
#define METRONOME_RUNTIME_TEXT_STAGES_DECODER_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/stages/decode_stages.h"

namespace metronome::text {

// The "decoder" of tokenizer.json: ByteLevel, ByteFallback, Replace, Fuse, Strip, Metaspace, WordPiece, BPEDecoder, CTC
// and sequences of them. Immutable.
class Decoder {
 public:
  // Null joins tokens with spaces. InvalidArgument; Unimplemented, also for stages that would have to see a whole text
  // at once because they follow a Fuse.
  static absl::StatusOr<Decoder> Parse(const JsonNode& node);

  // Fresh stages for one sequence, in order. They borrow from this decoder.
  std::vector<std::unique_ptr<DecodeStage>> NewStages() const;

 private:
  using Maker = std::function<std::unique_ptr<DecodeStage>()>;
  absl::Status Add(const JsonNode& node);
  absl::Status AddReplace(const JsonNode& node);
  absl::Status AddStrip(const JsonNode& node);
  // The type must see the tokens before they are fused.
  absl::Status AddTokenStage(const JsonNode& node, const std::string& type);

  std::vector<Maker> makers_;
  bool fused_ = false;  // The stages so far make one token of all.
};

// The text of one sequence, token by token. The pieces of a sequence add up to the same text however it is cut.
class DecodeRun {
 public:
  explicit DecodeRun(const Decoder& decoder) : stages_(decoder.NewStages()) {}

  // Appends the text that becomes settled to `out`.
  void Push(absl::string_view token, std::string& out) { PushInto(0, std::string(token), out); }
  void Finish(std::string& out);

 private:
  void PushInto(size_t stage, std::string token, std::string& out);

  std::vector<std::unique_ptr<DecodeStage>> stages_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_DECODER_H_
