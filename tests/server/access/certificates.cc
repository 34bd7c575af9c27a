#include "tests/server/access/certificates.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <cstdlib>
#include <cstring>

namespace metronome::server {
namespace {

// Prints nothing: a failure here is of OpenSSL, and ends the test program.
template <typename T>
T* Need(T* object) {
  if (object == nullptr) std::abort();
  return object;
}

template <typename Write>
std::string ToPem(Write&& write) {
  BIO* const bio = Need(BIO_new(BIO_s_mem()));
  if (write(bio) != 1) std::abort();
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string pem(text, static_cast<size_t>(size));
  BIO_free(bio);
  return pem;
}

std::string CertificatePem(X509* certificate) {
  return ToPem([&](BIO* bio) { return PEM_write_bio_X509(bio, certificate); });
}

EVP_PKEY* NewKey() { return Need(EVP_EC_gen("P-256")); }

void AddExtension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = Need(X509V3_EXT_conf_nid(nullptr, &context, kind, value));
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* NewCertificate(const std::string& name, EVP_PKEY* key, const CertificateAuthority::Lifetime& lifetime) {
  static std::atomic<long> serial{1};
  X509* const certificate = Need(X509_new());
  X509_set_version(certificate, 2);  // That is version 3.
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate), absl::ToInt64Seconds(lifetime.from));
  X509_gmtime_adj(X509_getm_notAfter(certificate), absl::ToInt64Seconds(lifetime.until));
  X509_set_pubkey(certificate, key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  return certificate;
}

}  // namespace

CertificateAuthority::CertificateAuthority(const std::string& name) : key_(NewKey()) {
  own_ = NewCertificate(name, key_, Lifetime());
  X509_set_issuer_name(own_, X509_get_subject_name(own_));
  AddExtension(own_, own_, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(own_, own_, NID_key_usage, "critical,keyCertSign");
  if (X509_sign(own_, key_, EVP_sha256()) == 0) std::abort();
  pem_ = CertificatePem(own_);
}

CertificateAuthority::~CertificateAuthority() {
  X509_free(own_);
  EVP_PKEY_free(key_);
}

IssuedCertificate CertificateAuthority::Issue(const std::string& name, Lifetime lifetime) const {
  EVP_PKEY* const key = NewKey();
  X509* const certificate = NewCertificate(name, key, lifetime);
  X509_set_issuer_name(certificate, X509_get_subject_name(own_));
  AddExtension(certificate, own_, NID_subject_alt_name, "IP:127.0.0.1,DNS:localhost");
  if (X509_sign(certificate, key_, EVP_sha256()) == 0) std::abort();
  IssuedCertificate issued = {.certificate = CertificatePem(certificate),
                              .key = ToPem([&](BIO* bio) {
                                return PEM_write_bio_PKCS8PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
                              })};
  X509_free(certificate);
  EVP_PKEY_free(key);
  return issued;
}

std::string EncryptedKey(const std::string& key_pem) {
  BIO* const bio = Need(BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())));
  EVP_PKEY* const key = Need(PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr));
  BIO_free(bio);
  std::string password = "password";
  std::string pem = ToPem([&](BIO* out) {
    return PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), password.data(),
                                         static_cast<int>(password.size()), nullptr, nullptr);
  });
  EVP_PKEY_free(key);
  return pem;
}

}  // namespace metronome::server
