import { encodeUtf8 } from "../bytes/utf8.ts";
import { isQErr, needs, QErr } from "../errors.ts";
import { needsApproved } from "../keys/approved.ts";
import { type Keyring, type KeyringOptions, keyring, onlyKey, openReference } from "../keys/keyring.ts";
import type { KeyHandle } from "../keys/keystore.ts";
import { generateKey, type NewKeyType, selfSigned } from "../keys/self-signed.ts";
import { matches, parseThumbprint } from "../keys/thumbprint.ts";
import { type Recipient, type RecipientOptions, recipientOf, recipientWarnings } from "../seal/recipient.ts";
import { removeFile } from "../source/file-operations.ts";
import { type FileSink, fileSink } from "../source/file-sink.ts";
import { clearLeftovers } from "../source/temporary.ts";

export { type FipsReport, fipsSelfCheck } from "../keys/approved.ts";
export type { KeyringOptions } from "../keys/keyring.ts";
export { descriptorLines } from "../keys/secret.ts";
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
      if (options.approvedOnly) needsApproved(info);
      const recipient = recipientOf(info, options);
      recipients.push(recipient);
      warnings.push(...recipientWarnings(info, recipient));
    } finally {
      await reference.store.close();
    }
  }
  return { recipients, warnings };
}

/** One private key by reference, for signing. Closing it closes its store. */
export async function openSigner(text: string, options: KeyringOptions = {}): Promise<KeyHandle> {
  const reference = openReference(text, options);
  const { store } = reference;
  try {
    const info = await onlyKey(reference);
    const handle = await store.open({ spkiS256: info.spkiS256 });
    const close = async () => {
      await handle.close();
      await store.close();
    };
    return { ...handle, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/**
 * Certificates that a reader trusts to have signed: of a store all, of a reference with a thumbprint that one alone.
 * @throws `KEY_NOT_FOUND` if a reference names none, and what the store throws
 */
export async function trustedCertificates(references: readonly string[], options: KeyringOptions = {}) {
  const trusted = [];
  for (const text of references) {
    const { store, ref } = openReference(text, options);
    try {
      const named = (await store.list()).filter((info) => ref === undefined || matches(info, ref));
      for (const info of named) if (options.approvedOnly) needsApproved(info);
      const certificates = named.flatMap((info) => info.certificate ?? []);
      needs(certificates.length > 0, "KEY_NOT_FOUND", `${store.where} has no such certificate to trust`);
      trusted.push(...certificates);
    } finally {
      await store.close();
    }
  }
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
  const files = [
    { name: `${path}.key`, text: pem.toString(), mode: 0o600 },
    { name: `${path}.crt`, text: certificate.toString(), mode: 0o644 },
  ];
  const sinks: FileSink[] = [];
  const placed: string[] = [];
  // A run that was killed may have left something of the second where the first is refused.
  for (const { name } of files) await clearLeftovers(name);
  try {
    for (const { name, text, mode } of files) sinks.push(await newFile(name, text, mode));
    for (const [i, sink] of sinks.entries()) {
      await sink.commit().catch((error: unknown) => {
        if (!isQErr(error) || error.code !== "SINK_EXISTS") placed.push(files[i]!.name);
        throw error;
      });
      placed.push(files[i]!.name);
    }
  } catch (error) {
    // Half a pair is worse than none: data would be sealed for a key that is not there, or the name be taken.
    for (const sink of sinks) await sink.abort();
    for (const name of placed) await removeFile(name).catch(() => {});
    throw error;
  }
  return { key: `${path}.key`, certificate: `${path}.crt`, thumbprint: certificate.fingerprint.replaceAll(":", "") };
}

/** A key is never written over. */
async function newFile(path: string, text: string, mode: number): Promise<FileSink> {
  const sink = await fileSink(path, { mode }).catch((cause: unknown) => {
    if (!isQErr(cause) || cause.code !== "SINK_EXISTS") throw cause;
    throw new QErr("SINK_EXISTS", `${path} exists`, {
      cause,
      hint: "a key is never written over; choose another name",
    });
  });
  await sink.write(encodeUtf8(text));
  return sink;
}
