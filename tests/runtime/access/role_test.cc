#include "runtime/access/role.h"

#include "gtest/gtest.h"

namespace metronome {
namespace {

TEST(RoleTest, NamesAreReadAndWritten) {
  const absl::StatusOr<RoleSet> roles = ParseRoles("benchmark,read");

  ASSERT_TRUE(roles.ok()) << roles.status();
  EXPECT_EQ(*roles, Role::kRead | Role::kBenchmark);
  EXPECT_EQ(RoleNames(*roles), "read,benchmark");
  EXPECT_EQ(*ParseRoles("infer,infer"), RoleSet(Role::kInfer));
}

TEST(RoleTest, OtherTextIsRefusedAndNotQuoted) {
  for (const char* text : {"", "READ", "read,", ",read", "read, infer", "root", "read;infer"}) {
    const absl::StatusOr<RoleSet> roles = ParseRoles(text);
    EXPECT_TRUE(absl::IsInvalidArgument(roles.status())) << text;
  }
  EXPECT_EQ(ParseRoles("metronome_secret").status().message().find("secret"), absl::string_view::npos);
}

TEST(RoleTest, AnyNeededRoleSufficesAndAdminIsAllOfThem) {
  const RoleSet needed = Role::kInfer | Role::kBenchmark;

  EXPECT_TRUE(RoleSet(Role::kInfer).Allows(needed));
  EXPECT_TRUE(RoleSet(Role::kAdmin).Allows(needed));
  EXPECT_FALSE(RoleSet(Role::kRead).Allows(needed));
  EXPECT_FALSE(RoleSet().Allows(needed));
  EXPECT_FALSE((Role::kRead | Role::kInfer | Role::kBenchmark).Allows(Role::kAdmin));
}

}  // namespace
}  // namespace metronome
