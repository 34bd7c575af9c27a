#include "runtime/access/role.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace metronome {
namespace {

struct NamedRole {
  Role role;
  absl::string_view name;
};
constexpr NamedRole kRoles[] = {
    {Role::kRead, "read"}, {Role::kInfer, "infer"}, {Role::kBenchmark, "benchmark"}, {Role::kAdmin, "admin"}};

RoleSet FindRole(absl::string_view name) {
  for (const NamedRole& role : kRoles) {
    if (role.name == name) return role.role;
  }
  return RoleSet();
}

}  // namespace

absl::StatusOr<RoleSet> ParseRoles(absl::string_view text) {
  RoleSet roles;
  for (const absl::string_view name : absl::StrSplit(text, ',')) {
    const RoleSet role = FindRole(name);
    if (role.empty()) {
      // The text is not quoted: who mistook the fields of a line may have put a secret here.
      return absl::InvalidArgumentError("the roles are not of read, infer, benchmark and admin, separated by commas");
    }
    roles = roles | role;
  }
  return roles;
}

std::string RoleNames(RoleSet roles) {
  std::vector<absl::string_view> names;
  for (const NamedRole& role : kRoles) {
    if (roles.Has(role.role)) names.push_back(role.name);
  }
  return absl::StrJoin(names, ",");
}

}  // namespace metronome
