#include "kernels/cuda/program/nvrtc/nvrtc_compiler.h"

#include <dlfcn.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/device/library_search.h"
#include "kernels/cuda/program/nvrtc/headers.h"

namespace metronome::kernels::cuda {
namespace {

constexpr char kLibrary[] = "libnvrtc.so.13";

// NVRTC's interface (nvrtc.h), declared here so that nothing needs the toolkit to be built.
using Program = struct NvrtcProgram*;
constexpr int kSuccess = 0;
constexpr int kCompilationError = 6;
struct Nvrtc {
  int (*Version)(int* major, int* minor) = nullptr;
  int (*GetNumSupportedArchs)(int* count) = nullptr;
  int (*GetSupportedArchs)(int* architectures) = nullptr;
  const char* (*GetErrorString)(int result) = nullptr;
  int (*CreateProgram)(Program* program, const char* source, const char* name, int headers, const char* const* texts,
                       const char* const* names) = nullptr;
  int (*CompileProgram)(Program program, int count, const char* const* options) = nullptr;
  int (*GetProgramLogSize)(Program program, size_t* bytes) = nullptr;
  int (*GetProgramLog)(Program program, char* log) = nullptr;
  int (*GetCUBINSize)(Program program, size_t* bytes) = nullptr;
  int (*GetCUBIN)(Program program, char* cubin) = nullptr;
  int (*DestroyProgram)(Program* program) = nullptr;
};

template <typename Function>
absl::Status Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  if (function == nullptr) return absl::FailedPreconditionError(absl::StrCat(kLibrary, " has no ", name));
  return absl::OkStatus();
}

// NVRTC opens its library of built-in functions by name alone, which finds it only if it is loaded or on the loader's
// path. It lies beside NVRTC.
void LoadBuiltins(void* library, int major, int minor) {
  link_map* map = nullptr;
  if (dlinfo(library, RTLD_DI_LINKMAP, &map) != 0 || map == nullptr) return;
  const std::string path = map->l_name;
  const std::string directory = path.substr(0, path.rfind('/') + 1);
  dlopen(absl::StrCat(directory, "libnvrtc-builtins.so.", major, ".", minor).c_str(), RTLD_NOW | RTLD_GLOBAL);
}

class NvrtcCompiler final : public CubinCompiler {
 public:
  // The library stays loaded: code of it may run when the process ends.
  absl::Status Start(absl::string_view architecture) {
    const absl::StatusOr<void*> found = LoadFirst(CudaLibraryCandidates(kLibrary));
    if (!found.ok()) return absl::FailedPreconditionError(absl::StrCat("no NVRTC: ", found.status().message()));
    void* const library = *found;
    RETURN_IF_ERROR(Find(library, "nvrtcVersion", nvrtc_.Version));
    RETURN_IF_ERROR(Find(library, "nvrtcGetNumSupportedArchs", nvrtc_.GetNumSupportedArchs));
    RETURN_IF_ERROR(Find(library, "nvrtcGetSupportedArchs", nvrtc_.GetSupportedArchs));
    RETURN_IF_ERROR(Find(library, "nvrtcGetErrorString", nvrtc_.GetErrorString));
    RETURN_IF_ERROR(Find(library, "nvrtcCreateProgram", nvrtc_.CreateProgram));
    RETURN_IF_ERROR(Find(library, "nvrtcCompileProgram", nvrtc_.CompileProgram));
    RETURN_IF_ERROR(Find(library, "nvrtcGetProgramLogSize", nvrtc_.GetProgramLogSize));
    RETURN_IF_ERROR(Find(library, "nvrtcGetProgramLog", nvrtc_.GetProgramLog));
    RETURN_IF_ERROR(Find(library, "nvrtcGetCUBINSize", nvrtc_.GetCUBINSize));
    RETURN_IF_ERROR(Find(library, "nvrtcGetCUBIN", nvrtc_.GetCUBIN));
    RETURN_IF_ERROR(Find(library, "nvrtcDestroyProgram", nvrtc_.DestroyProgram));
    int major = 0, minor = 0;
    RETURN_IF_ERROR(Say(nvrtc_.Version(&major, &minor)));
    LoadBuiltins(library, major, minor);
    version_ = absl::StrCat("NVRTC ", major, ".", minor);
    RETURN_IF_ERROR(CheckArchitecture(architecture));
    options_ = {absl::StrCat("--gpu-architecture=", architecture), "--std=c++20", "--device-as-default-execution-space",
                "--ptxas-options=--warn-on-spills",
                "--pre-include=kernels/cuda/program/nvrtc/prelude.cuh"};  // Stands for the standard's headers.
    uint64_t headers = kFnv1aStart;
    for (const NvrtcHeader& header : NvrtcHeaders()) {
      for (const char* at = header.text; *at != '\0'; ++at) headers = Fnv1aByte(headers, static_cast<uint8_t>(*at));
    }
    key_ = absl::StrCat(version_, " ", absl::StrJoin(options_, " "), " ", absl::Hex(headers));
    return absl::OkStatus();
  }

  const std::string& version() const override { return version_; }
  const std::string& key() const override { return key_; }

  absl::StatusOr<Result> Compile(const std::string& source) override {
    std::vector<const char*> texts, names, options;
    for (const NvrtcHeader& header : NvrtcHeaders()) {
      texts.push_back(header.text);
      names.push_back(header.name);
    }
    for (const std::string& option : options_) options.push_back(option.c_str());
    Program program = nullptr;
    RETURN_IF_ERROR(Say(nvrtc_.CreateProgram(&program, source.c_str(), "fused.cu", static_cast<int>(texts.size()),
                                             texts.data(), names.data())));
    const int compiled = nvrtc_.CompileProgram(program, static_cast<int>(options.size()), options.data());
    absl::StatusOr<Result> result = ResultOf(program, compiled);
    nvrtc_.DestroyProgram(&program);
    return result;
  }

 private:
  absl::Status Say(int result) const {
    if (result == kSuccess) return absl::OkStatus();
    return absl::InternalError(absl::StrCat("NVRTC: ", nvrtc_.GetErrorString(result)));
  }

  absl::Status CheckArchitecture(absl::string_view wanted) const {
    int count = 0;
    RETURN_IF_ERROR(Say(nvrtc_.GetNumSupportedArchs(&count)));
    std::vector<int> known(static_cast<size_t>(count));
    RETURN_IF_ERROR(Say(nvrtc_.GetSupportedArchs(known.data())));
    const bool knows = std::any_of(known.begin(), known.end(),
                                   [&](int architecture) { return absl::StrCat("sm_", architecture) == wanted; });
    if (!knows) return absl::FailedPreconditionError(absl::StrCat(version_, " does not know ", wanted));
    return absl::OkStatus();
  }

  absl::StatusOr<Result> ResultOf(Program program, int compiled) const {
    Result result;
    size_t bytes = 0;
    RETURN_IF_ERROR(Say(nvrtc_.GetProgramLogSize(program, &bytes)));
    result.log.resize(bytes);
    RETURN_IF_ERROR(Say(nvrtc_.GetProgramLog(program, result.log.data())));
    while (!result.log.empty() && result.log.back() == '\0') result.log.pop_back();
    if (compiled == kCompilationError) return absl::InvalidArgumentError(result.log);
    RETURN_IF_ERROR(Say(compiled));
    RETURN_IF_ERROR(Say(nvrtc_.GetCUBINSize(program, &bytes)));
    result.cubin.resize(bytes);
    RETURN_IF_ERROR(Say(nvrtc_.GetCUBIN(program, result.cubin.data())));
    return result;
  }

  Nvrtc nvrtc_;
  std::string version_, key_;
  std::vector<std::string> options_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CubinCompiler>> LoadNvrtc(absl::string_view architecture) {
  auto compiler = std::make_unique<NvrtcCompiler>();
  RETURN_IF_ERROR(compiler->Start(architecture));
  return compiler;
}

}  // namespace metronome::kernels::cuda
