/** An address or handle of native code; 0n is none. */
export type Address = bigint;

/** How an OAEP or PSS operation is to be done, as CNG's padding structures say it. */
export type NativePadding =
  | { readonly kind: "oaep" /** UTF-16, with a closing zero. */; readonly hash: Uint8Array }
  | { readonly kind: "pss"; readonly hash: Uint8Array; readonly saltBytes: number };

/**
 * The calls of Windows that are used (wincrypt.h, ncrypt.h), each as the plain function it is: numbers, bytes, addresses.
 * Names and flags are passed on as given, so that a double of this table sees what Windows would.
 */
export interface WindowsCalls {
  /** `CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, name)`. `error` is GetLastError where there is no store. */
  certOpenStore(flags: number, name: Uint8Array): { readonly store: Address; readonly error: number };
  /** `CertCloseStore(store, 0)` */
  certCloseStore(store: Address): void;
  /** `CertEnumCertificatesInStore`: the certificate after `previous`, which it frees; 0n behind the last. */
  certEnumCertificatesInStore(store: Address, previous: Address): Address;
  /** The encoded certificate of a context, copied. */
  certificateBytes(context: Address): Uint8Array;
  /** `CertGetCertificateContextProperty(context, property, NULL, …)`: true if the context has it. */
  certHasProperty(context: Address, property: number): boolean;
  certFreeCertificateContext(context: Address): void;
  /** `CryptAcquireCertificatePrivateKey(context, flags, NULL, …)` */
  cryptAcquireCertificatePrivateKey(
    context: Address,
    flags: number,
  ): { readonly key: Address; readonly spec: number; readonly mustFree: boolean; readonly error: number };
  /** `NCryptDecrypt`, on another thread; `status` is its SECURITY_STATUS. `output` is written. */
  nCryptDecrypt(
    key: Address,
    input: Uint8Array,
    padding: NativePadding,
    output: Uint8Array,
    flags: number,
  ): Promise<{ readonly status: number; readonly length: number }>;
  /** `NCryptSignHash`, on another thread; no padding structure for ECDSA. */
  nCryptSignHash(
    key: Address,
    padding: NativePadding | undefined,
    hash: Uint8Array,
    output: Uint8Array,
    flags: number,
  ): Promise<{ readonly status: number; readonly length: number }>;
  /** `NCryptGetProperty` of a DWORD, by its UTF-16 name; undefined if the key does not have it. */
  nCryptGetNumber(key: Address, property: Uint8Array): number | undefined;
  nCryptFreeObject(key: Address): void;
  /** `CryptGetUserKey(provider, spec, …)` */
  cryptGetUserKey(provider: Address, spec: number): { readonly key: Address; readonly error: number };
  /** `CryptDecrypt(key, 0, TRUE, flags, …)`: decrypts `data` in place. */
  cryptDecrypt(key: Address, flags: number, data: Uint8Array): { readonly length: number; readonly error: number };
  /** `CryptGetKeyParam` of a DWORD; undefined if the key does not tell. */
  cryptGetKeyNumber(key: Address, parameter: number): number | undefined;
  cryptDestroyKey(key: Address): void;
  /** `CryptReleaseContext(provider, 0)` */
  cryptReleaseContext(provider: Address): void;
}

/** A text as Windows takes it: UTF-16, little-endian, with a closing zero. */
export function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length * 2 + 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < text.length; i++) view.setUint16(2 * i, text.charCodeAt(i), true);
  return bytes;
}
