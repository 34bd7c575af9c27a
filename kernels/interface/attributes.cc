#include "kernels/interface/attributes.h"

#include <algorithm>
#include <charconv>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace metronome::kernels {
namespace {

std::string Print(int64_t value) { return absl::StrCat(value); }
std::string Print(const std::string& value) { return value; }
std::string Print(double value) {
  char buffer[32];  // The shortest form that reads back to the same double needs at most 24 characters.
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof(buffer), value).ptr);
}

template <typename T>
std::string Print(const std::vector<T>& list) {
  return absl::StrCat("[", absl::StrJoin(list, ",", [](std::string* out, T value) { out->append(Print(value)); }), "]");
}

template <typename T>
const T& ValueOr(const AttributeValue* value, const T& missing) {
  const T* typed = value == nullptr ? nullptr : std::get_if<T>(value);
  return typed == nullptr ? missing : *typed;
}

}  // namespace

void Attributes::Set(absl::string_view name, AttributeValue value) {
  auto at = std::lower_bound(values_.begin(), values_.end(), name,
                             [](const auto& entry, absl::string_view key) { return entry.first < key; });
  if (at != values_.end() && at->first == name) {
    at->second = std::move(value);
  } else {
    values_.emplace(at, std::string(name), std::move(value));
  }
}

const AttributeValue* Attributes::Find(absl::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return &value;
  }
  return nullptr;
}

int64_t Attributes::Int(absl::string_view name, int64_t missing) const { return ValueOr(Find(name), missing); }

double Attributes::Float(absl::string_view name, double missing) const { return ValueOr(Find(name), missing); }

absl::string_view Attributes::String(absl::string_view name, absl::string_view missing) const {
  const AttributeValue* value = Find(name);
  const std::string* text = value == nullptr ? nullptr : std::get_if<std::string>(value);
  return text == nullptr ? missing : absl::string_view(*text);
}

const std::vector<int64_t>& Attributes::Ints(absl::string_view name) const {
  static const std::vector<int64_t> kEmpty;
  return ValueOr(Find(name), kEmpty);
}

const std::vector<double>& Attributes::Floats(absl::string_view name) const {
  static const std::vector<double> kEmpty;
  return ValueOr(Find(name), kEmpty);
}

std::string Attributes::ToString() const {
  return absl::StrJoin(values_, " ", [](std::string* out, const auto& entry) {
    absl::StrAppend(out, entry.first, "=", std::visit([](const auto& value) { return Print(value); }, entry.second));
  });
}

}  // namespace metronome::kernels
