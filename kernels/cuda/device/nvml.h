#ifndef METRONOME_KERNELS_CUDA_DEVICE_NVML_H_
#define METRONOME_KERNELS_CUDA_DEVICE_NVML_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "kernels/interface/device_telemetry.h"

namespace metronome::kernels::cuda {

struct NvmlFunctions;

// What NVIDIA's management library (NVML), a part of the driver, tells of one device. Loaded when asked for, so that
// nothing links it. Thread-safe.
// Source: NVML API reference, docs.nvidia.com/deploy/nvml-api.
class Nvml {
 public:
  // The device at this place of the PCI bus ("0000:17:00.0"), whatever its number is among those that CUDA shows. An
  // empty `library` is the driver's own.
  // FailedPrecondition: no such library, not NVML, or it does not start (no driver). NotFound: no such device.
  static absl::StatusOr<std::unique_ptr<Nvml>> Open(const std::string& pci_bus_id, const std::string& library = "");
  ~Nvml();
  Nvml(const Nvml&) = delete;
  Nvml& operator=(const Nvml&) = delete;

  const std::string& driver_version() const { return driver_version_; }  // "580.65.06"; empty when it does not tell.

  // What the device does not support, or the library is too old for, is absent.
  DeviceTelemetry Read() const;

 private:
  explicit Nvml(std::unique_ptr<const NvmlFunctions> functions);

  const std::unique_ptr<const NvmlFunctions> functions_;
  void* device_ = nullptr;
  std::string driver_version_;
};

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_KERNELS_CUDA_DEVICE_NVML_H_
