#include "server/daemon/cpu_calibration.h"

#include <spdlog/spdlog.h>

#include <chrono>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "kernels/base/file_store.h"
#include "kernels/base/status_macros.h"
#include "kernels/cpu/calibration/calibrate.h"
#include "kernels/cpu/cpu_backend.h"
#include "server/daemon/program_identity.h"

namespace metronome::server {
namespace {

// An answer takes less than a kilobyte; builds and machines that share a home directory are many.
constexpr int64_t kStoreBytes = 1 << 20;

std::string KeyOf(const kernels::Backend& backend) {
  const kernels::DeviceInfo device = backend.Describe();
  return absl::StrCat("program ", ProgramIdentity(), "\ndevice ", device.name, "\nisa ", device.instruction_set,
                      "\nthreads ", device.threads);
}

std::optional<kernels::cpu::CpuTuning> Find(const FileStore& store, const std::string& key) {
  const absl::StatusOr<std::string> text = store.Get(key);
  if (!text.ok()) return std::nullopt;
  absl::StatusOr<kernels::cpu::CpuTuning> tuning = kernels::cpu::CpuTuning::Parse(*text);
  if (tuning.ok()) return *std::move(tuning);
  spdlog::warn("a kept calibration is ignored: {}", std::string(tuning.status().message()));
  return std::nullopt;
}

}  // namespace

absl::StatusOr<CalibratedCpu> CreateCalibratedCpu(int threads, const std::string& directory, CpuCalibrator calibrate) {
  ASSIGN_OR_RETURN(std::unique_ptr<kernels::Backend> plain, kernels::CreateCpuBackend({.threads = threads}));
  if (directory == "off") return CalibratedCpu{.backend = std::move(plain), .calibration = "off"};
  const absl::StatusOr<FileStore> store = FileStore::Open(directory, kStoreBytes);
  if (!store.ok()) spdlog::warn("calibrations are not kept: {}", std::string(store.status().message()));
  const std::string key = KeyOf(*plain);
  std::optional<kernels::cpu::CpuTuning> tuning = store.ok() ? Find(*store, key) : std::nullopt;
  std::string how = "kept from an earlier start";
  if (!tuning.has_value()) {
    const auto start = std::chrono::steady_clock::now();
    absl::StatusOr<kernels::cpu::CpuTuning> measured = calibrate(*plain);
    if (!measured.ok()) {
      spdlog::warn("kernels are not calibrated: {}", std::string(measured.status().message()));
      return CalibratedCpu{.backend = std::move(plain),
                           .calibration = absl::StrCat("none: ", measured.status().message())};
    }
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    how = absl::StrFormat("measured in %.1f s", taken.count());
    tuning = *std::move(measured);
    const absl::Status kept = store.ok() ? store->Put(key, tuning->ToString()) : absl::OkStatus();
    if (!kept.ok()) spdlog::warn("the calibration is not kept: {}", std::string(kept.message()));
  }
  const std::string text = tuning->ToString();
  spdlog::info("calibration {}{}", how, text.empty() ? ": the kernels' own choices" : "");
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty()))
    spdlog::info("tuned {}", std::string(line));
  if (text.empty()) return CalibratedCpu{.backend = std::move(plain), .calibration = std::move(how)};
  plain.reset();  // Its threads would wait beside those that serve.
  ASSIGN_OR_RETURN(std::unique_ptr<kernels::Backend> tuned,
                   kernels::CreateCpuBackend({.threads = threads, .tuning = *std::move(tuning)}));
  return CalibratedCpu{.backend = std::move(tuned), .calibration = std::move(how)};
}

absl::StatusOr<CalibratedCpu> CreateCalibratedCpu(int threads, const std::string& directory) {
  return CreateCalibratedCpu(threads, directory,
                             [](kernels::Backend& backend) { return kernels::cpu::CalibrateCpu(backend); });
}

}  // namespace metronome::server
