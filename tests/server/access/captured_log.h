#ifndef METRONOME_TESTS_SERVER_ACCESS_CAPTURED_LOG_H_
#define METRONOME_TESTS_SERVER_ACCESS_CAPTURED_LOG_H_

#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <sstream>
#include <string>

namespace metronome::server {

// What is logged while it lives, a line a message. Not for several at once.
class CapturedLog {
 public:
  CapturedLog() : before_(spdlog::default_logger()) {
    auto logger = std::make_shared<spdlog::logger>("captured", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_));
    logger->set_pattern("%l %v");
    spdlog::set_default_logger(std::move(logger));
  }
  ~CapturedLog() { spdlog::set_default_logger(before_); }

  // Everything since the last call.
  std::string Take() {
    std::string text = text_.str();
    text_.str("");
    return text;
  }

 private:
  std::ostringstream text_;
  std::shared_ptr<spdlog::logger> before_;
};

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_ACCESS_CAPTURED_LOG_H_
