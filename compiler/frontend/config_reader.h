#ifndef METRONOME_COMPILER_FRONTEND_CONFIG_READER_H_
#define METRONOME_COMPILER_FRONTEND_CONFIG_READER_H_

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "compiler/frontend/config_keys.h"

namespace metronome::compiler {

// Typed access to the keys of one JSON object. An absent key has the value of its table; null is a value only where
// the table says so. The first error sticks in status(), naming key and value: a wrong type or range, a null that the
// class refuses, a key that is needed and has no value. Int and Number give `least` then, Bool false, String "". Asking
// for a key that is in no table is an Internal error.
class ConfigReader {
 public:
  // `json` must be an object; both must outlive the reader. `where` comes before the names of keys in messages,
  // "config key rope_scaling.".
  ConfigReader(const nlohmann::json& json, absl::Span<const ConfigKey> keys, std::string where = "config key ")
      : json_(json), keys_(keys), where_(std::move(where)) {}

  bool Present(absl::string_view key) const { return json_.contains(std::string(key)); }  // Even where it is null.
  bool Has(absl::string_view key) const;                                                  // Present and not null.

  int64_t Int(absl::string_view key, int64_t least = 1, int64_t greatest = int64_t{1} << 32);
  double Number(absl::string_view key, double least = 0, double greatest = std::numeric_limits<double>::max());
  bool Bool(absl::string_view key);
  std::string String(absl::string_view key);

  // nullopt for null, written or by default.
  std::optional<int64_t> OptionalInt(absl::string_view key, int64_t least = 1, int64_t greatest = int64_t{1} << 32);
  std::optional<double> OptionalNumber(absl::string_view key, double least = 0,
                                       double greatest = std::numeric_limits<double>::max());
  std::optional<bool> OptionalBool(absl::string_view key);
  std::optional<std::string> OptionalString(absl::string_view key);
  std::optional<std::vector<std::string>> OptionalStrings(absl::string_view key);
  std::vector<int32_t> IntOrInts(absl::string_view key);        // Empty for null.
  const nlohmann::json* OptionalObject(absl::string_view key);  // nullptr for null. Its default must be null.

  // The key's value, null included, whatever its type.
  nlohmann::json Value(absl::string_view key);

  void Fail(absl::Status status);
  // InvalidArgument about this key and its value: "config key KEY is VALUE, MESSAGE".
  void Reject(absl::string_view key, absl::string_view message);
  // Unimplemented likewise.
  void Unsupported(absl::string_view key, absl::string_view message);

  const nlohmann::json& json() const { return json_; }
  const absl::Status& status() const { return status_; }

 private:
  template <typename T>
  T Needed(absl::string_view key, std::optional<T> value, T otherwise);
  std::string Describe(absl::string_view key, absl::string_view message) const;

  const nlohmann::json& json_;
  absl::Span<const ConfigKey> keys_;
  std::string where_;
  absl::Status status_;
};

}  // namespace metronome::compiler

#endif  // METRONOME_COMPILER_FRONTEND_CONFIG_READER_H_
