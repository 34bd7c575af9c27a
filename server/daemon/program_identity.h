#ifndef METRONOME_SERVER_DAEMON_PROGRAM_IDENTITY_H_
#define METRONOME_SERVER_DAEMON_PROGRAM_IDENTITY_H_

#include <string>

namespace metronome::server {

// Which build of the program runs: what was timed with its kernels says nothing of another's.
std::string ProgramIdentity();

}  // namespace metronome::server

#endif  // METRONOME_SERVER_DAEMON_PROGRAM_IDENTITY_H_
