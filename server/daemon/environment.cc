#include "server/daemon/environment.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "server/build_info.h"

namespace metronome::server {

v1::ServerEnvironment DescribeEnvironment(const kernels::Backend& backend) {
  v1::ServerEnvironment environment;
  environment.set_build_commit(kBuildCommit);
  utsname system = {};
  if (uname(&system) == 0) {
    environment.set_host(system.nodename);
    environment.set_os(absl::StrCat(system.sysname, " ", system.release));
  }
  const kernels::DeviceInfo device = backend.Describe();
  if (backend.name() == "cpu") {
    environment.set_cpu_model(device.name);
  } else {
    environment.set_gpu_name(device.name);
    environment.set_gpu_driver(device.driver);
    environment.set_cuda_version(absl::StrCat(device.runtime, device.libraries.empty() ? "" : ", ", device.libraries));
  }
  environment.set_instruction_set(device.instruction_set);
  environment.set_threads(device.threads);
  environment.set_memory_total_bytes(device.memory_total_bytes);
  environment.set_memory_available_bytes(backend.MemoryAvailableBytes());
  double load[1] = {0};
  if (getloadavg(load, 1) == 1) environment.set_load_average(load[0]);
  return environment;
}

int64_t PeakResidentBytes() {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("VmHWM:", 0) != 0) continue;
    int64_t kibibytes = 0;
    std::istringstream(line.substr(6)) >> kibibytes;
    return kibibytes * 1024;
  }
  return 0;
}

void ResetPeakResidentBytes() { std::ofstream("/proc/self/clear_refs") << "5"; }

}  // namespace metronome::server
