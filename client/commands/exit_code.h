#ifndef METRONOME_CLIENT_COMMANDS_EXIT_CODE_H_
#define METRONOME_CLIENT_COMMANDS_EXIT_CODE_H_

#include "absl/status/status.h"

namespace metronome::client {

// What the process returns, for scripts and CI.
enum class ExitCode : int { kOk = 0, kFailed = 1, kUsage = 2, kUnreachable = 4 };

inline ExitCode ToExitCode(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return ExitCode::kOk;
    case absl::StatusCode::kUnavailable:
      return ExitCode::kUnreachable;
    case absl::StatusCode::kInvalidArgument:
      return ExitCode::kUsage;
    default:
      return ExitCode::kFailed;
  }
}

}  // namespace metronome::client

#endif  // METRONOME_CLIENT_COMMANDS_EXIT_CODE_H_
