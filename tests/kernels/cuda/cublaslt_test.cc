#include "kernels/cuda/products/library/cublaslt.h"

#include <dlfcn.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "kernels/cuda/products/library/cublaslt_product.h"
#include "tests/kernels/cuda/fakes/fake_cublaslt.h"
#include "tests/kernels/cuda/fakes/matmul_library_cases.h"

namespace metronome::testing {
namespace {

using kernels::cuda::MatmulLibrary;
using kernels::cuda::MatmulProblem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr MatmulProblem kProblem = {
    .dtype = kernels::DType::kBFloat16, .transposed = true, .has_bias = true, .m = 128, .n = 256, .k = 64};

// Over a libcublasLt of the tests' own, which checks what it is told.
class CublasLtTest : public ::testing::Test {
 protected:
  CublasLtTest() {
    void* const handle = dlopen(FAKE_CUBLASLT, RTLD_NOW | RTLD_LOCAL);
    state_ = reinterpret_cast<FakeCublasLtState* (*)()>(dlsym(handle, "FakeCublasLt"))();
    *state_ = {};
  }
  static std::unique_ptr<MatmulLibrary> Open() {
    return kernels::cuda::OpenCublasLt({"/nowhere/libcublasLt.so.13", FAKE_CUBLASLT}).value();
  }

  FakeCublasLtState* state_;
};

TEST_F(CublasLtTest, MultipliesAsDescribed) {
  const auto library = Open();
  alignas(16) static char workspace[2000];
  library->SetWorkspace({.data = workspace, .bytes = sizeof(workspace)});
  ExpectProductsOf(*library);
}

TEST_F(CublasLtTest, SaysItsVersion) { EXPECT_EQ(Open()->Describe(), "cuBLASLt 13.2.4"); }

TEST_F(CublasLtTest, AsksOnceAndUsesWhatSumsInFloat32AndFitsTheWorkspace) {
  for (const bool has_workspace : {false, true}) {
    *state_ = {};
    const auto library = Open();
    alignas(16) static char memory[1 << 20];
    if (has_workspace) library->SetWorkspace({.data = memory, .bytes = 1000});
    const MatmulProblem problem = {.m = 16, .n = 8, .k = 4};
    EXPECT_EQ(library->Prepared(problem), 0);
    EXPECT_FALSE(library->Run(nullptr, problem, 0, {}));
    const int count = has_workspace ? 3 : 2;
    EXPECT_EQ(library->Prepare(problem), count);
    EXPECT_EQ(library->Prepare(problem), count);
    EXPECT_EQ(library->Prepared(problem), count);
    for (int algorithm = 0; algorithm < count; ++algorithm) {
      EXPECT_TRUE(library->Run(reinterpret_cast<CUstream_st*>(0x123), problem, algorithm,
                               {.a = memory + 4096, .b = memory + 8192, .y = memory + 12288}));
    }
    EXPECT_EQ(state_->stream, reinterpret_cast<CUstream_st*>(0x123));
    EXPECT_FALSE(library->Run(nullptr, problem, count, {}));
    EXPECT_FALSE(library->Run(nullptr, problem, -1, {}));
    EXPECT_FALSE(library->Run(nullptr, problem, 0, {.a = memory + 4098, .b = memory, .y = memory})) << "not aligned";
    EXPECT_EQ(state_->heuristics, 1);
    if (has_workspace) {
      EXPECT_THAT(state_->algorithms, ElementsAre(11, 12, 15));
    } else {
      EXPECT_THAT(state_->algorithms, ElementsAre(11, 15));
    }
  }
}

TEST_F(CublasLtTest, RemembersManyProblemsButNotAll) {
  {
    const auto library = Open();
    for (int64_t m = 1; m <= 10'000; ++m) ASSERT_GT(library->Prepare({.m = m, .n = 8, .k = 4}), 0);
    EXPECT_LE(state_->live_objects, 4 * 4096 + 2);
    EXPECT_EQ(library->Prepared({.m = 1, .n = 8, .k = 4}), 0);
    EXPECT_GT(library->Prepared({.m = 10'000, .n = 8, .k = 4}), 0);
  }
  EXPECT_EQ(state_->live_objects, 0);
}

TEST_F(CublasLtTest, WhyThereIsNone) {
  absl::StatusOr<std::unique_ptr<MatmulLibrary>> library =
      kernels::cuda::OpenCublasLt({"/nowhere/libcublasLt.so.13", "/nowhere/else.so"});
  EXPECT_EQ(library.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("no cuBLASLt: /nowhere/libcublasLt.so.13"));
  library = kernels::cuda::OpenCublasLt({"libm.so.6"});
  EXPECT_EQ(library.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("libm.so.6 has no cublasLt"));
  state_->has_device = false;
  library = kernels::cuda::OpenCublasLt({FAKE_CUBLASLT});
  EXPECT_EQ(library.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(library.status().message()), HasSubstr("cublasLtCreate: CUBLAS_STATUS_NOT_INITIALIZED"));
  EXPECT_EQ(state_->live_objects, 0);
  EXPECT_FALSE(kernels::cuda::OpenCublasLt({}).ok());
}

// The library of this machine's toolkit. Descriptors need no device; all else does.
class RealCublasLtTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const std::string& candidate : kernels::cuda::CublasLtCandidates()) {
      functions_ = kernels::cuda::LoadCublasLt(candidate);
      if (absl::IsNotFound(functions_.status())) continue;
      handle_ = dlopen(candidate.c_str(), RTLD_NOW | RTLD_LOCAL);
      return;
    }
    GTEST_SKIP() << "no libcublasLt: " << functions_.status();
  }
  template <typename Function>
  Function* Find(Function*, const char* name) {
    return reinterpret_cast<Function*>(dlsym(handle_, name));
  }

  absl::StatusOr<kernels::cuda::CublasLtFunctions> functions_ = absl::NotFoundError("no place to look");
  void* handle_ = nullptr;
};

TEST_F(RealCublasLtTest, TakesOurDescriptors) {
  ASSERT_TRUE(functions_.ok()) << functions_.status();
  EXPECT_GE(functions_->version(), 120000u);
  const auto product_get = Find(&cublasLtMatmulDescGetAttribute, "cublasLtMatmulDescGetAttribute");
  const auto layout_get = Find(&cublasLtMatrixLayoutGetAttribute, "cublasLtMatrixLayoutGetAttribute");
  size_t written = 0;
  const auto of_product = [&](const kernels::cuda::CublasLtProduct& product, cublasLtMatmulDescAttributes_t attribute,
                              auto value) {
    EXPECT_EQ(product_get(product.operation(), attribute, &value, sizeof(value), &written), CUBLAS_STATUS_SUCCESS);
    return value;
  };
  const auto of_layout = [&](cublasLtMatrixLayout_t layout, cublasLtMatrixLayoutAttribute_t attribute, auto value) {
    EXPECT_EQ(layout_get(layout, attribute, &value, sizeof(value), &written), CUBLAS_STATUS_SUCCESS);
    return value;
  };

  const auto linear = kernels::cuda::CublasLtProduct::Create(*functions_, kProblem);
  ASSERT_TRUE(linear.ok()) << linear.status();
  EXPECT_EQ(of_product(**linear, CUBLASLT_MATMUL_DESC_COMPUTE_TYPE, int32_t{}), CUBLAS_COMPUTE_32F);
  EXPECT_EQ(of_product(**linear, CUBLASLT_MATMUL_DESC_TRANSA, int32_t{}), CUBLAS_OP_T);
  EXPECT_EQ(of_product(**linear, CUBLASLT_MATMUL_DESC_TRANSB, int32_t{}), CUBLAS_OP_N);
  EXPECT_EQ(of_product(**linear, CUBLASLT_MATMUL_DESC_EPILOGUE, uint32_t{}), CUBLASLT_EPILOGUE_BIAS);
  ASSERT_TRUE((*linear)->SetBias(this).ok());
  EXPECT_EQ(of_product(**linear, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(nullptr)), this);
  EXPECT_EQ(of_layout((*linear)->first(), CUBLASLT_MATRIX_LAYOUT_ROWS, uint64_t{}), 64u);
  EXPECT_EQ(of_layout((*linear)->first(), CUBLASLT_MATRIX_LAYOUT_COLS, uint64_t{}), 256u);
  EXPECT_EQ(of_layout((*linear)->output(), CUBLASLT_MATRIX_LAYOUT_LD, int64_t{}), 256);
  EXPECT_EQ(of_layout((*linear)->output(), CUBLASLT_MATRIX_LAYOUT_TYPE, uint32_t{}),
            static_cast<uint32_t>(CUDA_R_16BF));

  const auto batch = kernels::cuda::CublasLtProduct::Create(
      *functions_, {.wide = true, .m = 5, .n = 6, .k = 7, .batch = 3, .a_stride = 35, .b_stride = 42});
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(of_product(**batch, CUBLASLT_MATMUL_DESC_TRANSA, int32_t{}), CUBLAS_OP_N);
  EXPECT_EQ(of_layout((*batch)->second(), CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, int32_t{}), 3);
  EXPECT_EQ(of_layout((*batch)->second(), CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, int64_t{}), 35);
  EXPECT_EQ(of_layout((*batch)->output(), CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, int64_t{}), 30);
}

TEST_F(RealCublasLtTest, HasAlgorithmsOrSaysThatThereIsNoDevice) {
  ASSERT_TRUE(functions_.ok()) << functions_.status();
  const auto library = kernels::cuda::OpenCublasLt(kernels::cuda::CublasLtCandidates());
  if (library.ok()) {
    EXPECT_THAT((*library)->Describe(), HasSubstr("cuBLASLt 1"));
    EXPECT_GT((*library)->Prepare(kProblem), 0);
  } else {
    EXPECT_THAT(std::string(library.status().message()), HasSubstr("cublasLtCreate: CUBLAS_STATUS_"));
  }
}

}  // namespace
}  // namespace metronome::testing
