#include "server/store/run_archive.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "kernels/base/hash.h"
#include "kernels/base/status_macros.h"

namespace metronome::server {
namespace {

constexpr int kMaintenanceWaitMs = 20;

// What a later try may succeed with. Anything else is a mistake of ours, which no waiting mends.
bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status) || absl::IsFailedPrecondition(status) ||
         absl::IsDataLoss(status);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RunArchive>> RunArchive::Open(RunArchiveOptions options, const Clock& clock) {
  ASSIGN_OR_RETURN(std::unique_ptr<RunStore> store, RunStore::Open(options.path, clock));
  auto archive = std::unique_ptr<RunArchive>(new RunArchive(std::move(options), std::move(store), clock));
  archive->AddSpools(archive->store_->place(), nullptr);
  archive->TakeOverSpools();
  return archive;
}

// Beside the database, and in the spare directory under a hash of the database's path.
std::vector<std::string> RunArchive::SpoolPaths(int64_t place) const {
  std::vector<std::string> paths = {PathOfPlace(options_.path, "spool", place)};
  if (options_.spare_directory.empty()) return paths;
  std::error_code ignored;
  const std::string absolute = std::filesystem::absolute(options_.path, ignored).lexically_normal().string();
  paths.push_back(PathOfPlace(absl::StrCat(options_.spare_directory, "/", absl::Hex(Fnv1a(absolute), absl::kZeroPad16)),
                              "spool", place));
  return paths;
}

void RunArchive::AddSpools(int64_t place, const std::shared_ptr<Lease>& lease) {
  for (const std::string& path : SpoolPaths(place)) {
    absl::StatusOr<Spool> spool = Spool::Open(path, options_.spool_bytes);
    if (!spool.ok()) {
      spdlog::error("spooled results are left where they are: {}", std::string(spool.status().message()));
    } else if (lease == nullptr || !spool->empty()) {
      if (!spool->empty()) spdlog::info("results wait in {}", path);
      sources_.push_back({.spool = *std::move(spool), .place = lease});
    }
  }
}

void RunArchive::TakeOverSpools() {
  for (int64_t place = 0; place < Lease::kPlaces; ++place) {
    const std::vector<std::string> paths = SpoolPaths(place);
    if (place == store_->place() || std::none_of(paths.begin(), paths.end(), [](const std::string& path) {
          std::error_code ignored;
          return std::filesystem::exists(path, ignored);
        }))
      continue;
    absl::StatusOr<std::optional<Lease>> lease = Lease::TakePlace(options_.path, place);
    if (lease.ok() && lease->has_value()) AddSpools(place, std::make_shared<Lease>(**std::move(lease)));
  }
}

std::optional<RunArchive::Kept> RunArchive::KeepSome(NewResult& result) {
  const absl::StatusOr<std::optional<int64_t>> id = store_->StoreSome(result);
  ready_ = id.ok();
  if (id.ok()) return id->has_value() ? std::optional<Kept>({.id = **id}) : std::nullopt;
  Kept kept = {.status = id.status()};
  const std::string why(id.status().message());
  const absl::StatusOr<std::string> path =
      MayPass(id.status()) ? SpoolResult(result) : absl::StatusOr<std::string>(absl::InternalError("it never can be"));
  if (path.ok()) {
    kept.note = absl::StrCat("not stored yet: ", why, "; waits in ", *path, " until it can be");
  } else {
    kept.note = absl::StrCat("not stored: ", why, "; not kept for later either: ", path.status().message());
  }
  spdlog::error("result of run {}: {}", result.run.run_id(), kept.note);
  return kept;
}

// Returns where the result waits, or why the last of the spools did not take it.
absl::StatusOr<std::string> RunArchive::SpoolResult(const NewResult& result) {
  const std::string record = Serialize(result);
  absl::Status status = absl::UnavailableError("no spool can be used");
  for (Source& source : sources_) {
    if (source.place != nullptr) continue;
    status = source.spool.Append(record);
    if (status.ok()) return source.spool.path();
  }
  return status;
}

bool RunArchive::Interrupt(const std::string& run_id) {
  const absl::Status status = store_->InterruptRun(run_id);
  if (status.ok()) {
    interrupted_.erase(run_id);
  } else if (interrupted_.insert(run_id).second) {
    spdlog::warn("run {} is not marked as interrupted yet: {}", run_id, std::string(status.message()));
  }
  return status.ok();
}

bool RunArchive::Maintain() {
  if (!store_->Check().ok()) {
    ready_ = false;
    return false;
  }
  // Nobody waits for this, but others wait behind it.
  store_->WaitForLocks(kMaintenanceWaitMs);
  const auto restore = absl::MakeCleanup([this] { store_->WaitForLocks(kBusyTimeoutMs); });
  while (!interrupted_.empty()) {
    if (!Interrupt(std::string(*interrupted_.begin()))) return false;
  }
  const bool nothing_waits =
      std::all_of(sources_.begin(), sources_.end(), [](const Source& source) { return source.spool.empty(); });
  if (nothing_waits) ready_ = true;
  return !nothing_waits && DrainSome();
}

// Makes the first record that waits next_. False when none can be read now.
bool RunArchive::ReadNext() {
  draining_ = std::find_if(sources_.begin(), sources_.end(), [](const Source& s) { return !s.spool.empty(); });
  if (draining_ == sources_.end()) return false;
  const absl::StatusOr<std::string> record = draining_->spool.Front();
  absl::StatusOr<NewResult> result = record.ok() ? ParseNewResult(*record) : absl::StatusOr<NewResult>(record.status());
  if (result.ok()) {
    next_ = *std::move(result);
    return true;
  }
  spdlog::error("a spooled result cannot be read: {}", std::string(result.status().message()));
  if (!absl::IsDataLoss(result.status())) return false;
  draining_->spool.Pop(/*damaged=*/true);
  return true;
}

bool RunArchive::DrainSome() {
  if (!next_.has_value()) return ReadNext();
  const absl::StatusOr<std::optional<int64_t>> id = store_->StoreSome(*next_);
  ready_ = id.ok();
  if (id.ok() && !id->has_value()) return true;
  if (!id.ok() && MayPass(id.status())) {
    next_.reset();  // Memory; the record is still there.
    return false;
  }
  if (id.ok()) {
    spdlog::info("stored result {} of run {}, which waited in {}", **id, next_->run.run_id(), draining_->spool.path());
  } else {
    spdlog::error("a spooled result cannot be stored: {}", std::string(id.status().message()));
  }
  next_.reset();
  draining_->spool.Pop(/*damaged=*/!id.ok());
  if (draining_->spool.empty() && draining_->place != nullptr) sources_.erase(draining_);
  return true;
}

}  // namespace metronome::server
