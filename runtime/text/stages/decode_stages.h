#ifndef METRONOME_RUNTIME_TEXT_STAGES_DECODE_STAGES_H_
#define METRONOME_RUNTIME_TEXT_STAGES_DECODE_STAGES_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "runtime/text/stages/metaspace.h"
#include "runtime/text/stages/pattern.h"

namespace metronome::text {

// One stage of decoding one sequence: takes token texts one at a time and gives the next stage what is settled, holding
// back what later tokens may still change (the first bytes of a character, say).
class DecodeStage {
 public:
  using Next = std::function<void(std::string)>;

  virtual ~DecodeStage() = default;
  virtual void Push(std::string token, const Next& next) = 0;
  // The sequence is over: gives what was held back.
  virtual void Finish(const Next& /*next*/) {}
};

// Joins with spaces, which is what decoding without a decoder does.
std::unique_ptr<DecodeStage> NewSpacedStage();

// GPT-2's characters become bytes, and bytes that are no UTF-8 become U+FFFD.
std::unique_ptr<DecodeStage> NewByteLevelStage();

// A run of byte tokens becomes its text, or one U+FFFD a byte if it is no UTF-8; which one, only its end tells.
std::unique_ptr<DecodeStage> NewByteFallbackStage();

// `pattern` must outlive the stage, as below.
std::unique_ptr<DecodeStage> NewReplaceStage(const Pattern& pattern, std::string content);

struct StripLimits {
  std::string content;  // One character.
  int32_t start = 0;    // How many of it at most go from the front of a token.
  int32_t stop = 0;     // And from its end.
};
std::unique_ptr<DecodeStage> NewStripTokenStage(StripLimits limits);
// The same where all tokens are one.
std::unique_ptr<DecodeStage> NewStripTextStage(StripLimits limits);

// Replacements become spaces; those of the first token go where a space was prepended.
std::unique_ptr<DecodeStage> NewMetaspaceStage(Metaspace metaspace);

// A token without `prefix` begins a word. `cleanup` takes the spaces from around punctuation, in a token for itself.
std::unique_ptr<DecodeStage> NewWordPieceStage(std::string prefix, bool cleanup);

// `suffix` becomes a space, and nothing in the last token, so that every token waits for the next.
std::unique_ptr<DecodeStage> NewBpeSuffixStage(std::string suffix);

struct CtcOptions {
  std::string pad_token;
  std::string word_delimiter;
  bool cleanup = true;
};
// A token that repeats the one before it and pad tokens give nothing.
std::unique_ptr<DecodeStage> NewCtcStage(CtcOptions options);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_DECODE_STAGES_H_
