#include "server/rpc/unparsed_requests.h"

#include <google/protobuf/descriptor.h>

#include "absl/strings/str_cat.h"

namespace metronome {
namespace {

class Answer final : public grpc::experimental::Interceptor {
 public:
  void Intercept(grpc::experimental::InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(grpc::experimental::InterceptionHookPoints::PRE_SEND_STATUS)) {
      const grpc::Status status = methods->GetSendStatus();
      // Statuses of ours have a text.
      if (status.error_code() == grpc::StatusCode::UNIMPLEMENTED && status.error_message().empty()) {
        methods->ModifySendStatus({grpc::StatusCode::INVALID_ARGUMENT,
                                   "the request cannot be parsed: it is damaged, or a text in it is not UTF-8"});
      }
    }
    methods->Proceed();
  }
};

}  // namespace

void UnparsedRequests::AddService(const std::string& service) {
  const auto* const descriptor = google::protobuf::DescriptorPool::generated_pool()->FindServiceByName(service);
  for (int i = 0; i < descriptor->method_count(); ++i)
    methods_.insert(absl::StrCat("/", service, "/", descriptor->method(i)->name()));
}

grpc::experimental::Interceptor* UnparsedRequests::CreateServerInterceptor(grpc::experimental::ServerRpcInfo* info) {
  return methods_.contains(info->method()) ? new Answer : nullptr;
}

}  // namespace metronome
