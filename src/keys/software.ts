import { constants, createPublicKey, diffieHellman, type KeyObject, privateDecrypt, sign } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import {
  COORDINATE_BYTES,
  type EcPoint,
  type KeyHandle,
  type KeyInfo,
  type SignAlg,
  type UnwrapRequest,
} from "./keystore.ts";

const OAEP_HASH = { "RSA-OAEP-256": "sha256", "RSA-OAEP": "sha1" } as const;

/** Decrypts RSA-OAEP with MGF1 of the same hash and no label (RFC 8017 section 7.1). Throws `KEY_UNWRAP_FAILED`. */
export function rsaOaepDecrypt(key: KeyObject, alg: "RSA-OAEP-256" | "RSA-OAEP", encrypted: Uint8Array): Uint8Array {
  try {
    const options = { key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: OAEP_HASH[alg] };
    const plain = privateDecrypt(options, encrypted);
    const own = new Uint8Array(plain);
    plain.fill(0);
    return own;
  } catch {
    throw unwrapFailed();
  }
}

/** The x coordinate of the shared point (SP 800-56A 5.7.1.2). Throws `KEY_UNWRAP_FAILED` for a point off the curve. */
export function ecdhAgree(key: KeyObject, peer: EcPoint): Uint8Array {
  const size = COORDINATE_BYTES[peer.curve];
  try {
    needs(peer.point.byteLength === 1 + 2 * size && peer.point[0] === 4, "KEY_UNWRAP_FAILED", "not a point");
    const x = Buffer.from(peer.point.subarray(1, 1 + size)).toString("base64url");
    const y = Buffer.from(peer.point.subarray(1 + size)).toString("base64url");
    const publicKey = createPublicKey({ key: { kty: "EC", crv: peer.curve, x, y }, format: "jwk" });
    const secret = diffieHellman({ privateKey: key, publicKey });
    const own = new Uint8Array(secret);
    secret.fill(0);
    return own;
  } catch {
    throw unwrapFailed();
  }
}

/** Signs in JOSE form (RFC 7518 section 3): PS256 has a salt as long as the hash. */
export function signWith(key: KeyObject, alg: SignAlg, data: Uint8Array): Uint8Array {
  const hash = alg === "ES384" ? "sha384" : alg === "ES512" ? "sha512" : "sha256";
  const how =
    alg === "PS256"
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key, dsaEncoding: "ieee-p1363" as const };
  return new Uint8Array(sign(hash, data, how));
}

/** Which signature a key makes; there is one for each kind, so nothing is negotiated. */
export function signAlgOf(info: KeyInfo): SignAlg {
  if (info.type === "rsa") return "PS256";
  return info.curve === "P-256" ? "ES256" : info.curve === "P-384" ? "ES384" : "ES512";
}

/** A handle on a key in this process, held as a KeyObject. */
export function softwareHandle(info: KeyInfo, key: KeyObject): KeyHandle {
  return {
    info,
    // Whoever can use a key of this process can read the file it came from.
    exportable: true,
    async unwrap(request) {
      checkRequest(info, request);
      return request.alg === "ECDH-ES"
        ? ecdhAgree(key, request.ephemeral)
        : rsaOaepDecrypt(key, request.alg, request.encryptedKey);
    },
    async sign(alg, data) {
      needs(alg === signAlgOf(info), "KEY_ALG_UNSUPPORTED", `${info.label} does not sign with ${alg}`);
      return signWith(key, alg, data);
    },
    async close() {},
  };
}

/** Refuses an algorithm that is not the key's, before any store is asked (algorithm confusion). */
export function checkRequest(info: KeyInfo, request: UnwrapRequest): void {
  const fits =
    request.alg === "ECDH-ES" ? info.type === "ec" && info.curve === request.ephemeral.curve : info.type === "rsa";
  needs(fits, "KEY_ALG_UNSUPPORTED", `${info.label} is not a key for ${request.alg}`);
  // Tokens answer a ciphertext of another length than the key's with whatever comes to their mind.
  if (request.alg !== "ECDH-ES" && request.encryptedKey.byteLength !== Math.ceil(info.bits / 8)) throw unwrapFailed();
}

export function unwrapFailed(): QErr {
  return new QErr("KEY_UNWRAP_FAILED", "the key does not open this slot", {
    hint: "the file was sealed to another key with the same certificate, or is damaged; `qvault keys check` tests the key",
  });
}
