#ifndef METRONOME_TESTS_KERNELS_CUDA_FAKES_EMULATION_TEST_H_
#define METRONOME_TESTS_KERNELS_CUDA_FAKES_EMULATION_TEST_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "kernels/cuda/primitives/device.cuh"

namespace metronome::kernels::cuda {

// Runs kernels in one order of threads.
class EmulationTest : public ::testing::TestWithParam<emulation::ThreadOrder> {
 protected:
  void SetUp() override { UseOrder(GetParam()); }

  static void UseOrder(emulation::ThreadOrder order) {
    emulation::Multiprocessor::OfThisThread().set_options({.order = order});
  }

  // The error of the launch, or nothing.
  template <typename... Parameters, typename... Arguments>
  static std::string Run(void (*kernel)(Parameters...), const LaunchShape& shape, const Arguments&... arguments) {
    Launch(DeviceContext(), kernel, shape, arguments...);
    return emulation::Multiprocessor::OfThisThread().TakeError();
  }
};

inline constexpr emulation::ThreadOrder kAllOrders[] = {
    emulation::ThreadOrder::kForward, emulation::ThreadOrder::kReverse, emulation::ThreadOrder::kShuffled};

inline std::string NameOfOrder(const ::testing::TestParamInfo<emulation::ThreadOrder>& info) {
  return info.param == emulation::ThreadOrder::kForward   ? "forward"
         : info.param == emulation::ThreadOrder::kReverse ? "reverse"
                                                          : "shuffled";
}

#define METRONOME_TEST_ALL_ORDERS(suite) \
  INSTANTIATE_TEST_SUITE_P(Orders, suite, ::testing::ValuesIn(kAllOrders), NameOfOrder)

}  // namespace metronome::kernels::cuda

#endif  // METRONOME_TESTS_KERNELS_CUDA_FAKES_EMULATION_TEST_H_
