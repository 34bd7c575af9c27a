#include "kernels/cuda/device/nvml.h"

#include <dlfcn.h>

#include <cstdint>
#include <initializer_list>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/device/library_search.h"

namespace metronome::kernels::cuda {

// NVML's binary interface, as far as it is used. Declared here because toolkits come without nvml.h at times; these
// functions have kept their types since the first drivers that have them.
struct NvmlFunctions {
  using Result = int;     // 0: success.
  using Device = void*;   // nvmlDevice_t.
  struct Utilisation {    // nvmlUtilization_t.
    unsigned gpu = 0;     // Percent.
    unsigned memory = 0;  // Percent.
  };

  Result (*init)() = nullptr;
  Result (*shutdown)() = nullptr;
  const char* (*error_string)(Result) = nullptr;
  Result (*driver_version)(char*, unsigned) = nullptr;
  Result (*device_at)(const char*, Device*) = nullptr;
  Result (*clock)(Device, int, unsigned*) = nullptr;         // MHz.
  Result (*max_clock)(Device, int, unsigned*) = nullptr;     // MHz.
  Result (*temperature)(Device, int, unsigned*) = nullptr;   // Degrees Celsius.
  Result (*power)(Device, unsigned*) = nullptr;              // Milliwatts.
  Result (*power_limit)(Device, unsigned*) = nullptr;        // Milliwatts.
  Result (*utilisation)(Device, Utilisation*) = nullptr;     // Over the last sample period.
  Result (*reasons)(Device, unsigned long long*) = nullptr;  // NOLINT(runtime/int): NVML's type.
};

namespace {

constexpr int kSmClock = 1;      // NVML_CLOCK_SM.
constexpr int kMemoryClock = 2;  // NVML_CLOCK_MEM.
constexpr int kGpuSensor = 0;    // NVML_TEMPERATURE_GPU.

// Bits of nvmlDeviceGetCurrentClocksEventReasons, of kThrottleReasons in their order. The others: 0x1 idle, 0x2 clocks
// set by the user, 0x100 clocks set for a display.
constexpr uint64_t kReasonBits[] = {0x4, 0x8, 0x10, 0x20, 0x40, 0x80};
static_assert(std::size(kReasonBits) == kThrottleReasons.size());

// The first of these names that the library has, else nullptr.
template <typename Function>
void Find(void* library, std::initializer_list<const char*> names, Function& function) {
  for (const char* name : names) {
    if (function == nullptr) function = reinterpret_cast<Function>(dlsym(library, name));
  }
}

std::unique_ptr<NvmlFunctions> FindFunctions(void* library) {
  auto functions = std::make_unique<NvmlFunctions>();
  Find(library, {"nvmlInit_v2"}, functions->init);
  Find(library, {"nvmlShutdown"}, functions->shutdown);
  Find(library, {"nvmlErrorString"}, functions->error_string);
  Find(library, {"nvmlSystemGetDriverVersion"}, functions->driver_version);
  Find(library, {"nvmlDeviceGetHandleByPciBusId_v2"}, functions->device_at);
  Find(library, {"nvmlDeviceGetClockInfo"}, functions->clock);
  Find(library, {"nvmlDeviceGetMaxClockInfo"}, functions->max_clock);
  Find(library, {"nvmlDeviceGetTemperature"}, functions->temperature);
  Find(library, {"nvmlDeviceGetPowerUsage"}, functions->power);
  Find(library, {"nvmlDeviceGetEnforcedPowerLimit"}, functions->power_limit);
  Find(library, {"nvmlDeviceGetUtilizationRates"}, functions->utilisation);
  // The second name: drivers before 535.
  Find(library, {"nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"},
       functions->reasons);
  return functions;
}

std::string Words(const NvmlFunctions& functions, NvmlFunctions::Result result) {
  const char* const words = functions.error_string == nullptr ? nullptr : functions.error_string(result);
  return absl::StrCat(words == nullptr ? "no reason given" : words, " (", result, ")");
}

// The number that a function gives, in units of `scale`; nullopt where there is no such function or it fails.
template <typename Function, typename... Arguments>
std::optional<double> Ask(double scale, Function function, Arguments... arguments) {
  unsigned value = 0;
  if (function == nullptr || function(arguments..., &value) != 0) return std::nullopt;
  return value * scale;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Nvml>> Nvml::Open(const std::string& pci_bus_id, const std::string& library) {
  constexpr char kDriverLibrary[] = "libnvidia-ml.so.1";
  const std::string name = library.empty() ? kDriverLibrary : library;
  const absl::StatusOr<void*> handle =
      LoadFirst(library.empty() ? DriverLibraryCandidates(kDriverLibrary) : std::vector<std::string>{library});
  if (!handle.ok()) return absl::FailedPreconditionError(absl::StrCat("no NVML: ", handle.status().message()));
  std::unique_ptr<NvmlFunctions> functions = FindFunctions(*handle);
  if (functions->init == nullptr || functions->shutdown == nullptr || functions->device_at == nullptr)
    return absl::FailedPreconditionError(absl::StrCat(name, " is not NVML, or too old"));
  if (const int result = functions->init(); result != 0) {
    return absl::FailedPreconditionError(absl::StrCat("NVML (", name, ") does not start: ", Words(*functions, result)));
  }
  auto nvml = std::unique_ptr<Nvml>(new Nvml(std::move(functions)));
  if (const int result = nvml->functions_->device_at(pci_bus_id.c_str(), &nvml->device_); result != 0) {
    return absl::NotFoundError(
        absl::StrCat("NVML knows no device at PCI bus id ", pci_bus_id, ": ", Words(*nvml->functions_, result)));
  }
  char version[80] = "";  // NVML_SYSTEM_DRIVER_VERSION_BUFFER_SIZE.
  const auto ask = nvml->functions_->driver_version;
  if (ask != nullptr && ask(version, sizeof(version)) == 0) nvml->driver_version_ = version;
  return nvml;
}

Nvml::Nvml(std::unique_ptr<const NvmlFunctions> functions) : functions_(std::move(functions)) {}

Nvml::~Nvml() { functions_->shutdown(); }

DeviceTelemetry Nvml::Read() const {
  constexpr double kMega = 1e6, kMilli = 1e-3;
  const NvmlFunctions& ask = *functions_;
  DeviceTelemetry telemetry = {.sm_clock_hertz = Ask(kMega, ask.clock, device_, kSmClock),
                               .memory_clock_hertz = Ask(kMega, ask.clock, device_, kMemoryClock),
                               .sm_clock_max_hertz = Ask(kMega, ask.max_clock, device_, kSmClock),
                               .memory_clock_max_hertz = Ask(kMega, ask.max_clock, device_, kMemoryClock),
                               .temperature_celsius = Ask(1, ask.temperature, device_, kGpuSensor),
                               .power_watts = Ask(kMilli, ask.power, device_),
                               .power_limit_watts = Ask(kMilli, ask.power_limit, device_)};
  if (NvmlFunctions::Utilisation rates; ask.utilisation != nullptr && ask.utilisation(device_, &rates) == 0)
    telemetry.utilisation = rates.gpu / 100.0;
  if (unsigned long long bits = 0; ask.reasons != nullptr && ask.reasons(device_, &bits) == 0) {  // NOLINT(runtime/int)
    telemetry.throttle_reasons.emplace();
    for (size_t i = 0; i < kThrottleReasons.size(); ++i) {
      if ((bits & kReasonBits[i]) != 0) telemetry.throttle_reasons->push_back(kThrottleReasons[i]);
    }
  }
  return telemetry;
}

}  // namespace metronome::kernels::cuda
