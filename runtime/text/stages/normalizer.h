#ifndef METRONOME_RUNTIME_TEXT_STAGES_NORMALIZER_H_
#define METRONOME_RUNTIME_TEXT_STAGES_NORMALIZER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "runtime/text/encoding/json_node.h"
#include "runtime/text/stages/pattern.h"

namespace metronome::text {

struct NormalizedText {
  std::string text;
  bool keeps_start = true;  // Its first character comes from the first of the original.
};

// The "normalizer" of tokenizer.json: NFC, NFD, NFKC, NFKD, Lowercase, Strip, StripAccents, Replace, Prepend,
// BertNormalizer, Nmt, ByteLevel and sequences of them. Immutable.
class Normalizer {
 public:
  // Null is the normalizer that changes nothing. InvalidArgument, Unimplemented.
  static absl::StatusOr<Normalizer> Parse(const JsonNode& node);

  // `text` must be UTF-8. ResourceExhausted for a result of more than 16 MiB, which repeated replacing can reach, and
  // when a regex hits its match limit.
  absl::StatusOr<NormalizedText> Apply(absl::string_view text) const;

 private:
  using Step = std::function<absl::Status(NormalizedText&)>;
  absl::Status Add(const JsonNode& node);
  absl::Status AddPrepend(const JsonNode& node);
  absl::Status AddReplace(const JsonNode& node);
  absl::Status AddStrip(const JsonNode& node);
  absl::Status AddBert(const JsonNode& node);
  // False for a type that is no Unicode form.
  absl::StatusOr<bool> AddUnicodeForm(const std::string& type);
  void AddMap(std::function<char32_t(char32_t)> map);
  void AddRewrite(std::function<void(absl::string_view, std::string&)> append);

  std::vector<Step> steps_;
};

// Appends `text` to `out` with every match of `pattern` replaced by `content`.
absl::Status ReplaceAll(const Pattern& pattern, absl::string_view content, absl::string_view text, std::string& out);

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_STAGES_NORMALIZER_H_
