#include <cuda.h>
#include <cuda_runtime_api.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "kernels/base/status_macros.h"
#include "kernels/cuda/device/driver.h"
#include "kernels/cuda/device/library_search.h"
#include "kernels/cuda/device/nvml.h"
#include "kernels/cuda/device/nvtx.h"

namespace metronome::kernels::cuda {
namespace {

// Errors after which no call of this process succeeds any more: those of which CUDA's headers say that the process must
// be relaunched, and what ends its context otherwise. The driver's calls have the same numbers.
bool IsFatal(cudaError_t error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorHardwareStackError:
    case cudaErrorIllegalInstruction:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorAssert:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContained:
    case cudaErrorTensorMemoryLeak:
    case cudaErrorMpsClientTerminated:
    case cudaErrorExternalDevice:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDevicesUnavailable:
      return true;
    default:
      return false;
  }
}

// The virtual memory management of the driver, which the runtime has no calls for. Found through the runtime, so that
// nothing links libcuda and the plugin loads without it.
struct VirtualMemory {
  decltype(&cuMemAddressReserve) reserve = nullptr;
  decltype(&cuMemAddressFree) free = nullptr;
  decltype(&cuMemCreate) create = nullptr;
  decltype(&cuMemRelease) release = nullptr;
  decltype(&cuMemMap) map = nullptr;
  decltype(&cuMemUnmap) unmap = nullptr;
  decltype(&cuMemSetAccess) set_access = nullptr;
  decltype(&cuMemGetAllocationGranularity) granularity = nullptr;
};

// The version of CUDA's interface that these functions are asked for by: they have not changed since 10.2. With
// CUDART_VERSION, a driver older than the toolkit that built the plugin, which CUDA allows within a major version,
// would have none of them.
constexpr int kInterface = 12000;

template <typename Function>
absl::Status Find(const char* name, Function& function) {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error = cudaGetDriverEntryPointByVersion(name, &found, kInterface, cudaEnableDefault, &result);
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess || found == nullptr)
    return absl::FailedPreconditionError(absl::StrCat("the NVIDIA driver has no ", name, "; it is too old"));
  function = reinterpret_cast<Function>(found);
  return absl::OkStatus();
}

class CudaDriver final : public Driver {
 public:
  ~CudaDriver() override {
    if (stream_ != nullptr) cudaStreamDestroy(stream_);
  }

  absl::Status Start() {
    // The usual case on a machine without a GPU, and worth a clearer word than CUDA's. CUDA opens the library by its
    // plain name, which is that of the one loaded here wherever it lies.
    if (const absl::Status loaded = LoadFirst(DriverLibraryCandidates("libcuda.so.1")).status(); !loaded.ok())
      return absl::FailedPreconditionError(absl::StrCat("no NVIDIA driver: ", loaded.message()));
    int devices = 0;
    if (const cudaError_t error = cudaGetDeviceCount(&devices); error != cudaSuccess || devices == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat("no CUDA device: ", error == cudaSuccess ? "the driver lists none" : cudaGetErrorString(error)));
    }
    RETURN_IF_ERROR(Say(cudaSetDevice(0)));
    cudaDeviceProp device;
    RETURN_IF_ERROR(Say(cudaGetDeviceProperties(&device, 0)));
    properties_ = {.name = device.name,
                   .compute_major = device.major,
                   .compute_minor = device.minor,
                   .multiprocessors = device.multiProcessorCount,
                   .runtime = absl::StrCat(CUDART_VERSION / 1000, ".", CUDART_VERSION % 1000 / 10)};
    if (device.major < 8) {
      return absl::FailedPreconditionError(absl::StrCat(device.name, " has compute capability ", device.major, ".",
                                                        device.minor, "; the kernels need 8.0"));
    }
    char bus_id[32] = "";
    RETURN_IF_ERROR(Say(cudaDeviceGetPCIBusId(bus_id, sizeof(bus_id), 0)));
    nvml_ = Nvml::Open(bus_id);
    properties_.driver_version = nvml_.ok() ? (*nvml_)->driver_version() : "";
    if (int cuda = 0; properties_.driver_version.empty() && cudaDriverGetVersion(&cuda) == cudaSuccess)
      properties_.driver_version = absl::StrCat("for CUDA ", cuda / 1000, ".", cuda % 1000 / 10);
    int pools = 0;
    RETURN_IF_ERROR(Say(cudaDeviceGetAttribute(&pools, cudaDevAttrMemoryPoolsSupported, 0)));
    has_pools_ = pools != 0;
    RETURN_IF_ERROR(Find("cuMemAddressReserve", virtual_.reserve));
    RETURN_IF_ERROR(Find("cuMemAddressFree", virtual_.free));
    RETURN_IF_ERROR(Find("cuMemCreate", virtual_.create));
    RETURN_IF_ERROR(Find("cuMemRelease", virtual_.release));
    RETURN_IF_ERROR(Find("cuMemMap", virtual_.map));
    RETURN_IF_ERROR(Find("cuMemUnmap", virtual_.unmap));
    RETURN_IF_ERROR(Find("cuMemSetAccess", virtual_.set_access));
    RETURN_IF_ERROR(Find("cuMemGetAllocationGranularity", virtual_.granularity));
    RETURN_IF_ERROR(Say(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)));
    const CUmemAllocationProp memory = DeviceMemoryProperties();
    size_t granularity = 0;
    RETURN_IF_ERROR(
        Say(virtual_.granularity(&granularity, &memory, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED), "cuMemGetGranularity"));
    granularity_ = static_cast<int64_t>(granularity);
    return absl::OkStatus();
  }

  const DeviceProperties& properties() const override { return properties_; }
  absl::StatusOr<DeviceMemory> Memory() const override {
    size_t free = 0, total = 0;
    // Each host thread has a current device of its own.
    if (cudaSetDevice(0) != cudaSuccess || cudaMemGetInfo(&free, &total) != cudaSuccess)
      return absl::InternalError("cudaMemGetInfo failed");
    return DeviceMemory{.free_bytes = static_cast<int64_t>(free), .total_bytes = static_cast<int64_t>(total)};
  }
  CUstream_st* stream() const override { return stream_; }
  bool lost() const override { return lost_; }

  absl::StatusOr<void*> Allocate(int64_t bytes) override {
    void* memory = nullptr;
    const auto size = static_cast<size_t>(bytes);
    RETURN_IF_ERROR(Say(has_pools_ ? cudaMallocAsync(&memory, size, stream_) : cudaMalloc(&memory, size)));
    return memory;
  }
  // Waits, so that Memory() counts what was freed: the pool gives it back when the stream is waited for.
  void Free(void* memory) override {
    if (has_pools_) cudaFreeAsync(memory, stream_);
    cudaStreamSynchronize(stream_);
    if (!has_pools_) cudaFree(memory);
  }
  absl::StatusOr<void*> AllocatePinned(int64_t bytes) override {
    void* memory = nullptr;
    RETURN_IF_ERROR(
        Say(cudaHostAlloc(&memory, static_cast<size_t>(bytes), cudaHostAllocMapped | cudaHostAllocPortable)));
    return memory;
  }
  void FreePinned(void* memory) override { cudaFreeHost(memory); }

  int64_t granularity() const override { return granularity_; }
  absl::StatusOr<void*> ReserveAddresses(int64_t bytes) override {
    UseDevice();
    CUdeviceptr address = 0;
    // The default alignment may be less than what mappings need.
    RETURN_IF_ERROR(Say(virtual_.reserve(&address, static_cast<size_t>(bytes), static_cast<size_t>(granularity_), 0, 0),
                        "cuMemAddressReserve"));
    return reinterpret_cast<void*>(address);
  }
  void FreeAddresses(void* addresses, int64_t bytes) override {
    UseDevice();
    virtual_.free(reinterpret_cast<CUdeviceptr>(addresses), static_cast<size_t>(bytes));
  }
  absl::StatusOr<PhysicalMemory> CreatePhysical(int64_t bytes) override {
    UseDevice();
    const CUmemAllocationProp properties = DeviceMemoryProperties();
    CUmemGenericAllocationHandle handle = 0;
    RETURN_IF_ERROR(Say(virtual_.create(&handle, static_cast<size_t>(bytes), &properties, 0), "cuMemCreate"));
    return handle;
  }
  void ReleasePhysical(PhysicalMemory memory) override {
    UseDevice();
    virtual_.release(memory);
  }
  absl::Status Map(void* addresses, int64_t bytes, PhysicalMemory memory) override {
    UseDevice();
    const auto address = reinterpret_cast<CUdeviceptr>(addresses);
    const auto size = static_cast<size_t>(bytes);
    RETURN_IF_ERROR(Say(virtual_.map(address, size, 0, memory, 0), "cuMemMap"));
    CUmemAccessDesc access = {};
    access.location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = 0};
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    const absl::Status status = Say(virtual_.set_access(address, size, &access, 1), "cuMemSetAccess");
    if (!status.ok()) virtual_.unmap(address, size);
    return status;
  }
  // Memory that kernels of the stream may still use must not go: unmapping does not wait for them.
  void Unmap(void* addresses, int64_t bytes) override {
    UseDevice();
    cudaStreamSynchronize(stream_);
    virtual_.unmap(reinterpret_cast<CUdeviceptr>(addresses), static_cast<size_t>(bytes));
  }

  absl::Status Copy(void* to, const void* from, int64_t bytes) override {
    return Say(cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDefault, stream_));
  }
  absl::Status Zero(void* memory, int64_t bytes) override {
    return Say(cudaMemsetAsync(memory, 0, static_cast<size_t>(bytes), stream_));
  }
  absl::Status Synchronize() override { return Say(cudaStreamSynchronize(stream_)); }
  absl::Status LastError() override { return Say(cudaGetLastError()); }

  absl::StatusOr<Event> CreateEvent() override {
    cudaEvent_t event = nullptr;
    RETURN_IF_ERROR(Say(cudaEventCreate(&event)));
    return static_cast<Event>(event);
  }
  void FreeEvent(Event event) override { cudaEventDestroy(static_cast<cudaEvent_t>(event)); }
  absl::Status Record(Event event) override {
    // In a capture: a node that records the event whenever the graph runs, not a dependency of the capture alone.
    return Say(cudaEventRecordWithFlags(static_cast<cudaEvent_t>(event), stream_,
                                        capturing_ ? cudaEventRecordExternal : cudaEventRecordDefault));
  }
  absl::Status WaitFor(Event event) override { return Say(cudaEventSynchronize(static_cast<cudaEvent_t>(event))); }
  absl::StatusOr<double> SecondsBetween(Event from, Event to) override {
    RETURN_IF_ERROR(WaitFor(to));
    float milliseconds = 0;
    RETURN_IF_ERROR(
        Say(cudaEventElapsedTime(&milliseconds, static_cast<cudaEvent_t>(from), static_cast<cudaEvent_t>(to))));
    return milliseconds * 1e-3;
  }

  absl::Status BeginCapture() override {
    RETURN_IF_ERROR(Say(cudaStreamBeginCapture(stream_, cudaStreamCaptureModeThreadLocal)));
    capturing_ = true;
    return absl::OkStatus();
  }
  absl::StatusOr<Graph> EndCapture() override {
    capturing_ = false;
    cudaGraph_t graph = nullptr;
    RETURN_IF_ERROR(Say(cudaStreamEndCapture(stream_, &graph)));
    cudaGraphExec_t executable = nullptr;
    const absl::Status status = Say(cudaGraphInstantiate(&executable, graph, 0));
    cudaGraphDestroy(graph);
    RETURN_IF_ERROR(status);
    return static_cast<Graph>(executable);
  }
  absl::Status LaunchGraph(Graph graph) override {
    return Say(cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), stream_));
  }
  void FreeGraph(Graph graph) override { cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

  absl::StatusOr<Module> LoadModule(absl::string_view cubin) override {
    cudaLibrary_t library = nullptr;
    RETURN_IF_ERROR(Say(cudaLibraryLoadData(&library, cubin.data(), nullptr, nullptr, 0, nullptr, nullptr, 0)));
    return static_cast<Module>(library);
  }
  void UnloadModule(Module module) override { cudaLibraryUnload(static_cast<cudaLibrary_t>(module)); }
  absl::StatusOr<Function> FindFunction(Module module, const char* name) override {
    cudaKernel_t kernel = nullptr;
    RETURN_IF_ERROR(Say(cudaLibraryGetKernel(&kernel, static_cast<cudaLibrary_t>(module), name)));
    // Code is loaded when it is first needed, unless something asks. Code of another device then fails here and not at
    // a launch, and no capture meets a kernel that still has to be loaded.
    cudaFuncAttributes attributes;
    RETURN_IF_ERROR(Say(cudaFuncGetAttributes(&attributes, reinterpret_cast<const void*>(kernel))));
    return static_cast<Function>(kernel);
  }
  absl::Status LaunchFunction(Function function, unsigned blocks, unsigned threads, const void* parameter,
                              size_t) override {
    void* parameters[] = {const_cast<void*>(parameter)};
    return Say(cudaLaunchKernel(function, dim3(blocks), dim3(threads), parameters, 0, stream_));
  }
  absl::StatusOr<DeviceTelemetry> Telemetry() const override {
    RETURN_IF_ERROR(nvml_.status());
    return (*nvml_)->Read();
  }
  bool wants_ranges() const override { return nvtx_.listened_to(); }
  void BeginRange(absl::string_view name) override { nvtx_.Begin(name); }
  void EndRange() override { nvtx_.End(); }

 private:
  static CUmemAllocationProp DeviceMemoryProperties() {
    CUmemAllocationProp properties = {};
    properties.type = CU_MEM_ALLOCATION_TYPE_PINNED;
    properties.location = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = 0};
    return properties;
  }

  // Makes the device's context current to this thread: the runtime does so by itself, the driver's own calls do not.
  static void UseDevice() { cudaSetDevice(0); }

  absl::Status Say(cudaError_t error) {
    if (error == cudaSuccess) return absl::OkStatus();
    cudaGetLastError();  // It stays with the thread otherwise, and a later call would seem to fail.
    lost_ = lost_ || IsFatal(error);
    const std::string text = absl::StrCat(cudaGetErrorName(error), ": ", cudaGetErrorString(error));
    return error == cudaErrorMemoryAllocation ? absl::ResourceExhaustedError(text) : absl::InternalError(text);
  }
  absl::Status Say(CUresult result, const char* call) {
    if (result == CUDA_SUCCESS) return absl::OkStatus();
    lost_ = lost_ || IsFatal(static_cast<cudaError_t>(result));
    const std::string text = absl::StrCat(call, " failed with CUresult ", static_cast<int>(result));
    return result == CUDA_ERROR_OUT_OF_MEMORY ? absl::ResourceExhaustedError(text) : absl::InternalError(text);
  }

  DeviceProperties properties_;
  VirtualMemory virtual_;
  absl::StatusOr<std::unique_ptr<Nvml>> nvml_ = absl::FailedPreconditionError("not looked for");
  NvtxDomain nvtx_{"metronome"};
  cudaStream_t stream_ = nullptr;
  int64_t granularity_ = 0;
  bool has_pools_ = false;  // For stream-ordered allocation.
  bool capturing_ = false;
  bool lost_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Driver>> CreateCudaDriver() {
  auto driver = std::make_unique<CudaDriver>();
  RETURN_IF_ERROR(driver->Start());
  return driver;
}

}  // namespace metronome::kernels::cuda
