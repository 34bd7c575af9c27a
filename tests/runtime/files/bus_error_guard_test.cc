#include "runtime/files/bus_error_guard.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <thread>
#include <vector>

#include "gtest/gtest.h"
#include "tests/temp_directory.h"

namespace metronome {
namespace {

// A file of three pages, mapped.
class BusErrorGuardTest : public testing::Test {
 protected:
  BusErrorGuardTest() : path_(directory_.Write("file", std::string(3 * page_, 'x'))) {
    const int descriptor = open(path_.c_str(), O_RDONLY);
    data_ = static_cast<const char*>(mmap(nullptr, 3 * page_, PROT_READ, MAP_PRIVATE, descriptor, 0));
    close(descriptor);
  }
  ~BusErrorGuardTest() override { munmap(const_cast<char*>(data_), 3 * page_); }
  char Read(size_t at) const { return static_cast<const volatile char*>(data_)[at]; }

  const size_t page_ = static_cast<size_t>(getpagesize());
  const TempDirectory directory_;
  const std::string path_;
  const char* data_;
};

TEST_F(BusErrorGuardTest, WhatIsGoneReadsAsZeroAndTheRestAsItIs) {
  const BusErrorGuard guard(data_, 3 * page_);
  EXPECT_EQ(Read(2 * page_), 'x');
  EXPECT_FALSE(guard.hit());

  ASSERT_EQ(truncate(path_.c_str(), static_cast<off_t>(page_)), 0);

  EXPECT_EQ(Read(0), 'x');
  EXPECT_FALSE(guard.hit());
  EXPECT_EQ(Read(page_ + 17), '\0');
  EXPECT_TRUE(guard.hit());
  EXPECT_EQ(Read(3 * page_ - 1), '\0');
}

TEST_F(BusErrorGuardTest, ManyThreadsSurviveAtOnce) {
  const BusErrorGuard guard(data_, 3 * page_);
  ASSERT_EQ(truncate(path_.c_str(), 0), 0);
  std::vector<int> sums(8);
  {
    std::vector<std::jthread> threads;
    for (int& sum : sums) {
      threads.emplace_back([&, this] {
        for (size_t at = 0; at < 3 * page_; ++at) sum += Read(at);
      });
    }
  }
  EXPECT_EQ(sums, std::vector<int>(8, 0));
  EXPECT_TRUE(guard.hit());
}

TEST_F(BusErrorGuardTest, AnotherGuardIsNotHit) {
  const BusErrorGuard guard(data_, 3 * page_);
  const std::string other = directory_.Write("other", std::string(page_, 'y'));
  const int descriptor = open(other.c_str(), O_RDONLY);
  void* const mapped = mmap(nullptr, page_, PROT_READ, MAP_PRIVATE, descriptor, 0);
  close(descriptor);
  {
    const BusErrorGuard second(mapped, page_);
    ASSERT_EQ(truncate(other.c_str(), 0), 0);
    EXPECT_EQ(*static_cast<const volatile char*>(mapped), '\0');
    EXPECT_TRUE(second.hit());
  }
  const BusErrorGuard third(mapped, page_);  // Starts anew, though it may use what the second one did.
  EXPECT_FALSE(third.hit());
  EXPECT_FALSE(guard.hit());
  munmap(mapped, page_);
}

// By the signal; a sanitizer that has a handler of its own reports it and exits.
bool EndedByBusError(int status) {
  return (WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS) || (WIFEXITED(status) && WEXITSTATUS(status) != 0);
}

using BusErrorGuardDeathTest = BusErrorGuardTest;

TEST_F(BusErrorGuardDeathTest, ABusErrorElsewhereEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto fault = [this] {
    { const BusErrorGuard guard(data_, 3 * page_); }  // Leaves the handler behind.
    if (truncate(path_.c_str(), 0) == 0) Read(0);
  };
  EXPECT_EXIT(fault(), EndedByBusError, "");
  const auto sent = [this] {
    const BusErrorGuard guard(data_, 3 * page_);
    raise(SIGBUS);
  };
  EXPECT_EXIT(sent(), EndedByBusError, "");
}

}  // namespace
}  // namespace metronome
