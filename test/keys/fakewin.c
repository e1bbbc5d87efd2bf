/* Stands where crypt32, ncrypt, advapi32 and kernel32 stand on Windows, so that the native binding is tried on Linux: it
 * checks that every number, name and structure arrives as Windows would read it, and answers with bytes that the test
 * knows. One store (My of the current user) with the certificates of FAKEWIN_CERTS (files, one name a line).
 *
 * "Decrypting" gives the input backwards, cut to 32 bytes; it fails with the number in FAKEWIN_FAIL, if set.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint32_t DWORD;
typedef int32_t BOOL;
typedef struct { DWORD encoding; uint8_t *encoded; DWORD length; void *info; void *store; } CERT_CONTEXT;
typedef struct { const uint16_t *algorithm; uint8_t *label; DWORD label_length; } OAEP;
typedef struct { const uint16_t *algorithm; DWORD salt; } PSS;

static DWORD last_error;
static CERT_CONTEXT contexts[16];
static int count, open_stores, open_contexts;

static int same(const uint16_t *wide, const char *text) {
  while (*text) if (*wide++ != (uint16_t)*text++) return 0;
  return *wide == 0;
}

static DWORD planned(void) {
  const char *text = getenv("FAKEWIN_FAIL");
  return text ? (DWORD)strtoul(text, NULL, 16) : 0;
}

DWORD GetLastError(void) { return last_error; }

void *CertOpenStore(const char *provider, DWORD encoding, void *legacy, DWORD flags, const uint16_t *name) {
  if ((uintptr_t)provider != 10 || encoding || legacy || flags != 0x1c000 || !same(name, "My")) {
    last_error = 2;
    return NULL;
  }
  count = 0;
  FILE *list = fopen(getenv("FAKEWIN_CERTS"), "r");
  char path[4096];
  while (list && count < 16 && fgets(path, sizeof path, list)) {
    path[strcspn(path, "\n")] = 0;
    FILE *f = fopen(path, "rb");
    if (!f) continue;
    CERT_CONTEXT *c = &contexts[count++];
    c->encoded = malloc(65536);
    c->length = (DWORD)fread(c->encoded, 1, 65536, f);
    fclose(f);
  }
  if (list) fclose(list);
  open_stores += 1;
  return &contexts;
}

BOOL CertCloseStore(void *store, DWORD flags) { return store == &contexts && flags == 0 && open_stores-- > 0; }

CERT_CONTEXT *CertEnumCertificatesInStore(void *store, CERT_CONTEXT *previous) {
  if (store != &contexts) return NULL;
  int next = previous ? (int)(previous - contexts) + 1 : 0;
  if (previous) open_contexts -= 1;
  if (next >= count) return NULL;
  open_contexts += 1;
  return &contexts[next];
}

BOOL CertFreeCertificateContext(CERT_CONTEXT *context) { return context != NULL && open_contexts-- > 0; }

/* The last certificate of the list has no private key. */
BOOL CertGetCertificateContextProperty(CERT_CONTEXT *context, DWORD id, void *data, DWORD *size) {
  if (id != 2 || data != NULL || context == &contexts[count - 1]) return 0;
  *size = 100;
  return 1;
}

/* The first certificate has a key of CNG, the second one of the old CryptoAPI. */
BOOL CryptAcquireCertificatePrivateKey(CERT_CONTEXT *context, DWORD flags, void *reserved, uintptr_t *key, DWORD *spec, BOOL *mine) {
  if (flags != 0x20044 || reserved) { last_error = 0x57; return 0; }
  if (context == &contexts[count - 1]) { last_error = 0x8009200b; return 0; }
  *key = context == &contexts[0] ? 0x1122334455667788u : 0x99;
  *spec = context == &contexts[0] ? 0xffffffffu : 3;
  *mine = 1;
  return 1;
}

int32_t NCryptDecrypt(uintptr_t key, uint8_t *in, DWORD length, OAEP *padding, uint8_t *out, DWORD room, DWORD *result, DWORD flags) {
  if (planned()) return (int32_t)planned();
  if (key != 0x1122334455667788u || flags != 0x44 || padding->label || padding->label_length) return (int32_t)0x80090027;
  if (!same(padding->algorithm, "SHA256") && !same(padding->algorithm, "SHA1")) return (int32_t)0x80090029;
  if (room < 32 || room != length) return (int32_t)0x80090028;
  for (DWORD i = 0; i < 32; i++) out[i] = in[length - 1 - i];
  *result = 32;
  return 0;
}

/* "Signs" with the hash itself, then the salt's length. */
int32_t NCryptSignHash(uintptr_t key, PSS *padding, uint8_t *hash, DWORD length, uint8_t *out, DWORD room, DWORD *result, DWORD flags) {
  if (key != 0x1122334455667788u || flags != 0x48 || !padding || !same(padding->algorithm, "SHA256")) return (int32_t)0x80090027;
  if (room < length + 1) return (int32_t)0x80090028;
  memcpy(out, hash, length);
  out[length] = (uint8_t)padding->salt;
  *result = length + 1;
  return 0;
}

int32_t NCryptGetProperty(uintptr_t key, const uint16_t *name, uint8_t *out, DWORD room, DWORD *result, DWORD flags) {
  if (key != 0x1122334455667788u || !same(name, "Export Policy") || room != 4 || flags) return (int32_t)0x80090029;
  memset(out, 0, 4);
  *result = 4;
  return 0;
}

int32_t NCryptFreeObject(uintptr_t key) { return key == 0x1122334455667788u ? 0 : (int32_t)0x80090026; }

BOOL CryptGetUserKey(uintptr_t provider, DWORD spec, uintptr_t *key) {
  if (provider != 0x99 || spec != 1) { last_error = 0x8009000d; return 0; }
  *key = 0x77;
  return 1;
}

BOOL CryptDecrypt(uintptr_t key, uintptr_t hash, BOOL final, DWORD flags, uint8_t *data, DWORD *length) {
  if (planned()) { last_error = planned(); return 0; }
  if (key != 0x77 || hash || final != 1 || flags != 0x40) { last_error = 0x80090009; return 0; }
  /* Little-endian came in, so the end of what the caller had is in front. */
  *length = 32;
  return 1;
}

BOOL CryptGetKeyParam(uintptr_t key, DWORD parameter, DWORD *data, DWORD *size, DWORD flags) {
  if (key != 0x77 || parameter != 6 || *size != 4 || flags) return 0;
  *data = 0x3f;
  return 1;
}

BOOL CryptDestroyKey(uintptr_t key) { return key == 0x77; }
BOOL CryptReleaseContext(uintptr_t provider, DWORD flags) { return provider == 0x99 && !flags; }

/* For the test: what was opened and not closed. */
int fakewin_open(void) { return open_stores * 100 + open_contexts; }
