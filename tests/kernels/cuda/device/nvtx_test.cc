#include "kernels/cuda/device/nvtx.h"

#define NVTX_NO_IMPL  // Types for a tool, without what calls one.
#include <nvtx3/nvToolsExt.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

// A tool that is linked into the program: NVTX calls `Attach` at its first use and finds it by this name.
extern "C" int Attach(NvtxGetExportTableFunc_t get_export_table);
extern "C" {
extern NvtxInitializeInjectionNvtxFunc_t InitializeInjectionNvtx2_fnptr;
NvtxInitializeInjectionNvtxFunc_t InitializeInjectionNvtx2_fnptr = Attach;
}

namespace metronome::kernels::cuda {
namespace {

std::vector<std::string>& Events() {
  static std::vector<std::string> events;
  return events;
}
bool refuses_domains = false;
char domain;  // Its address is the handle.

nvtxDomainHandle_t CreateDomain(const char* name) {
  if (refuses_domains) return nullptr;
  Events().push_back(std::string("domain ") + name);
  return reinterpret_cast<nvtxDomainHandle_t>(&domain);
}
void DestroyDomain(nvtxDomainHandle_t handle) {
  Events().push_back(reinterpret_cast<char*>(handle) == &domain ? "destroy" : "destroy another");
}
int Push(nvtxDomainHandle_t handle, const nvtxEventAttributes_t* attributes) {
  const bool ours = reinterpret_cast<char*>(handle) == &domain && attributes->version == NVTX_VERSION &&
                    attributes->messageType == NVTX_MESSAGE_TYPE_ASCII;
  Events().push_back(std::string(ours ? "begin " : "begin elsewhere ") + attributes->message.ascii);
  return 0;
}
int Pop(nvtxDomainHandle_t) {
  Events().push_back("end");
  return 0;
}

TEST(NvtxTest, RangesReachTheToolInOrder) {
  Events().clear();
  {
    NvtxDomain nvtx("metronome");
    EXPECT_TRUE(nvtx.listened_to());
    const std::string text = "decode past=12345";
    nvtx.Begin(absl::string_view(text).substr(0, 14));  // No zero after it.
    nvtx.Begin("linear");
    nvtx.End();
    nvtx.End();
  }
  EXPECT_THAT(Events(), ::testing::ElementsAre("domain metronome", "begin decode past=12", "begin linear", "end", "end",
                                               "destroy"));
}

TEST(NvtxTest, WithoutAToolNothingHappens) {
  Events().clear();
  refuses_domains = true;  // What NVTX answers where there is none.
  {
    NvtxDomain nvtx("metronome");
    EXPECT_FALSE(nvtx.listened_to());
    nvtx.Begin("linear");
    nvtx.End();
  }
  refuses_domains = false;
  EXPECT_THAT(Events(), ::testing::IsEmpty());
}

}  // namespace
}  // namespace metronome::kernels::cuda

extern "C" int Attach(NvtxGetExportTableFunc_t get_export_table) {
  using namespace metronome::kernels::cuda;  // NOLINT(build/namespaces): their functions, unnamed.
  const auto* callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_export_table(static_cast<uint32_t>(NVTX_ETID_CALLBACKS)));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0) return 0;
  *table[NVTX_CBID_CORE2_DomainCreateA] = reinterpret_cast<NvtxFunctionPointer>(CreateDomain);
  *table[NVTX_CBID_CORE2_DomainDestroy] = reinterpret_cast<NvtxFunctionPointer>(DestroyDomain);
  *table[NVTX_CBID_CORE2_DomainRangePushEx] = reinterpret_cast<NvtxFunctionPointer>(Push);
  *table[NVTX_CBID_CORE2_DomainRangePop] = reinterpret_cast<NvtxFunctionPointer>(Pop);
  return 1;
}
