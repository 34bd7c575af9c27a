#ifndef METRONOME_TESTS_SERVER_STORE_STORE_FIXTURE_H_
#define METRONOME_TESTS_SERVER_STORE_STORE_FIXTURE_H_

#include <memory>
#include <string>

#include "gtest/gtest.h"
#include "server/store/run_store.h"
#include "tests/server/fake_clock.h"
#include "tests/temp_directory.h"

namespace metronome::server {

// A database in a directory of the test's own, which may be opened any number of times.
class StoreFixture : public testing::Test {
 protected:
  std::unique_ptr<RunStore> Open() {
    absl::StatusOr<std::unique_ptr<RunStore>> store = RunStore::Open(path_, clock_);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  const TempDirectory directory_;
  const std::string path_ = directory_.File("runs.db");
  FakeClock clock_;
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_STORE_STORE_FIXTURE_H_
