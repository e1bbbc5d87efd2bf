import {
  addressOf,
  copyBytes,
  type Ffi,
  type FfiLibrary,
  inBackground,
  loadFfi,
  loadLibrary,
} from "./native-library.ts";
import type { NativePadding, WindowsCalls } from "./windows-calls.ts";

/** Where the calls are; a test puts a double in their place. */
export interface WindowsLibraries {
  readonly crypt32: string;
  readonly ncrypt: string;
  readonly advapi32: string;
  readonly kernel32: string;
}

const SYSTEM: WindowsLibraries = {
  crypt32: "crypt32.dll",
  ncrypt: "ncrypt.dll",
  advapi32: "advapi32.dll",
  kernel32: "kernel32.dll",
};

const CERT_STORE_PROV_SYSTEM_W = 10;

/**
 * The native calls of Windows, through koffi. DWORD and BOOL are 32 bits and handles as wide as pointers whatever the
 * system, so that the same table can be tried against a double on another one.
 * @throws `KEY_PROVIDER_UNAVAILABLE` without koffi, `KEY_MODULE_LOAD`
 */
export async function windowsCalls(libraries: WindowsLibraries = SYSTEM): Promise<WindowsCalls> {
  return bind(await loadFfi(), libraries);
}

function bind(ffi: Ffi, libraries: WindowsLibraries): WindowsCalls {
  const crypt32 = loadLibrary(ffi, libraries.crypt32);
  const ncrypt = loadLibrary(ffi, libraries.ncrypt);
  const advapi32 = loadLibrary(ffi, libraries.advapi32);
  const kernel32 = loadLibrary(ffi, libraries.kernel32);
  const DWORD = "uint32";
  const BOOL = "int32";
  const HANDLE = ffi.pointer(ffi.opaque());
  const BYTES = ffi.pointer("uint8");
  const OUT_BYTES = ffi.out(ffi.pointer("uint8"));
  const INOUT_BYTES = ffi.inout(ffi.pointer("uint8"));
  const OUT_HANDLE = ffi.out(ffi.pointer(HANDLE));
  const OUT_DWORD = ffi.out(ffi.pointer(DWORD));
  const INOUT_DWORD = ffi.inout(ffi.pointer(DWORD));
  const OUT_BOOL = ffi.out(ffi.pointer(BOOL));
  const CERT_CONTEXT = ffi.struct({ encoding: DWORD, encoded: HANDLE, length: DWORD, info: HANDLE, store: HANDLE });
  const OAEP = ffi.pointer(ffi.struct({ algorithm: BYTES, label: BYTES, labelLength: DWORD }));
  const PSS = ffi.pointer(ffi.struct({ algorithm: BYTES, saltLength: DWORD }));
  const call = (library: FfiLibrary, name: string, result: unknown, ...parameters: readonly unknown[]) =>
    library.func("__stdcall", name, result, parameters);

  const getLastError = call(kernel32, "GetLastError", DWORD);
  const openStore = call(crypt32, "CertOpenStore", HANDLE, HANDLE, DWORD, HANDLE, DWORD, BYTES);
  const closeStore = call(crypt32, "CertCloseStore", BOOL, HANDLE, DWORD);
  const enumerate = call(crypt32, "CertEnumCertificatesInStore", HANDLE, HANDLE, HANDLE);
  const property = call(crypt32, "CertGetCertificateContextProperty", BOOL, HANDLE, DWORD, HANDLE, INOUT_DWORD);
  const freeContext = call(crypt32, "CertFreeCertificateContext", BOOL, HANDLE);
  const acquire = call(
    crypt32,
    "CryptAcquireCertificatePrivateKey",
    BOOL,
    HANDLE,
    DWORD,
    HANDLE,
    OUT_HANDLE,
    OUT_DWORD,
    OUT_BOOL,
  );
  const ncryptDecrypt = (padding: unknown) =>
    call(ncrypt, "NCryptDecrypt", "int32", HANDLE, BYTES, DWORD, padding, OUT_BYTES, DWORD, OUT_DWORD, DWORD);
  const ncryptSign = (padding: unknown) =>
    call(ncrypt, "NCryptSignHash", "int32", HANDLE, padding, BYTES, DWORD, OUT_BYTES, DWORD, OUT_DWORD, DWORD);
  const decryptOaep = ncryptDecrypt(OAEP);
  const signPss = ncryptSign(PSS);
  const signPlain = ncryptSign(HANDLE);
  const getProperty = call(ncrypt, "NCryptGetProperty", "int32", HANDLE, BYTES, OUT_DWORD, DWORD, OUT_DWORD, DWORD);
  const freeObject = call(ncrypt, "NCryptFreeObject", "int32", HANDLE);
  const getUserKey = call(advapi32, "CryptGetUserKey", BOOL, HANDLE, DWORD, OUT_HANDLE);
  const decrypt = call(advapi32, "CryptDecrypt", BOOL, HANDLE, HANDLE, BOOL, DWORD, INOUT_BYTES, INOUT_DWORD);
  const getKeyParameter = call(advapi32, "CryptGetKeyParam", BOOL, HANDLE, DWORD, OUT_DWORD, INOUT_DWORD, DWORD);
  const destroyKey = call(advapi32, "CryptDestroyKey", BOOL, HANDLE);
  const releaseContext = call(advapi32, "CryptReleaseContext", BOOL, HANDLE, DWORD);

  const lastError = (failed: boolean) => (failed ? Number(getLastError()) >>> 0 : 0);
  const structure = (padding: NativePadding) =>
    padding.kind === "oaep"
      ? { algorithm: padding.hash, label: null, labelLength: 0 }
      : { algorithm: padding.hash, saltLength: padding.saltBytes };

  return {
    certOpenStore(flags, name) {
      const store = addressOf(openStore(BigInt(CERT_STORE_PROV_SYSTEM_W), 0, null, flags, name));
      return { store, error: lastError(store === 0n) };
    },
    certCloseStore: (store) => void closeStore(store, 0),
    certEnumCertificatesInStore: (store, previous) => addressOf(enumerate(store, previous === 0n ? null : previous)),
    certificateBytes(context) {
      const { encoded, length } = ffi.decode(context, CERT_CONTEXT) as { encoded: unknown; length: number };
      return copyBytes(ffi, encoded, length);
    },
    certHasProperty: (context, id) => Number(property(context, id, null, [0])) !== 0,
    certFreeCertificateContext: (context) => void freeContext(context),
    cryptAcquireCertificatePrivateKey(context, flags) {
      const [key, spec, free]: [unknown[], number[], number[]] = [[null], [0], [0]];
      const ok = Number(acquire(context, flags, null, key, spec, free)) !== 0;
      return {
        key: ok ? addressOf(key[0]) : 0n,
        spec: spec[0]!,
        mustFree: free[0] !== 0,
        error: lastError(!ok),
      };
    },
    async nCryptDecrypt(key, input, padding, output, flags) {
      const length = [0];
      const size = output.byteLength;
      const status = await inBackground(
        decryptOaep,
        key,
        input,
        input.byteLength,
        structure(padding),
        output,
        size,
        length,
        flags,
      );
      return { status: Number(status) >>> 0, length: length[0]! };
    },
    async nCryptSignHash(key, padding, hash, output, flags) {
      const length = [0];
      const values = [hash, hash.byteLength, output, output.byteLength, length, flags];
      const status = await (padding
        ? inBackground(signPss, key, structure(padding), ...values)
        : inBackground(signPlain, key, null, ...values));
      return { status: Number(status) >>> 0, length: length[0]! };
    },
    nCryptGetNumber(key, name) {
      const value = [0];
      return Number(getProperty(key, name, value, 4, [0], 0)) === 0 ? value[0] : undefined;
    },
    nCryptFreeObject: (key) => void freeObject(key),
    cryptGetUserKey(provider, spec) {
      const key: unknown[] = [null];
      const ok = Number(getUserKey(provider, spec, key)) !== 0;
      return { key: ok ? addressOf(key[0]) : 0n, error: lastError(!ok) };
    },
    cryptDecrypt(key, flags, data) {
      const length = [data.byteLength];
      const ok = Number(decrypt(key, null, 1, flags, data, length)) !== 0;
      return { length: length[0]!, error: lastError(!ok) };
    },
    cryptGetKeyNumber(key, parameter) {
      const value = [0];
      return Number(getKeyParameter(key, parameter, value, [4], 0)) === 0 ? undefined : value[0];
    },
    cryptDestroyKey: (key) => void destroyKey(key),
    cryptReleaseContext: (provider) => void releaseContext(provider, 0),
  };
}
