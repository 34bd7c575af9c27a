#include "runtime/text/encoding/json_node.h"

#include <cstddef>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "runtime/files/json_depth.h"
#include "runtime/text/encoding/utf8.h"

namespace metronome::text {
namespace {

// The characters of a text for a parser; it ends early when the token says stop.
class CheckedText {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  CheckedText(const char* at, const char* end, const CancelToken& token, absl::Status& stopped)
      : at_(at), end_(end), token_(&token), stopped_(&stopped) {}

  reference operator*() const { return *at_; }
  CheckedText& operator++() {
    if (++characters_ % kCharacters == 0) *stopped_ = token_->Check();
    at_ = stopped_->ok() ? at_ + 1 : end_;
    return *this;
  }
  CheckedText operator++(int) {
    CheckedText before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const CheckedText& a, const CheckedText& b) { return a.at_ == b.at_; }

 private:
  static constexpr uint32_t kCharacters = 64 << 10;

  const char* at_;
  const char* end_;
  const CancelToken* token_;
  absl::Status* stopped_;
  uint32_t characters_ = 0;
};

}  // namespace

absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text, absl::string_view name,
                                               const CancelToken& token) {
  RETURN_IF_ERROR(CheckJsonDepth(text, name));
  absl::Status stopped;
  const char* const end = text.data() + text.size();
  try {
    nlohmann::json json =
        nlohmann::json::parse(CheckedText(text.data(), end, token, stopped), CheckedText(end, end, token, stopped));
    RETURN_IF_ERROR(stopped);
    if (!json.is_object()) return absl::InvalidArgumentError(absl::StrCat(name, " is not a JSON object"));
    return json;
  } catch (const nlohmann::json::parse_error& error) {
    RETURN_IF_ERROR(stopped);
    // Without the library's text, which quotes the file: it may be any file.
    return absl::InvalidArgumentError(absl::StrCat(name, " is not JSON from byte ", error.byte));
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(name, " is not JSON: it has a number out of range"));
  }
}

JsonNode JsonNode::operator[](absl::string_view key) const {
  static const nlohmann::json kNull;
  std::string path = absl::StrCat(path_, ".", key);
  if (!json_->is_object()) return {kNull, std::move(path)};
  const auto found = json_->find(std::string(key));
  return {found == json_->end() ? kNull : *found, std::move(path)};
}

absl::StatusOr<std::string> JsonNode::Text() const {
  if (!json_->is_string()) return Invalid(is_null() ? "is missing" : "is not a string");
  return json_->get_ref<const std::string&>();
}

absl::StatusOr<std::string> JsonNode::Text(absl::string_view missing) const {
  return is_null() ? std::string(missing) : Text();
}

absl::StatusOr<std::string> JsonNode::Character() const {
  ASSIGN_OR_RETURN(std::string text, Text());
  if (text.empty() || Utf8CharacterSize(text) != text.size()) return Invalid("is not one character");
  return text;
}

absl::StatusOr<bool> JsonNode::Bool() const {
  if (!json_->is_boolean()) return Invalid(is_null() ? "is missing" : "is not true or false");
  return json_->get<bool>();
}

absl::StatusOr<bool> JsonNode::Bool(bool missing) const { return is_null() ? absl::StatusOr<bool>(missing) : Bool(); }

absl::StatusOr<int32_t> JsonNode::Count(int32_t missing) const {
  if (is_null()) return missing;
  constexpr uint64_t kMost = 1024;
  if (!json_->is_number_unsigned() || json_->get<uint64_t>() > kMost)
    return Invalid(absl::StrCat("is not an integer from 0 to ", kMost));
  return json_->get<int32_t>();
}

absl::StatusOr<int32_t> JsonNode::TokenId() const {
  if (!json_->is_number_unsigned()) return Invalid(is_null() ? "is missing" : "is not a token id");
  const auto id = json_->get<uint64_t>();
  if (id >= kMaxTokenIds) return Invalid(absl::StrCat("is ", id, ", not below ", kMaxTokenIds));
  return static_cast<int32_t>(id);
}

absl::StatusOr<std::vector<JsonNode>> JsonNode::Elements() const {
  if (!json_->is_array()) return Invalid(is_null() ? "is missing" : "is not an array");
  std::vector<JsonNode> elements;
  elements.reserve(json_->size());
  for (size_t i = 0; i < json_->size(); ++i) elements.push_back({(*json_)[i], absl::StrCat(path_, "[", i, "]")});
  return elements;
}

absl::StatusOr<std::string> JsonNode::Type() const { return (*this)["type"].Text(); }

absl::Status JsonNode::Invalid(absl::string_view why) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, " ", why));
}

absl::Status JsonNode::Unsupported() const {
  ASSIGN_OR_RETURN(const std::string type, Type());
  return absl::UnimplementedError(absl::StrCat(path_, " has type '", type, "', which is not supported"));
}

}  // namespace metronome::text
