// The daemon's configuration file.
#include "server/daemon/config.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/temp_directory.h"

namespace metronome::fuzz {

std::vector<std::string> Seeds() {
  return {
      "listen = \"127.0.0.1:0\"\nmetrics_listen = \"\"\ndb = \"/tmp/x.db\"\nplan_cache = \"off\"\ncalibration = "
      "\"off\"\n",
      "log_format = 'json'\nlog_level = \"debug\"\nbackend = \"cpu\"\nthreads = 2\nqueue_limit = 0x10\n",
      "session_idle_seconds = 1_000\ndrain_seconds = 30\nport_file = '''ports'''\n",
      "# a comment\nthreads = 99999999999999999999\n",
      "a.b.c = { d = [1, 2.5, true, 2020-01-01T00:00:00Z, \"\\u00e9\"] }\n[[t]]\nx = inf\n",
  };
}

}  // namespace metronome::fuzz

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace metronome;
  static const TempDirectory& directory = *new TempDirectory();
  server::DaemonConfig config;
  if (server::ApplyConfigFile(directory.Write("metronomed.toml", {reinterpret_cast<const char*>(data), size}), config)
          .ok())
    (void)server::ValidateConfig(config);
  return 0;
}
