#include <spdlog/spdlog.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>

#include "server/daemon/config.h"
#include "server/daemon/daemon.h"
#include "server/daemon/logging.h"

namespace {

// Blocks the signals that the daemon waits for in this and all later threads.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// What can change while the daemon serves: the log's level and format, certificates and tokens. An error in the
// configuration leaves everything as it is.
void Reload(int argc, char** argv, metronome::server::Daemon& daemon) {
  const auto parsed = metronome::server::ParseCommandLine(argc, argv);
  if (!parsed.ok() || !parsed->has_value()) {
    spdlog::error("not reloaded: {}", std::string(parsed.status().message()));
    return;
  }
  metronome::server::ConfigureLogging((*parsed)->log_level, (*parsed)->log_format);
  daemon.Reload(**parsed);
  spdlog::info("reloaded: log level {}, format {}, certificates, tokens; all else takes effect at the next start",
               (*parsed)->log_level, (*parsed)->log_format);
}

// Ends the process at the next SIGTERM or SIGINT, with what is in the database by then: someone who asks twice does not
// want to wait for running requests.
void EndAtNextSignal(const sigset_t& signals) {
  std::thread([signals] {
    int signal = 0;
    do {
      sigwait(&signals, &signal);
    } while (signal == SIGHUP);
    spdlog::warn("a second signal: stopping at once");
    _exit(1);
  }).detach();
}

// Sends this process a SIGTERM when its standard input ends: whoever holds the other end of the pipe is gone, however
// it went.
void StopWithStandardInput() {
  std::thread([] {
    char byte = 0;
    ssize_t count = 0;
    do {
      count = read(STDIN_FILENO, &byte, 1);
    } while (count > 0 || (count < 0 && errno == EINTR));
    kill(getpid(), SIGTERM);
  }).detach();
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = metronome::server::ParseCommandLine(argc, argv);
  if (!parsed.ok()) {
    std::fprintf(stderr, "metronomed: %s\n", std::string(parsed.status().message()).c_str());
    return 2;
  }
  if (!parsed->has_value()) return 0;
  metronome::server::ConfigureLogging((*parsed)->log_level, (*parsed)->log_format);
  const sigset_t signals = BlockSignals();
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // A file at its limit (ulimit -f) is a full disk, not the end.
  if ((*parsed)->stop_with_stdin) StopWithStandardInput();

  const auto daemon = metronome::server::Daemon::Start(**parsed);
  if (!daemon.ok()) {
    spdlog::error("{}", std::string(daemon.status().message()));
    return 1;
  }
  constexpr timespec kTick = {.tv_sec = 1, .tv_nsec = 0};
  for (;;) {
    const int signal = sigtimedwait(&signals, nullptr, &kTick);
    if (signal == SIGTERM || signal == SIGINT) break;
    if (signal == SIGHUP) Reload(argc, argv, **daemon);
    (*daemon)->Tick();
  }
  EndAtNextSignal(signals);
  (*daemon)->Stop();
  return 0;
}
