#ifndef METRONOME_TESTS_SERVER_ACCESS_CERTIFICATES_H_
#define METRONOME_TESTS_SERVER_ACCESS_CERTIFICATES_H_

#include <memory>
#include <string>

#include "absl/time/time.h"

typedef struct evp_pkey_st EVP_PKEY;
typedef struct x509_st X509;

namespace metronome::server {

// A certificate for 127.0.0.1 and localhost and its key, made for one test.
struct IssuedCertificate {
  std::string certificate, key;  // PEM.
};

// An authority of the test's own.
class CertificateAuthority {
 public:
  explicit CertificateAuthority(const std::string& name);
  ~CertificateAuthority();

  const std::string& certificate() const { return pem_; }  // PEM.

  struct Lifetime {
    absl::Duration from = -absl::Hours(1), until = absl::Hours(24 * 365);  // From now.
  };
  IssuedCertificate Issue(const std::string& name) const { return Issue(name, Lifetime()); }
  IssuedCertificate Issue(const std::string& name, Lifetime lifetime) const;

 private:
  EVP_PKEY* key_ = nullptr;
  X509* own_ = nullptr;
  std::string pem_;
};

// The key, encrypted with a password.
std::string EncryptedKey(const std::string& key_pem);

}  // namespace metronome::server

#endif  // METRONOME_TESTS_SERVER_ACCESS_CERTIFICATES_H_
