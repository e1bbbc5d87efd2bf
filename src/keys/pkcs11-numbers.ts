/** Numbers of PKCS#11 2.40, as far as they are used; pkcs11js is loaded only when there is a token to talk to. */

export const CKO = { certificate: 1, publicKey: 2, privateKey: 3, secretKey: 4 } as const;
export const CKA = {
  class: 0x00,
  token: 0x01,
  label: 0x03,
  value: 0x11,
  certificateType: 0x80,
  keyType: 0x100,
  id: 0x102,
  sensitive: 0x103,
  decrypt: 0x105,
  unwrap: 0x107,
  modulus: 0x120,
  publicExponent: 0x122,
  extractable: 0x162,
  valueLen: 0x161,
  ecParams: 0x180,
  ecPoint: 0x181,
  alwaysAuthenticate: 0x202,
} as const;
export const CKM = {
  rsaOaep: 0x09,
  sha1: 0x220,
  sha256: 0x250,
  sha256RsaPss: 0x43,
  ecdsa: 0x1041,
  ecdh1: 0x1050,
} as const;
export const MGF1 = { sha1: 1, sha256: 2 } as const;
export const CKK = { genericSecret: 0x10, aes: 0x1f } as const;
export const CKD_NULL = 1;
export const CKZ_DATA_SPECIFIED = 1;
export const CKU_CONTEXT_SPECIFIC = 2;
