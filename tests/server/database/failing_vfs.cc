#include "tests/server/database/failing_vfs.h"

#include <sqlite3.h>

#include <new>

namespace metronome::server {
namespace {

// SQLite's callbacks have no place for a pointer to an object.
struct {
  int writes_left = -1;  // Negative: without end.
  int code = SQLITE_OK;
  bool failed = false;
  sqlite3_vfs* real = nullptr;
} state;

int NextWrite() {
  if (state.writes_left < 0) return SQLITE_OK;
  if (state.writes_left > 0) {
    --state.writes_left;
    return SQLITE_OK;
  }
  state.failed = true;
  return state.code;
}

// The real file lies behind it in memory.
struct File {
  sqlite3_file base;
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }
const sqlite3_io_methods& Methods(sqlite3_file* file) { return *Real(file)->pMethods; }

const sqlite3_io_methods kMethods = {
    .iVersion = 2,
    .xClose = [](sqlite3_file* file) { return Methods(file).xClose(Real(file)); },
    .xRead = [](sqlite3_file* file, void* bytes, int count,
                sqlite3_int64 at) { return Methods(file).xRead(Real(file), bytes, count, at); },
    .xWrite =
        [](sqlite3_file* file, const void* bytes, int count, sqlite3_int64 at) {
          const int failure = NextWrite();
          return failure != SQLITE_OK ? failure : Methods(file).xWrite(Real(file), bytes, count, at);
        },
    .xTruncate = [](sqlite3_file* file, sqlite3_int64 size) { return Methods(file).xTruncate(Real(file), size); },
    .xSync =
        [](sqlite3_file* file, int flags) {
          const int failure = NextWrite();
          return failure != SQLITE_OK ? failure : Methods(file).xSync(Real(file), flags);
        },
    .xFileSize = [](sqlite3_file* file, sqlite3_int64* size) { return Methods(file).xFileSize(Real(file), size); },
    .xLock = [](sqlite3_file* file, int level) { return Methods(file).xLock(Real(file), level); },
    .xUnlock = [](sqlite3_file* file, int level) { return Methods(file).xUnlock(Real(file), level); },
    .xCheckReservedLock = [](sqlite3_file* file,
                             int* result) { return Methods(file).xCheckReservedLock(Real(file), result); },
    .xFileControl = [](sqlite3_file* file, int operation,
                       void* value) { return Methods(file).xFileControl(Real(file), operation, value); },
    .xSectorSize = [](sqlite3_file* file) { return Methods(file).xSectorSize(Real(file)); },
    .xDeviceCharacteristics = [](sqlite3_file* file) { return Methods(file).xDeviceCharacteristics(Real(file)); },
    .xShmMap = [](sqlite3_file* file, int page, int size, int extend,
                  void volatile** result) { return Methods(file).xShmMap(Real(file), page, size, extend, result); },
    .xShmLock = [](sqlite3_file* file, int offset, int count,
                   int flags) { return Methods(file).xShmLock(Real(file), offset, count, flags); },
    .xShmBarrier = [](sqlite3_file* file) { Methods(file).xShmBarrier(Real(file)); },
    .xShmUnmap = [](sqlite3_file* file, int remove) { return Methods(file).xShmUnmap(Real(file), remove); },
};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  file->pMethods = nullptr;
  Real(file)->pMethods = nullptr;
  const int code = state.real->xOpen(state.real, name, Real(file), flags, out_flags);
  if (Real(file)->pMethods != nullptr) file->pMethods = &kMethods;
  return code;
}

sqlite3_vfs& Vfs() {
  static sqlite3_vfs vfs;
  return vfs;
}

}  // namespace

FailingVfs::FailingVfs() {
  state.real = sqlite3_vfs_find(nullptr);
  Vfs() = *state.real;  // What does not concern files goes to the real one's functions, which use their own data alone.
  Vfs().zName = "failing";
  Vfs().szOsFile = static_cast<int>(sizeof(File)) + state.real->szOsFile;
  Vfs().pNext = nullptr;
  Vfs().xOpen = Open;
  sqlite3_vfs_register(&Vfs(), 1);
  Heal();
}

FailingVfs::~FailingVfs() {
  sqlite3_vfs_unregister(&Vfs());
  sqlite3_vfs_register(state.real, 1);
}

void FailingVfs::FailAfter(int writes, int code) {
  state.writes_left = writes;
  state.code = code;
  state.failed = false;
}

void FailingVfs::Heal() { state.writes_left = -1; }

bool FailingVfs::has_failed() const { return state.failed; }

}  // namespace metronome::server
