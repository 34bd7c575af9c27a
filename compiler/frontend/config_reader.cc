#include "compiler/frontend/config_reader.h"

#include "absl/strings/str_cat.h"

namespace metronome {
namespace {

std::string Quote(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80);
}

absl::Status Wrong(absl::string_view key, const nlohmann::json& value, absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat("config key ", key, " is ", Quote(value), ", not ", expected));
}

bool IsInt32(const nlohmann::json& value) {
  return value.is_number_integer() && value.get<double>() >= INT32_MIN && value.get<double>() <= INT32_MAX;
}

}  // namespace

void ConfigReader::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

const nlohmann::json* ConfigReader::Find(absl::string_view key) const {
  const auto found = json_.find(std::string(key));
  return found == json_.end() || found->is_null() ? nullptr : &*found;
}

bool ConfigReader::Has(absl::string_view key) const { return Find(key) != nullptr; }

int64_t ConfigReader::Int(absl::string_view key, int64_t missing, int64_t least, int64_t greatest) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return missing;
  const double number = value->is_number_integer() ? value->get<double>() : -1;
  if (!value->is_number_integer() || number < static_cast<double>(least) || number > static_cast<double>(greatest)) {
    Fail(Wrong(key, *value, absl::StrCat("an integer in [", least, ", ", greatest, "]")));
    return missing;
  }
  return value->get<int64_t>();
}

double ConfigReader::Number(absl::string_view key, double missing, double least, double greatest) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return missing;
  if (!value->is_number() || !(value->get<double>() >= least && value->get<double>() <= greatest)) {
    Fail(Wrong(key, *value, absl::StrCat("a number in [", least, ", ", greatest, "]")));
    return missing;
  }
  return value->get<double>();
}

bool ConfigReader::Bool(absl::string_view key, bool missing) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return missing;
  if (!value->is_boolean()) {
    Fail(Wrong(key, *value, "true or false"));
    return missing;
  }
  return value->get<bool>();
}

std::string ConfigReader::String(absl::string_view key, absl::string_view missing) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr) return std::string(missing);
  if (!value->is_string()) {
    Fail(Wrong(key, *value, "a string"));
    return std::string(missing);
  }
  return value->get<std::string>();
}

std::vector<std::string> ConfigReader::Strings(absl::string_view key) {
  const nlohmann::json* value = Find(key);
  std::vector<std::string> strings;
  if (value == nullptr) return strings;
  if (!value->is_array()) Fail(Wrong(key, *value, "a list of strings"));
  for (const nlohmann::json& element : *value) {
    if (!element.is_string()) {
      Fail(Wrong(key, *value, "a list of strings"));
      return {};
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

std::vector<int32_t> ConfigReader::IntOrInts(absl::string_view key) {
  const nlohmann::json* value = Find(key);
  std::vector<int32_t> integers;
  if (value == nullptr) return integers;
  if (!value->is_array() && !IsInt32(*value)) Fail(Wrong(key, *value, "an integer or a list of integers"));
  for (const nlohmann::json& element : value->is_array() ? *value : nlohmann::json::array({*value})) {
    if (!IsInt32(element)) {
      Fail(Wrong(key, *value, "an integer or a list of integers"));
      return {};
    }
    integers.push_back(element.get<int32_t>());
  }
  return integers;
}

void ConfigReader::Require(absl::string_view key, const nlohmann::json& expected) {
  const nlohmann::json* value = Find(key);
  if (value == nullptr || *value == expected) return;
  Fail(absl::UnimplementedError(
      absl::StrCat("config key ", key, " is ", Quote(*value), "; only ", Quote(expected), " is supported")));
}

}  // namespace metronome
