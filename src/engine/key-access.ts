import { randomBytes } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { isQErr, needs, QErr } from "../errors.ts";
import { type Keyring, type KeyringOptions, keyring, onlyKey, openReference } from "../keys/keyring.ts";
import type { KeyHandle, KeyInfo, UnwrapAlg } from "../keys/keystore.ts";
import { generateKey, type NewKeyType, selfSigned } from "../keys/self-signed.ts";
import { signAlgOf } from "../keys/software.ts";
import { parseThumbprint } from "../keys/thumbprint.ts";
import { contentKey, createJwe, openJwe, unwrapRequestOf } from "../seal/jwe.ts";
import { defaultProvider } from "../seal/provider.ts";
import { type Recipient, type RecipientOptions, recipientOf, recipientWarnings } from "../seal/recipient.ts";

export type { KeyringOptions } from "../keys/keyring.ts";
export type { NewKeyType } from "../keys/self-signed.ts";

/** Private keys by the references a user gives. Nothing is opened before it is needed. */
export function openKeys(references: readonly string[], options: KeyringOptions = {}): Keyring {
  return keyring(references.map((text) => openReference(text, options)));
}

/** Recipients by references to certificates or public keys; with what should be said about them. */
export async function recipientsOf(
  references: readonly string[],
  options: KeyringOptions & RecipientOptions = {},
): Promise<{ readonly recipients: readonly Recipient[]; readonly warnings: readonly string[] }> {
  const recipients: Recipient[] = [];
  const warnings: string[] = [];
  for (const text of references) {
    const reference = openReference(text, options);
    try {
      const info = await onlyKey(reference);
      const recipient = recipientOf(info, options);
      recipients.push(recipient);
      warnings.push(...recipientWarnings(info, recipient));
    } finally {
      await reference.store.close();
    }
  }
  return { recipients, warnings };
}

/** One private key by reference, for signing. */
export async function openSigner(text: string, options: KeyringOptions = {}): Promise<KeyHandle> {
  const reference = openReference(text, options);
  const info = await onlyKey(reference);
  return reference.store.open({ spkiS256: info.spkiS256 });
}

/** Certificates that a reader trusts to have signed. */
export async function trustedCertificates(references: readonly string[], options: KeyringOptions = {}) {
  const trusted = [];
  for (const text of references) {
    const { store } = openReference(text, options);
    for (const info of await store.list()) if (info.certificate) trusted.push(info.certificate);
    await store.close();
  }
  needs(trusted.length > 0, "KEY_NOT_FOUND", "there is no certificate among the trusted ones");
  return { trusted };
}

/** The key that `--from` names: a thumbprint, or a reference to a certificate. */
export async function keyRefOf(text: string, options: KeyringOptions = {}) {
  try {
    return parseThumbprint(text);
  } catch (error) {
    if (!isQErr(error) || error.code !== "KEY_REFERENCE") throw error;
  }
  const reference = openReference(text, options);
  try {
    const { spkiS256 } = await onlyKey(reference);
    return { spkiS256 };
  } finally {
    await reference.store.close();
  }
}

/** What trying a key said. */
export interface KeyCheck {
  readonly info: KeyInfo;
  readonly results: readonly {
    readonly what: string;
    readonly ok: boolean;
    readonly code?: string | undefined;
    readonly hint?: string | undefined;
  }[];
}

/**
 * Really wraps and unwraps with a key, with each algorithm that it could have, and signs: tokens do not tell what they
 * can do. Nothing is thrown for what the key cannot do; errors of the store itself are.
 */
export async function checkKey(text: string, options: KeyringOptions = {}): Promise<KeyCheck> {
  const reference = openReference(text, options);
  try {
    const info = await onlyKey(reference);
    const handle = await reference.store.open({ spkiS256: info.spkiS256 });
    const results: KeyCheck["results"][number][] = [];
    const attempt = async (what: string, work: () => Promise<void>) => {
      try {
        await work();
        results.push({ what, ok: true });
      } catch (error) {
        if (!isQErr(error)) throw error;
        results.push({ what, ok: false, code: error.code, hint: error.hint });
      }
    };
    const algs: readonly (readonly [UnwrapAlg, RecipientOptions])[] =
      info.type === "ec"
        ? [["ECDH-ES", {}]]
        : [
            ["RSA-OAEP-256", {}],
            ["RSA-OAEP", { oaepSha1: true }],
          ];
    for (const [alg, how] of algs)
      await attempt(`unwrap ${alg}`, () => roundTrip(info, handle, { ...how, allowExpired: true }));
    const alg = signAlgOf(info);
    await attempt(`sign ${alg}`, async () => void (await handle.sign(alg, new Uint8Array(randomBytes(32)))));
    await handle.close();
    return { info, results };
  } finally {
    await reference.store.close();
  }
}

async function roundTrip(info: KeyInfo, handle: KeyHandle, options: RecipientOptions): Promise<void> {
  const payload = new Uint8Array(randomBytes(32));
  const jwe = await createJwe(payload, {}, [recipientOf(info, options)], defaultProvider());
  const [recipient] = jwe.recipients;
  const opened = openJwe(jwe, contentKey(recipient!, await handle.unwrap(unwrapRequestOf(recipient!))));
  needs(Buffer.from(opened).equals(payload), "KEY_UNWRAP_FAILED", "the private key does not belong to the certificate");
}

/** Makes a key pair with a self-signed certificate: `PATH.key` for its owner's eyes only, and `PATH.crt`. */
export async function generateKeyFiles(
  path: string,
  type: NewKeyType,
  name: string,
  days: number,
  passphrase?: string,
): Promise<{ readonly key: string; readonly certificate: string; readonly thumbprint: string }> {
  const key = generateKey(type);
  const certificate = selfSigned(key, name, days);
  const pem = key.export({
    type: "pkcs8",
    format: "pem",
    ...(passphrase ? { cipher: "aes-256-cbc", passphrase } : {}),
  });
  await writeNew(`${path}.key`, pem.toString(), 0o600);
  await writeNew(`${path}.crt`, certificate.toString(), 0o644);
  return { key: `${path}.key`, certificate: `${path}.crt`, thumbprint: certificate.fingerprint.replaceAll(":", "") };
}

async function writeNew(path: string, text: string, mode: number): Promise<void> {
  await writeFile(path, text, { mode, flag: "wx" }).catch((cause: unknown) => {
    throw new QErr("SINK_EXISTS", `${path} exists or cannot be written`, {
      cause,
      hint: "a key is never written over; choose another name",
    });
  });
}
