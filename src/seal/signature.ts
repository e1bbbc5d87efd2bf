import { constants, createHash, type KeyObject, verify, type X509Certificate } from "node:crypto";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import type { KeyHandle, SignAlg } from "../keys/keystore.ts";

/**
 * The writer's signature: a detached compact JWS (RFC 7515 appendix F) whose payload is the SHA-256 of the name below,
 * the region's prefix and the manifest. It is over what a rotation leaves alone, so it outlives every rotation.
 */
const NAME = encodeUtf8("qvault seal/v1 signature\0");

/** Who may have written a file; given by the reader, never by the file. */
export interface SignaturePolicy {
  /** Certificates that are trusted as they are; no chain is built and no revocation looked up. */
  readonly trusted: readonly X509Certificate[];
}

const SIGNATURE_BYTES: Readonly<Record<string, number>> = { ES256: 64, ES384: 96, ES512: 132 };

function payload(prefix: Uint8Array, manifest: Uint8Array): string {
  return createHash("sha256").update(NAME).update(prefix).update(manifest).digest("base64url");
}

function protectedHeader(alg: SignAlg, thumbprint: Uint8Array): string {
  const header = { alg, typ: "qvault-seal-signature", "x5t#S256": Buffer.from(thumbprint).toString("base64url") };
  return Buffer.from(JSON.stringify(header)).toString("base64url");
}

/** The one algorithm that goes with a kind of key. */
export function algOf(key: KeyHandle["info"]): SignAlg {
  if (key.type === "rsa") return "PS256";
  return key.curve === "P-256" ? "ES256" : key.curve === "P-384" ? "ES384" : "ES512";
}

/** SHA-256 thumbprint of the signer's certificate. Throws `SEAL_CERTIFICATE` for a key without one. */
export function signerOf(signer: KeyHandle): Uint8Array {
  const { x5tS256 } = signer.info;
  needs(x5tS256 !== undefined, "SEAL_CERTIFICATE", "a signing key needs its certificate, by which readers trust it");
  return new Uint8Array(Buffer.from(x5tS256, "hex"));
}

/** Length of the signature that `signer` will make; it is part of the layout, so it must be known before. */
export function signatureLength(signer: KeyHandle): number {
  const alg = algOf(signer.info);
  const bytes = SIGNATURE_BYTES[alg] ?? Math.ceil(signer.info.bits / 8);
  return protectedHeader(alg, signerOf(signer)).length + 2 + Math.ceil((bytes * 4) / 3);
}

export async function signManifest(signer: KeyHandle, prefix: Uint8Array, manifest: Uint8Array): Promise<string> {
  const alg = algOf(signer.info);
  const header = protectedHeader(alg, signerOf(signer));
  const signature = await signer.sign(alg, encodeUtf8(`${header}.${payload(prefix, manifest)}`));
  return `${header}..${Buffer.from(signature).toString("base64url")}`;
}

/**
 * Checks a signature against the reader's policy. The algorithm follows from the trusted key, not from the file.
 * @throws `SEAL_UNSIGNED` if there is none, or none by a trusted certificate; `SEAL_BAD_SIGNATURE` if it does not fit
 */
export function checkSignature(
  policy: SignaturePolicy,
  signer: Uint8Array | undefined,
  signature: string,
  prefix: Uint8Array,
  manifest: Uint8Array,
): void {
  needs(
    signer !== undefined && signature !== "",
    "SEAL_UNSIGNED",
    "the file is not signed, and a signature is required",
    {
      hint: "whoever has the public certificates can make a sealed file; do not use this one before you know where it is from",
    },
  );
  const named = Buffer.from(signer).toString("hex").toUpperCase();
  const certificate = policy.trusted.find((c) => c.fingerprint256.replaceAll(":", "") === named);
  if (certificate === undefined) {
    throw new QErr("SEAL_UNSIGNED", `the file is signed by ${named}, which is not one of the trusted certificates`);
  }
  const { publicKey } = certificate;
  const alg = algOfKey(publicKey);
  const [header, middle, value] = signature.split(".");
  const sound = header === protectedHeader(alg, signer) && middle === "" && value !== undefined;
  const input = encodeUtf8(`${header}.${payload(prefix, manifest)}`);
  if (!sound || !verifyWith(publicKey, alg, input, Buffer.from(value, "base64url"))) {
    throw new QErr("SEAL_BAD_SIGNATURE", "the signature does not fit the file", {
      hint: "the file was changed after it was signed",
    });
  }
}

function algOfKey(key: KeyObject): SignAlg {
  if (key.asymmetricKeyType === "rsa") return "PS256";
  needs(
    key.asymmetricKeyType === "ec",
    "SEAL_UNSIGNED",
    "a trusted certificate has a key of another kind than RSA or EC",
  );
  const curve = key.asymmetricKeyDetails?.namedCurve;
  return curve === "prime256v1" ? "ES256" : curve === "secp384r1" ? "ES384" : "ES512";
}

function verifyWith(key: KeyObject, alg: SignAlg, data: Uint8Array, signature: Uint8Array): boolean {
  const hash = alg === "ES384" ? "sha384" : alg === "ES512" ? "sha512" : "sha256";
  const how =
    alg === "PS256"
      ? { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : { key, dsaEncoding: "ieee-p1363" as const };
  return verify(hash, data, how, signature);
}
