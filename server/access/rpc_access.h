#ifndef METRONOME_SERVER_ACCESS_RPC_ACCESS_H_
#define METRONOME_SERVER_ACCESS_RPC_ACCESS_H_

#include <vector>

#include "absl/strings/string_view.h"
#include "runtime/access/role.h"

namespace metronome::server {

// Who may call an RPC.
struct RpcAccess {
  absl::string_view path;       // As gRPC has it: "/metronome.v1.Inference/Decode".
  RoleSet roles;                // Any one of them suffices.
  bool needs_no_token = false;  // Open to everyone who can connect.

  absl::string_view name() const { return path.substr(path.rfind('/') + 1); }
};

// Every RPC that the daemon serves, those of gRPC's own services included.
const std::vector<RpcAccess>& RpcAccessTable();

// The table's entry; for any other path one that only an admin passes, named "other".
const RpcAccess& FindRpcAccess(absl::string_view path);

}  // namespace metronome::server

#endif  // METRONOME_SERVER_ACCESS_RPC_ACCESS_H_
