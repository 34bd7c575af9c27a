#ifndef METRONOME_SERVER_PAGES_REPEAT_COMMAND_H_
#define METRONOME_SERVER_PAGES_REPEAT_COMMAND_H_

#include <string>

#include "absl/strings/string_view.h"
#include "metronome/v1/benchmark.pb.h"

namespace metronome::pages {

// The `bench-client run` that measures what `result` measured, for a POSIX shell; empty for an external result, which
// another program measured.
std::string RepeatCommand(const v1::BenchmarkResult& result);

// The text as one word of a POSIX shell.
std::string ShellWord(absl::string_view text);

}  // namespace metronome::pages

#endif  // METRONOME_SERVER_PAGES_REPEAT_COMMAND_H_
