#ifndef METRONOME_TESTS_SERVER_DATABASE_FAILING_VFS_H_
#define METRONOME_TESTS_SERVER_DATABASE_FAILING_VFS_H_

namespace metronome::server {

// While one is alive, databases that are opened in this process read and write through it, and writes fail when told
// to. One at a time.
class FailingVfs {
 public:
  FailingVfs();
  ~FailingVfs();
  FailingVfs(const FailingVfs&) = delete;
  FailingVfs& operator=(const FailingVfs&) = delete;

  // After `writes` more writes or syncs all fail with `code` (SQLITE_FULL, SQLITE_IOERR_FSYNC), until Heal.
  void FailAfter(int writes, int code);
  void Heal();
  bool has_failed() const;  // Since FailAfter.
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_DATABASE_FAILING_VFS_H_
