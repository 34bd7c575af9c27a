#include "compiler/frontend/config_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace metronome::compiler {
namespace {

std::string Quote(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).substr(0, 80);
}

bool IsInt32(const nlohmann::json& value) {
  return value.is_number_integer() && value.get<double>() >= INT32_MIN && value.get<double>() <= INT32_MAX;
}

}  // namespace

void ConfigReader::Fail(absl::Status status) {
  if (status_.ok()) status_ = std::move(status);
}

std::string ConfigReader::Describe(absl::string_view key, absl::string_view message) const {
  const auto found = json_.find(std::string(key));
  return absl::StrCat(where_, key, " is ", found == json_.end() ? "absent" : Quote(*found), message);
}

void ConfigReader::Reject(absl::string_view key, absl::string_view message) {
  Fail(absl::InvalidArgumentError(Describe(key, absl::StrCat(", ", message))));
}

void ConfigReader::Unsupported(absl::string_view key, absl::string_view message) {
  Fail(absl::UnimplementedError(Describe(key, absl::StrCat("; ", message))));
}

bool ConfigReader::Has(absl::string_view key) const {
  const auto found = json_.find(std::string(key));
  return found != json_.end() && !found->is_null();
}

nlohmann::json ConfigReader::Value(absl::string_view key) {
  const auto entry =
      std::find_if(keys_.begin(), keys_.end(), [&](const ConfigKey& known) { return known.name == key; });
  if (entry == keys_.end()) {
    Fail(absl::InternalError(absl::StrCat(where_, key, " is in no table")));
    return nullptr;
  }
  const auto found = json_.find(std::string(key));
  if (found == json_.end()) return nlohmann::json::parse(entry->absent.begin(), entry->absent.end());
  if (found->is_null() && !entry->nullable) {
    Reject(key, entry->absent == "null" ? std::string("which means nothing; leave the key out")
                                        : absl::StrCat("which means nothing; without the key it is ", entry->absent));
  }
  return *found;
}

std::optional<int64_t> ConfigReader::OptionalInt(absl::string_view key, int64_t least, int64_t greatest) {
  const nlohmann::json value = Value(key);
  if (value.is_null()) return std::nullopt;
  const double number = value.is_number_integer() ? value.get<double>() : -1;
  if (!value.is_number_integer() || number < static_cast<double>(least) || number > static_cast<double>(greatest)) {
    Reject(key, absl::StrCat("not an integer in [", least, ", ", greatest, "]"));
    return std::nullopt;
  }
  return value.get<int64_t>();
}

std::optional<double> ConfigReader::OptionalNumber(absl::string_view key, double least, double greatest) {
  const nlohmann::json value = Value(key);
  if (value.is_null()) return std::nullopt;
  if (!value.is_number() || !(value.get<double>() >= least && value.get<double>() <= greatest)) {
    Reject(key, absl::StrCat("not a number in [", least, ", ", greatest, "]"));
    return std::nullopt;
  }
  return value.get<double>();
}

std::optional<bool> ConfigReader::OptionalBool(absl::string_view key) {
  const nlohmann::json value = Value(key);
  if (value.is_boolean()) return value.get<bool>();
  if (!value.is_null()) Reject(key, "not true or false");
  return std::nullopt;
}

std::optional<std::string> ConfigReader::OptionalString(absl::string_view key) {
  const nlohmann::json value = Value(key);
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_null()) Reject(key, "not a string");
  return std::nullopt;
}

std::optional<std::vector<std::string>> ConfigReader::OptionalStrings(absl::string_view key) {
  const nlohmann::json value = Value(key);
  if (value.is_null()) return std::nullopt;
  std::vector<std::string> strings;
  for (const nlohmann::json& element : value.is_array() ? value : nlohmann::json::array({1})) {
    if (!element.is_string()) {
      Reject(key, "not a list of strings");
      return std::nullopt;
    }
    strings.push_back(element.get<std::string>());
  }
  return strings;
}

std::vector<int32_t> ConfigReader::IntOrInts(absl::string_view key) {
  const nlohmann::json value = Value(key);
  std::vector<int32_t> integers;
  if (value.is_null()) return integers;
  for (const nlohmann::json& element : value.is_array() ? value : nlohmann::json::array({value})) {
    if (!IsInt32(element)) {
      Reject(key, "not an integer or a list of integers");
      return {};
    }
    integers.push_back(element.get<int32_t>());
  }
  return integers;
}

const nlohmann::json* ConfigReader::OptionalObject(absl::string_view key) {
  const nlohmann::json value = Value(key);
  if (value.is_null()) return nullptr;
  if (value.is_object()) return &json_.at(std::string(key));
  Reject(key, "not an object");
  return nullptr;
}

template <typename T>
T ConfigReader::Needed(absl::string_view key, std::optional<T> value, T otherwise) {
  if (!value.has_value()) Reject(key, "and the model needs it");  // Does nothing where something is wrong already.
  return std::move(value).value_or(std::move(otherwise));
}

int64_t ConfigReader::Int(absl::string_view key, int64_t least, int64_t greatest) {
  return Needed(key, OptionalInt(key, least, greatest), least);
}

double ConfigReader::Number(absl::string_view key, double least, double greatest) {
  return Needed(key, OptionalNumber(key, least, greatest), least);
}

bool ConfigReader::Bool(absl::string_view key) { return Needed(key, OptionalBool(key), false); }

std::string ConfigReader::String(absl::string_view key) { return Needed(key, OptionalString(key), std::string()); }

}  // namespace metronome::compiler
