import type { Address } from "./windows-calls.ts";

/** Names of Security.framework's constants for the algorithms used; their values are strings of the system. */
export type KeychainAlgorithm =
  | "kSecKeyAlgorithmRSAEncryptionOAEPSHA256"
  | "kSecKeyAlgorithmRSAEncryptionOAEPSHA1"
  | "kSecKeyAlgorithmRSASignatureMessagePSSSHA256"
  | "kSecKeyAlgorithmECDSASignatureMessageRFC4754SHA256"
  | "kSecKeyAlgorithmECDSASignatureMessageRFC4754SHA384"
  | "kSecKeyAlgorithmECDSASignatureMessageRFC4754SHA512";

/** Bytes, or the OSStatus or CFError code that came instead. */
export type KeychainResult =
  | { readonly bytes: Uint8Array; readonly error?: undefined }
  | { readonly bytes?: undefined; readonly error: number };

/**
 * The calls of macOS' Security.framework that are used, as plain functions; references that are given out belong to the
 * caller, who releases them.
 */
export interface KeychainCalls {
  /** `SecItemCopyMatching` for every identity (certificate with private key) of the user's keychains. */
  copyIdentities(): { readonly identities: readonly Address[]; readonly status: number };
  /** `SecIdentityCopyCertificate` and `SecCertificateCopyData` */
  certificateBytes(identity: Address): Uint8Array;
  /** `SecIdentityCopyPrivateKey` */
  copyPrivateKey(identity: Address): { readonly key: Address; readonly status: number };
  /** `kSecAttrIsExtractable` of `SecKeyCopyAttributes`; undefined if the key does not say. */
  isExtractable(key: Address): boolean | undefined;
  /** `SecKeyIsAlgorithmSupported(key, kSecKeyOperationTypeDecrypt or …Sign, algorithm)` */
  isSupported(key: Address, operation: "decrypt" | "sign", algorithm: KeychainAlgorithm): boolean;
  /** `SecKeyCreateDecryptedData`, on another thread. */
  decrypt(key: Address, algorithm: KeychainAlgorithm, data: Uint8Array): Promise<KeychainResult>;
  /** `SecKeyCreateSignature`, on another thread. */
  sign(key: Address, algorithm: KeychainAlgorithm, data: Uint8Array): Promise<KeychainResult>;
  /** `CFRelease` */
  release(reference: Address): void;
}
