#ifndef METRONOME_CLIENT_COMMANDS_COMPILE_H_
#define METRONOME_CLIENT_COMMANDS_COMPILE_H_

#include "absl/status/statusor.h"
#include "client/commands/commands.h"

namespace metronome::client {

// Compiles on the server with progress on standard error. Errors of the RPC.
absl::StatusOr<v1::ModelInfo> CompileWithProgress(Connection& connection, const CompileOptions& options);

// Makes what names a model and weights fit for the daemon (ModelArgument). Errors of the RPC that it may take.
absl::Status MakePathsAbsolute(Connection& connection, CompileOptions& options);

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_COMMANDS_COMPILE_H_
