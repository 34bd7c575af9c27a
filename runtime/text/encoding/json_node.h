#ifndef METRONOME_RUNTIME_TEXT_ENCODING_JSON_NODE_H_
#define METRONOME_RUNTIME_TEXT_ENCODING_JSON_NODE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "kernels/base/cancel_token.h"

namespace metronome::text {

// Token ids below this are accepted, so that a hostile file cannot make tables of any size. The largest vocabularies
// have some 260 thousand.
inline constexpr int64_t kMaxTokenIds = int64_t{1} << 22;

// Parses `text`, the contents of the file called `name`, which must hold an object. InvalidArgument with the byte
// offset of a syntax error, and for more than 64 levels of nesting, so that walking the result may recurse. Errors of
// the token, which is asked every 64 KiB.
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text, absl::string_view name,
                                               const CancelToken& token = {});

// A JSON value with the path that leads to it, so that errors can say where they are. Borrowed.
//
// The typed getters fail with InvalidArgument on a value of another type. Those that take what a `missing` value means
// return it for null and absent values.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& json, std::string path) : json_(&json), path_(std::move(path)) {}

  const nlohmann::json& json() const { return *json_; }
  const std::string& path() const { return path_; }
  bool is_null() const { return json_->is_null(); }

  // A null node when absent or when this is no object.
  JsonNode operator[](absl::string_view key) const;

  absl::StatusOr<std::string> Text() const;
  absl::StatusOr<std::string> Text(absl::string_view missing) const;
  absl::StatusOr<std::string> Character() const;  // A text of one character.
  absl::StatusOr<bool> Bool() const;
  absl::StatusOr<bool> Bool(bool missing) const;
  absl::StatusOr<int32_t> Count(int32_t missing) const;    // In [0, 1024].
  absl::StatusOr<int32_t> TokenId() const;                 // In [0, kMaxTokenIds).
  absl::StatusOr<std::vector<JsonNode>> Elements() const;  // Of an array.
  absl::StatusOr<std::string> Type() const;                // The text at "type".

  absl::Status Invalid(absl::string_view why) const;
  // Names the "type" of this component.
  absl::Status Unsupported() const;

 private:
  const nlohmann::json* json_;
  std::string path_;
};

}  // namespace metronome::text

#endif  // METRONOME_RUNTIME_TEXT_ENCODING_JSON_NODE_H_
