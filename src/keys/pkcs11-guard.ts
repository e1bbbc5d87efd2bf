import { CKD_NULL, CKM, CKZ_DATA_SPECIFIED, MGF1 } from "./pkcs11-numbers.ts";

/**
 * Everything that pkcs11js 2.1.7 must be guarded against is here, so that a newer one is tried in one place:
 *
 * - a mechanism parameter that fails its check is freed before it was set, and the process ends: every parameter that is
 *   ever passed is made below, whole, with `source` given as a number since the constant is not exported;
 * - the last byte of the initialisation string is cut off: a space follows it;
 * - without flags it tells the module that there are no threads, and then calls it from several: locking is always asked for;
 * - errors of `C_FindObjects` come without their number, which stands in the text only.
 */
export interface ParameterTypes {
  readonly oaep: number;
  readonly pss: number;
  readonly ecdh: number;
}

export interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: unknown;
}

const CKF_OS_LOCKING_OK = 2;

export function initialiseArguments(parameters: string | undefined): {
  readonly flags: number;
  readonly libraryParameters?: string;
} {
  return { flags: CKF_OS_LOCKING_OK, ...(parameters === undefined ? {} : { libraryParameters: `${parameters} ` }) };
}

/** RSA-OAEP without label; MGF1 has the same hash. */
export function oaepMechanism(types: ParameterTypes, alg: "RSA-OAEP" | "RSA-OAEP-256"): Mechanism {
  const sha1 = alg === "RSA-OAEP";
  const parameter = {
    type: types.oaep,
    hashAlg: sha1 ? CKM.sha1 : CKM.sha256,
    mgf: sha1 ? MGF1.sha1 : MGF1.sha256,
    source: CKZ_DATA_SPECIFIED,
  };
  return { mechanism: CKM.rsaOaep, parameter };
}

/** RSA-PSS over SHA-256, the token hashing, with a salt as long as the hash. */
export function pssMechanism(types: ParameterTypes): Mechanism {
  const parameter = { type: types.pss, hashAlg: CKM.sha256, mgf: MGF1.sha256, saltLen: 32 };
  return { mechanism: CKM.sha256RsaPss, parameter };
}

/** ECDH that gives the bare shared secret. */
export function ecdhMechanism(types: ParameterTypes, point: Uint8Array): Mechanism {
  return {
    mechanism: CKM.ecdh1,
    parameter: { type: types.ecdh, kdf: CKD_NULL, publicData: Buffer.from(point) },
  };
}

/** The return value (CKR) that an error of pkcs11js carries, or undefined. */
export function returnValue(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  if ("code" in error && typeof error.code === "number") return error.code;
  const inText = error instanceof Error ? /\bCKR_\w+:(\d+)/.exec(error.message)?.[1] : undefined;
  return inText === undefined ? undefined : Number(inText);
}
