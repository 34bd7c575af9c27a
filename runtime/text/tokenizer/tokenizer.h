#ifndef METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_H_
#define METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "kernels/base/cancel_token.h"
#include "runtime/files/path_roots.h"
#include "runtime/text/tokenizer/tokenizer_files.h"

namespace metronome::text {

class DecodeRun;

// Text to token ids and back, as a HuggingFace tokenizer.json and the small files beside it describe: BPE with
// normalizers, pre-tokenizers, added tokens, post-processors and decoders. Ids are exactly those of HuggingFace
// tokenizers; the "truncation" and "padding" of the file are not applied. Immutable and thread-safe.
class Tokenizer {
 public:
  // Reads tokenizer.json and what there is of the files of TokenizerFiles. NotFound without tokenizer.json;
  // InvalidArgument naming the key, or the byte offset, of anything malformed; Unimplemented naming the type and the
  // key of what is not supported; errors of the token. `roots` as RegularFile::Open.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromDirectory(const std::string& directory,
                                                                  const PathRoots* roots = nullptr,
                                                                  const CancelToken& token = {});
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromFiles(const TokenizerFiles& files,
                                                              const CancelToken& token = {});
  // The texts of tokenizer.json and tokenizer_config.json; the second empty for none.
  static absl::StatusOr<std::unique_ptr<Tokenizer>> FromJson(absl::string_view json, absl::string_view config);
  ~Tokenizer();

  // `add_special_tokens` adds what the post-processor adds around a text; special tokens written in the
  // text itself are recognised unless the files say that they are split. InvalidArgument with the byte offset for text
  // that is not UTF-8, and for a character that has no token where the unknown token has none;
  // ResourceExhausted when a hostile tokenizer.json makes a pattern or a replacement run away on this text.
  absl::StatusOr<std::vector<int32_t>> Encode(absl::string_view text, bool add_special_tokens) const;

  // Unknown ids are skipped. Bytes that are no UTF-8 become U+FFFD.
  std::string Decode(absl::Span<const int32_t> ids, bool skip_special_tokens) const;

  // One more than the largest id.
  int64_t vocab_size() const;

 private:
  struct Model;
  explicit Tokenizer(std::unique_ptr<Model> model);
  friend class TokenStream;
  std::unique_ptr<Model> model_;
};

// Decodes a growing sequence piece by piece, special tokens skipped: the pieces add up to what Decode gives for all ids
// at once. Movable, not thread-safe; the tokenizer must outlive it.
class TokenStream {
 public:
  explicit TokenStream(const Tokenizer& tokenizer);
  TokenStream(TokenStream&&);
  TokenStream& operator=(TokenStream&&);
  ~TokenStream();

  // The text that this id settles: empty while a character is unfinished, and for special tokens. A run of byte tokens
  // (`<0xNN>`) is settled by the token after it.
  std::string Push(int32_t id);

  // The text held back, the sequence being over. Push must not follow.
  std::string Finish();

 private:
  const Tokenizer* tokenizer_;
  std::unique_ptr<DecodeRun> run_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_TOKENIZER_TOKENIZER_H_
