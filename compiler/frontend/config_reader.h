#ifndef METRONOME_COMPILER_FRONTEND_CONFIG_READER_H_
#define METRONOME_COMPILER_FRONTEND_CONFIG_READER_H_

#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace metronome {

// Typed access to the keys of one JSON object. The first wrong type or range sticks in status(), naming key and value;
// absent and null keys give the default, as in HuggingFace's config classes.
class ConfigReader {
 public:
  // `json` must be an object and outlive the reader.
  explicit ConfigReader(const nlohmann::json& json) : json_(json) {}

  bool Has(absl::string_view key) const;  // Present and not null.
  int64_t Int(absl::string_view key, int64_t missing, int64_t least = 1, int64_t greatest = int64_t{1} << 32);
  double Number(absl::string_view key, double missing, double least = 0,
                double greatest = std::numeric_limits<double>::max());
  bool Bool(absl::string_view key, bool missing);
  std::string String(absl::string_view key, absl::string_view missing);
  std::vector<std::string> Strings(absl::string_view key);
  std::vector<int32_t> IntOrInts(absl::string_view key);  // Empty when absent.

  // Unimplemented unless the key is absent, null or equal to `expected`.
  void Require(absl::string_view key, const nlohmann::json& expected);
  void Fail(absl::Status status);

  const nlohmann::json& json() const { return json_; }
  const absl::Status& status() const { return status_; }

 private:
  const nlohmann::json* Find(absl::string_view key) const;

  const nlohmann::json& json_;
  absl::Status status_;
};

}  // namespace metronome

#endif  // METRONOME_COMPILER_FRONTEND_CONFIG_READER_H_
