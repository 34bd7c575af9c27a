#include "server/access/rpc_access.h"

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "metronome/v1/benchmark.pb.h"
#include "metronome/v1/inference.pb.h"

namespace metronome::server {
namespace {

// The RPCs of all services in the files of the protocol.
std::set<std::string> RpcsOfTheProtocol() {
  std::set<std::string> paths;
  for (const google::protobuf::FileDescriptor* file :
       {v1::CompileRequest::descriptor()->file(), v1::StartRunRequest::descriptor()->file()}) {
    for (int i = 0; i < file->service_count(); ++i) {
      const google::protobuf::ServiceDescriptor& service = *file->service(i);
      for (int m = 0; m < service.method_count(); ++m)
        paths.insert(absl::StrCat("/", service.full_name(), "/", service.method(m)->name()));
    }
  }
  return paths;
}

TEST(RpcAccessTest, EveryRpcOfTheProtocolNeedsARole) {
  const std::set<std::string> paths = RpcsOfTheProtocol();
  EXPECT_GE(paths.size(), 17u);
  for (const std::string& path : paths) {
    const RpcAccess& rpc = FindRpcAccess(path);
    EXPECT_EQ(rpc.path, path) << "has no line in the table";
    EXPECT_FALSE(rpc.roles.empty()) << path;
    EXPECT_FALSE(rpc.needs_no_token) << path;
  }
}

TEST(RpcAccessTest, TheTableNamesNothingTwiceAndNothingElse) {
  std::set<std::string> rest = RpcsOfTheProtocol(), seen;
  for (const RpcAccess& rpc : RpcAccessTable()) {
    EXPECT_TRUE(seen.insert(std::string(rpc.path)).second) << rpc.path;
    rest.erase(std::string(rpc.path));
  }
  EXPECT_TRUE(rest.empty());
  EXPECT_EQ(seen.size(), RpcsOfTheProtocol().size() + 3);  // Health's two, and reflection.
}

TEST(RpcAccessTest, OnlyAnAdminUnloadsAndRecordsAndCallsWhatIsUnknown) {
  const RoleSet others = Role::kRead | Role::kInfer | Role::kBenchmark;
  for (const char* path : {"/metronome.v1.Inference/Unload", "/metronome.v1.Benchmark/RecordResult", "/x/y", "", "/",
                           "/metronome.v1.Inference/unload", "metronome.v1.Inference/Decode"}) {
    EXPECT_FALSE(others.Allows(FindRpcAccess(path).roles)) << path;
    EXPECT_TRUE(RoleSet(Role::kAdmin).Allows(FindRpcAccess(path).roles)) << path;
    EXPECT_FALSE(FindRpcAccess(path).needs_no_token) << path;
  }
  EXPECT_EQ(FindRpcAccess("/made/up").name(), "other");
}

TEST(RpcAccessTest, AReaderChangesNothing) {
  for (const RpcAccess& rpc : RpcAccessTable()) {
    if (!RoleSet(Role::kRead).Allows(rpc.roles) || rpc.needs_no_token) continue;
    const std::string name(rpc.name());
    EXPECT_TRUE(name.rfind("List", 0) == 0 || name.rfind("Get", 0) == 0 || name == "Watch" ||
                name == "ServerReflectionInfo")
        << name;
  }
}

}  // namespace
}  // namespace metronome::server
