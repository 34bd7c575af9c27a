#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <cstdio>
#include <ctime>
#include <string>

#include "server/config.h"
#include "server/daemon.h"

namespace {

void ConfigureLogging(const metronome::DaemonConfig& config) {
  spdlog::set_default_logger(spdlog::stderr_logger_mt("metronomed"));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  if (config.log_format == "json") {
    // Messages are ours and hold no quotes but paths and keys in single ones.
    spdlog::set_pattern(R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","message":"%v"})");
  } else {
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  }
}

// Blocks the signals that end the daemon in this and all later threads, for sigtimedwait to take.
sigset_t BlockStopSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

}  // namespace

int main(int argc, char** argv) {
  const auto parsed = metronome::ParseCommandLine(argc, argv);
  if (!parsed.ok()) {
    std::fprintf(stderr, "metronomed: %s\n", std::string(parsed.status().message()).c_str());
    return 2;
  }
  if (!parsed->has_value()) return 0;
  ConfigureLogging(**parsed);
  const sigset_t signals = BlockStopSignals();
  std::signal(SIGPIPE, SIG_IGN);

  const auto daemon = metronome::Daemon::Start(**parsed);
  if (!daemon.ok()) {
    spdlog::error("{}", std::string(daemon.status().message()));
    return 1;
  }
  constexpr timespec kTick = {.tv_sec = 1, .tv_nsec = 0};
  while (sigtimedwait(&signals, nullptr, &kTick) < 0) (*daemon)->Tick();
  (*daemon)->Stop();
  return 0;
}
