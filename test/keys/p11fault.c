/* A PKCS#11 module in front of a real one (P11FAULT_REAL) that counts calls and makes chosen ones fail or slow.
 *
 *   P11FAULT_LOG=FILE           a line a call of a watched function
 *   P11FAULT_PLAN=FILE          read at every watched call: lines "C_Decrypt 0x32 2" (fail the next 2 with CKR 0x32) or
 *                               "C_Decrypt delay 300" (milliseconds), "C_Decrypt abort 1" or "C_Decrypt segv 1" (the
 *                               process goes with it); the test rewrites the file as it goes
 */
#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST ours;
static CK_FUNCTION_LIST *real;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static CK_RV watch(const char *name) {
  CK_RV result = CKR_OK;
  long delay = 0;
  pthread_mutex_lock(&lock);
  const char *log = getenv("P11FAULT_LOG");
  if (log) {
    FILE *f = fopen(log, "a");
    if (f) {
      fprintf(f, "%s\n", name);
      fclose(f);
    }
  }
  const char *plan = getenv("P11FAULT_PLAN");
  FILE *f = plan ? fopen(plan, "r+") : NULL;
  if (f) {
    char line[128], rest[4096] = "", function[64], what[32];
    long number;
    while (fgets(line, sizeof line, f)) {
      if (sscanf(line, "%63s %31s %ld", function, what, &number) != 3) continue;
      if (strcmp(function, name) == 0 && number > 0 && result == CKR_OK && delay == 0) {
        if (strcmp(what, "delay") == 0) delay = number;
        else if (strcmp(what, "abort") == 0) abort();
        else if (strcmp(what, "segv") == 0) *(volatile int *)8 = 1;
        else {
          result = strtoul(what, NULL, 16);
          number -= 1;
        }
      }
      snprintf(rest + strlen(rest), sizeof rest - strlen(rest), "%s %s %ld\n", function, what, number);
    }
    rewind(f);
    fputs(rest, f);
    fflush(f);
    if (ftruncate(fileno(f), (off_t)strlen(rest))) {}
    fclose(f);
  }
  pthread_mutex_unlock(&lock);
  if (delay) usleep((useconds_t)delay * 1000);
  return result;
}

#define WATCHED(name, parameters, arguments)        \
  static CK_RV my_##name parameters {               \
    CK_RV rv = watch(#name);                        \
    return rv == CKR_OK ? real->name arguments : rv; \
  }

WATCHED(C_OpenSession, (CK_SLOT_ID a, CK_FLAGS b, void *c, CK_NOTIFY d, CK_SESSION_HANDLE *e), (a, b, c, d, e))
WATCHED(C_Login, (CK_SESSION_HANDLE a, CK_USER_TYPE b, unsigned char *c, CK_ULONG d), (a, b, c, d))
WATCHED(C_DecryptInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c))
WATCHED(C_Decrypt, (CK_SESSION_HANDLE a, unsigned char *b, CK_ULONG c, unsigned char *d, CK_ULONG *e), (a, b, c, d, e))
WATCHED(C_DeriveKey, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c, CK_ATTRIBUTE *d, CK_ULONG e, CK_OBJECT_HANDLE *f), (a, b, c, d, e, f))

WATCHED(C_GetSlotList, (CK_BBOOL a, CK_SLOT_ID *b, CK_ULONG *c), (a, b, c))
WATCHED(C_FindObjectsInit, (CK_SESSION_HANDLE a, CK_ATTRIBUTE *b, CK_ULONG c), (a, b, c))
WATCHED(C_FindObjects, (CK_SESSION_HANDLE a, CK_OBJECT_HANDLE *b, CK_ULONG c, CK_ULONG *d), (a, b, c, d))
WATCHED(C_SignInit, (CK_SESSION_HANDLE a, CK_MECHANISM *b, CK_OBJECT_HANDLE c), (a, b, c))
WATCHED(C_Sign, (CK_SESSION_HANDLE a, unsigned char *b, CK_ULONG c, unsigned char *d, CK_ULONG *e), (a, b, c, d, e))

static CK_RV my_C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
  CK_RV rv = real->C_GetTokenInfo(slot, info);
  /* Faults here are flags to add, e.g. 0x20000 for "final try". */
  if (rv == CKR_OK) info->flags |= watch("C_GetTokenInfo");
  return rv;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
  if (!real) {
    void *library = dlopen(getenv("P11FAULT_REAL"), RTLD_NOW | RTLD_LOCAL);
    CK_C_GetFunctionList get = library ? (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList") : NULL;
    if (!get || get(&real) != CKR_OK) return CKR_GENERAL_ERROR;
    ours = *real;
    ours.C_GetFunctionList = C_GetFunctionList;
    ours.C_OpenSession = my_C_OpenSession;
    ours.C_Login = my_C_Login;
    ours.C_GetTokenInfo = my_C_GetTokenInfo;
    ours.C_DecryptInit = my_C_DecryptInit;
    ours.C_Decrypt = my_C_Decrypt;
    ours.C_DeriveKey = my_C_DeriveKey;
    ours.C_GetSlotList = my_C_GetSlotList;
    ours.C_FindObjectsInit = my_C_FindObjectsInit;
    ours.C_FindObjects = my_C_FindObjects;
    ours.C_SignInit = my_C_SignInit;
    ours.C_Sign = my_C_Sign;
  }
  *list = &ours;
  return CKR_OK;
}
