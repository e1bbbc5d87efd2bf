import type { KeyObject, X509Certificate } from "node:crypto";
import type { KeyUsage } from "./usage.ts";

/** Curves of ECDH and ECDSA keys, by their JOSE names. */
export type Curve = "P-256" | "P-384" | "P-521";

/** Of a point's x, of its y, and of the secret that is agreed on (RFC 7518 section 6.2.1.2). */
export const COORDINATE_BYTES: Readonly<Record<Curve, number>> = { "P-256": 32, "P-384": 48, "P-521": 66 };

/** A point as SEC 1 writes it uncompressed: 04, x, y. */
export interface EcPoint {
  readonly curve: Curve;
  readonly point: Uint8Array;
}

/**
 * The one private-key operation that opening a slot costs. RSA gives the key that was wrapped; ECDH gives the shared
 * secret Z (the x coordinate), from which the caller derives.
 */
export type UnwrapRequest =
  | { readonly alg: "RSA-OAEP-256" | "RSA-OAEP"; readonly encryptedKey: Uint8Array }
  | { readonly alg: "ECDH-ES"; readonly ephemeral: EcPoint };

export type UnwrapAlg = UnwrapRequest["alg"];
export type SignAlg = "PS256" | "ES256" | "ES384" | "ES512";

/** What is known of a key without using it. Thumbprints are hexadecimal, upper case, without separators. */
export interface KeyInfo {
  /** SHA-256 of the public key (SubjectPublicKeyInfo): the identity that also holds for a bare key or a renewed certificate. */
  readonly spkiS256: string;
  /** SHA-1 of the certificate, as Windows and Qlik show it; absent for a bare key. */
  readonly x5t?: string | undefined;
  /** SHA-256 of the certificate; absent for a bare key. */
  readonly x5tS256?: string | undefined;
  readonly certificate?: X509Certificate | undefined;
  readonly publicKey: KeyObject;
  /** For people: the subject, a label or a file name. Never a secret. */
  readonly label: string;
  readonly type: "rsa" | "ec";
  /** Modulus or field size. */
  readonly bits: number;
  readonly curve?: Curve | undefined;
  /** What the certificate says the key is for; undefined if it says nothing, and for a bare key. */
  readonly usages?: readonly KeyUsage[] | undefined;
  /** A token shows private keys only after a login: there it means that nothing speaks against one. */
  readonly hasPrivateKey: boolean;
  /** Where it lives, for messages: a URI without PIN. */
  readonly where: string;
}

/** Any of the ways to name a key; what is given must all match. */
export interface KeyRef {
  readonly spkiS256?: string | undefined;
  readonly x5t?: string | undefined;
  readonly x5tS256?: string | undefined;
}

/**
 * A private key that can be used but not seen.
 * @throws `KEY_UNWRAP_FAILED` for everything that depends on the data (one code, so that nothing can be learned from
 *   it); `KEY_ALG_UNSUPPORTED`, `KEY_USAGE_FORBIDDEN`, the `KEY_PIN_*` and `KEY_TOKEN_*` family otherwise
 */
export interface KeyHandle {
  readonly info: KeyInfo;
  /** Whether the private key could be copied out of its store; undefined where the store does not say. */
  readonly exportable?: boolean | undefined;
  /** The caller owns the result and overwrites it. */
  unwrap(request: UnwrapRequest): Promise<Uint8Array>;
  /** A signature over `data` (hashed here), in JOSE form: r and s side by side for ECDSA. */
  sign(alg: SignAlg, data: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** A place where keys are. Whoever implements it never hands out a private key. */
export interface KeyStore {
  /** URI without PIN, for messages. */
  readonly where: string;
  /** Every certificate and key that can be seen without logging in where the store allows that. */
  list(): Promise<readonly KeyInfo[]>;
  /** The key that matches, or undefined. `KEY_AMBIGUOUS` if different keys match. */
  find(ref: KeyRef): Promise<KeyInfo | undefined>;
  /** @throws `KEY_NOT_FOUND`, `KEY_NO_PRIVATE_KEY`, and whatever logging in can throw */
  open(ref: KeyRef): Promise<KeyHandle>;
  close(): Promise<void>;
}
