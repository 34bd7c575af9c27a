#ifndef METRONOME_RUNTIME_ACCESS_ROLE_H_
#define METRONOME_RUNTIME_ACCESS_ROLE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace metronome {

// What a caller may do. An admin may do everything; of the others none implies another.
enum class Role : uint8_t { kRead = 1, kInfer = 2, kBenchmark = 4, kAdmin = 8 };

// Any number of roles.
class RoleSet {
 public:
  constexpr RoleSet() = default;
  constexpr RoleSet(Role role) : bits_(static_cast<uint8_t>(role)) {}  // NOLINT: a role is a set of one.

  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool Has(Role role) const { return (bits_ & static_cast<uint8_t>(role)) != 0; }
  // These roles suffice where any of `needed` does.
  constexpr bool Allows(RoleSet needed) const { return Has(Role::kAdmin) || (bits_ & needed.bits_) != 0; }

  friend constexpr RoleSet operator|(RoleSet a, RoleSet b) {
    RoleSet both;
    both.bits_ = static_cast<uint8_t>(a.bits_ | b.bits_);
    return both;
  }
  friend constexpr bool operator==(RoleSet, RoleSet) = default;

 private:
  uint8_t bits_ = 0;
};

// Two enumerators are not converted to a class of their own accord.
constexpr RoleSet operator|(Role a, Role b) { return RoleSet(a) | RoleSet(b); }

// Reads "read,infer": one or more names, separated by commas. InvalidArgument, without
// quoting the text, for anything else.
absl::StatusOr<RoleSet> ParseRoles(absl::string_view text);

// As ParseRoles reads them.
std::string RoleNames(RoleSet roles);

}  // namespace metronome

#endif  // METRONOME_RUNTIME_ACCESS_ROLE_H_
