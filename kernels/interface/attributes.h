#ifndef METRONOME_KERNELS_INTERFACE_ATTRIBUTES_H_
#define METRONOME_KERNELS_INTERFACE_ATTRIBUTES_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"

namespace metronome::kernels {

using AttributeValue = std::variant<int64_t, double, std::string, std::vector<int64_t>, std::vector<double>>;

// The compile-time constants of an op or a kernel call: a small map sorted by name, so that equal contents compare,
// hash and print alike. Lookups of a missing name or a wrong type return the default.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<std::string, AttributeValue>> values) {
    for (const auto& [name, value] : values) Set(name, value);
  }

  void Set(absl::string_view name, AttributeValue value);
  const AttributeValue* Find(absl::string_view name) const;
  int64_t Int(absl::string_view name, int64_t missing = 0) const;
  double Float(absl::string_view name, double missing = 0) const;
  absl::string_view String(absl::string_view name, absl::string_view missing = "") const;
  const std::vector<int64_t>& Ints(absl::string_view name) const;   // Empty when missing.
  const std::vector<double>& Floats(absl::string_view name) const;  // Empty when missing.

  const std::vector<std::pair<std::string, AttributeValue>>& values() const { return values_; }
  bool empty() const { return values_.empty(); }
  std::string ToString() const;  // "eps=1e-05 axis=-1"; doubles print exactly.
  friend bool operator==(const Attributes&, const Attributes&) = default;

 private:
  std::vector<std::pair<std::string, AttributeValue>> values_;
};

}  // namespace metronome::kernels

#endif  // METRONOME_KERNELS_INTERFACE_ATTRIBUTES_H_
