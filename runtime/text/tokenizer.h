#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace metronome {

// Text to token ids and back, as a HuggingFace tokenizer.json describes: byte-level and byte-fallback BPE with their
// normalizers, pre-tokenizers, added tokens, post-processors and decoders. Immutable and thread-safe.
class Tokenizer {
 public:
  // Reads tokenizer.json and, for the BOS rule it may carry, tokenizer_config.json.
  // NotFound; InvalidArgument naming the key of anything malformed; Unimplemented naming a component that is not
  // supported.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromDirectory(const std::string& directory);
  // `config` is the text of tokenizer_config.json, empty for none.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromJson(absl::string_view json, absl::string_view config);
  ~Tokenizer();

  // `add_special_tokens` adds what the post-processor or the BOS rule adds around a text; special tokens written in the
  // text itself are always recognised. InvalidArgument for text that is not UTF-8.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text, bool add_special_tokens) const;

  // Unknown ids are skipped. Bytes that are no UTF-8 become U+FFFD.
  std::string Decode(absl::Span<const int32_t> ids, bool skip_special_tokens) const;

  // One more than the largest id.
  int64_t vocab_size() const;

 private:
  struct Model;
  explicit Tokenizer(std::unique_ptr<Model> model);
  std::unique_ptr<Model> model_;
};

// Decodes a growing sequence piece by piece. Not thread-safe; the tokenizer must outlive it.
class TokenStream {
 public:
  explicit TokenStream(const Tokenizer& tokenizer) : tokenizer_(tokenizer) {}

  // The text that this id completes: empty while a multi-byte character is unfinished. Special tokens give no text.
  std::string Push(int32_t id);

 private:
  const Tokenizer& tokenizer_;
  std::vector<int32_t> ids_;  // Some already printed ones stay as context: tokens decode differently at the start of a text.
  size_t settled_ = 0;        // How many of ids_ have been printed.
};

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_H_
