#ifndef METRONOME_RUNTIME_TEXT_JSON_NODE_H_
#define METRONOME_RUNTIME_TEXT_JSON_NODE_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace metronome {

// A JSON value with the path that leads to it, so that errors can say where they are. Borrowed.
class JsonNode {
 public:
  JsonNode(const nlohmann::json& json, std::string path) : json_(&json), path_(std::move(path)) {}

  const nlohmann::json& json() const { return *json_; }
  const std::string& path() const { return path_; }
  bool is_null() const { return json_->is_null(); }

  // A null node when absent or when this is no object.
  JsonNode operator[](const char* key) const {
    static const nlohmann::json kNull;
    const bool has = json_->is_object() && json_->contains(key);
    return {has ? (*json_)[key] : kNull, absl::StrCat(path_, ".", key)};
  }
  std::string Text(const std::string& missing = "") const {
    return json_->is_string() ? json_->get<std::string>() : missing;
  }
  bool Bool(bool missing) const { return json_->is_boolean() ? json_->get<bool>() : missing; }
  std::string Type() const { return (*this)["type"].Text(); }
  // Empty when this is no array.
  std::vector<JsonNode> Elements() const {
    std::vector<JsonNode> elements;
    if (!json_->is_array()) return elements;
    for (size_t i = 0; i < json_->size(); ++i) elements.push_back({(*json_)[i], absl::StrCat(path_, "[", i, "]")});
    return elements;
  }

  absl::Status Invalid(absl::string_view why) const {
    return absl::InvalidArgumentError(absl::StrCat(path_, " ", why));
  }
  absl::Status Unsupported() const {
    return absl::UnimplementedError(absl::StrCat(path_, " has type '", Type(), "', which is not supported"));
  }

 private:
  const nlohmann::json* json_;
  std::string path_;
};

// Token ids are small non-negative integers; -1 for anything else.
inline int32_t TokenIdOf(const nlohmann::json& json) {
  constexpr uint64_t kMaxId = 1u << 24;
  return json.is_number_unsigned() && json.get<uint64_t>() < kMaxId ? static_cast<int32_t>(json.get<uint64_t>()) : -1;
}

}  // namespace metronome

#endif  // METRONOME_RUNTIME_TEXT_JSON_NODE_H_
