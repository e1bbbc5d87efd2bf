import { randomBytes } from "node:crypto";
import { isQErr, needs, QErr } from "../errors.ts";
import { type KeyReference, type KeyringOptions, onlyKey, openReference } from "../keys/keyring.ts";
import type { KeyHandle, KeyInfo, SignAlg, UnwrapAlg } from "../keys/keystore.ts";
import { signAlgOf } from "../keys/software.ts";
import { usesOf, wrappingUsage } from "../keys/usage.ts";
import { contentKey, createJwe, openJwe, unwrapRequestOf } from "../seal/jwe.ts";
import { defaultProvider } from "../seal/provider.ts";
import { type RecipientAlg, type RecipientOptions, recipientOf } from "../seal/recipient.ts";

/** What `qvault keys show --json` prints. Thumbprints are hexadecimal, times ISO 8601. */
export interface KeyReport {
  readonly schemaVersion: 1;
  readonly label: string;
  /** Absent for a bare key. */
  readonly certificate?: {
    readonly subject: string;
    readonly issuer: string;
    readonly serial: string;
    readonly validFrom: string;
    readonly validTo: string;
    readonly validNow: boolean;
    readonly x5t: string;
    readonly x5tS256: string;
    /** Absent if the certificate says nothing about it. */
    readonly keyUsage: readonly string[] | undefined;
    readonly extendedKeyUsage: readonly string[] | undefined;
  };
  readonly spkiS256: string;
  readonly type: "rsa" | "ec";
  readonly bits: number;
  readonly curve: string | undefined;
  /** How a slot key is wrapped to it: the first unless something else is asked for. Empty if it is refused. */
  readonly wraps: readonly RecipientAlg[];
  readonly signs: SignAlg;
  readonly where: string;
  readonly privateKey: {
    /** `unknown` in a store that was not logged in to. */
    readonly state: "there" | "absent" | "unknown";
    readonly exportable: boolean | "unknown";
  };
}

/** One thing that was tried or looked at. */
export interface KeyResult {
  readonly what: string;
  readonly ok: boolean;
  /** Of what is wrong. */
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly hint?: string | undefined;
  /** True if sealing to this key, or opening with it, goes wrong for it. */
  readonly serious: boolean;
}

/** What `keys check` found. */
export interface KeyCheck {
  readonly info: KeyInfo;
  readonly results: readonly KeyResult[];
  /** Why files sealed to this key could not be opened with it at all. */
  readonly failure: QErr | undefined;
}

/**
 * All that is known of one key or certificate, without using the private key.
 * @throws `KEY_REFERENCE`, `KEY_NOT_FOUND`, `KEY_AMBIGUOUS`, and what the store throws; no PIN is not an error
 */
export async function showKey(text: string, options: KeyringOptions = {}): Promise<KeyReport> {
  const reference = openReference(text, options);
  try {
    const info = await onlyKey(reference);
    const { certificate } = info;
    const uses = certificate && usesOf(certificate);
    return {
      schemaVersion: 1,
      label: info.label,
      ...(certificate && {
        certificate: {
          subject: oneLine(certificate.subject),
          issuer: oneLine(certificate.issuer),
          serial: certificate.serialNumber,
          validFrom: new Date(certificate.validFrom).toISOString(),
          validTo: new Date(certificate.validTo).toISOString(),
          validNow: wrong(() => recipientOf({ ...info, bits: 2048 })) === undefined,
          x5t: info.x5t!,
          x5tS256: info.x5tS256!,
          keyUsage: uses?.usages,
          extendedKeyUsage: uses?.extended,
        },
      }),
      spkiS256: info.spkiS256,
      type: info.type,
      bits: info.bits,
      curve: info.curve,
      wraps: wrapsOf(info),
      signs: signAlgOf(info),
      where: info.where,
      privateKey: await privateKeyOf(reference, info),
    };
  } finally {
    await reference.store.close();
  }
}

/** Subjects have a line each part. */
function oneLine(name: string | undefined): string {
  return (name ?? "").replaceAll("\n", ", ");
}

function wrapsOf(info: KeyInfo): readonly RecipientAlg[] {
  if (wrong(() => recipientOf(info, { allowExpired: true }))) return [];
  return info.type === "ec" ? ["ECDH-ES+A256KW"] : ["RSA-OAEP-256", "RSA-OAEP"];
}

async function privateKeyOf({ store }: KeyReference, info: KeyInfo): Promise<KeyReport["privateKey"]> {
  if (!info.hasPrivateKey) return { state: "absent", exportable: "unknown" };
  try {
    const handle = await store.open({ spkiS256: info.spkiS256 });
    await handle.close();
    return { state: "there", exportable: handle.exportable ?? "unknown" };
  } catch (error) {
    if (isQErr(error) && error.code === "KEY_NO_PRIVATE_KEY") return { state: "absent", exportable: "unknown" };
    if (isQErr(error) && error.code === "KEY_PIN_REQUIRED") return { state: "unknown", exportable: "unknown" };
    throw error;
  }
}

/**
 * Looks at a certificate as sealing does, then really wraps and unwraps with each algorithm that the key could have, and
 * signs: tokens do not tell what they can do. Each result is given to `said` as soon as it is there.
 * @throws `KEY_REFERENCE`, `KEY_NOT_FOUND`, `KEY_AMBIGUOUS`, and what listing the store throws
 */
export async function checkKey(
  text: string,
  options: KeyringOptions = {},
  begun: (info: KeyInfo) => Promise<void> = async () => {},
  said: (result: KeyResult) => Promise<void> = async () => {},
): Promise<KeyCheck> {
  const reference = openReference(text, options);
  const results: KeyResult[] = [];
  const attempt = async (what: string, serious: boolean, work: () => unknown): Promise<QErr | undefined> => {
    const failed = await Promise.resolve()
      .then(work)
      .then(() => undefined, known);
    const { code, message, hint } = failed ?? {};
    const result = { what, ok: failed === undefined, code, message, hint, serious: serious && failed !== undefined };
    results.push(result);
    await said(result);
    return failed;
  };
  try {
    const info = await onlyKey(reference);
    await begun(info);
    if (info.certificate) {
      await attempt("certificate is valid today", true, () => recipientOf({ ...info, bits: 2048 }));
      await attempt("certificate is meant for wrapping keys", true, () => needsWrappingUsage(info));
    }
    await attempt("key is long enough", true, () => recipientOf(info, { allowExpired: true }));
    let handle: KeyHandle | undefined;
    let failure = await attempt("private key", true, async () => {
      handle = await reference.store.open({ spkiS256: info.spkiS256 });
    });
    if (handle !== undefined) {
      failure = await tryKey(info, handle, attempt);
      await handle.close();
    }
    return { info, results, failure };
  } finally {
    await reference.store.close();
  }
}

/** Tries what the key may be able to do; gives the first error if no algorithm unwraps. */
async function tryKey(
  info: KeyInfo,
  handle: KeyHandle,
  attempt: (what: string, serious: boolean, work: () => unknown) => Promise<QErr | undefined>,
): Promise<QErr | undefined> {
  const algs: readonly (readonly [UnwrapAlg, RecipientOptions])[] =
    info.type === "ec"
      ? [["ECDH-ES", {}]]
      : [
          ["RSA-OAEP-256", {}],
          ["RSA-OAEP", { oaepSha1: true }],
        ];
  const failures: (QErr | undefined)[] = [];
  // What sealing takes unless told otherwise comes first, and only its failure is a surprise later on.
  for (const [alg, how] of algs)
    failures.push(await attempt(`unwrap ${alg}`, failures.length === 0, () => roundTrip(info, handle, how)));
  const alg = signAlgOf(info);
  await attempt(`sign ${alg}`, false, () => handle.sign(alg, new Uint8Array(randomBytes(32))));
  return failures.includes(undefined) ? undefined : failures[0];
}

/** Wraps a random key to the certificate and opens it again. Throws as the handle does; `KEY_UNWRAP_FAILED` if it is another pair. */
export async function roundTrip(info: KeyInfo, handle: KeyHandle, options: RecipientOptions): Promise<void> {
  const payload = new Uint8Array(randomBytes(32));
  const recipient = recipientOf(info, { ...options, allowExpired: true });
  const jwe = await createJwe(payload, { fileId: "", slot: 0 }, [recipient], await defaultProvider());
  const [wrapped] = jwe.recipients;
  try {
    const opened = openJwe(jwe, contentKey(wrapped!, await handle.unwrap(unwrapRequestOf(wrapped!))));
    needs(Buffer.from(opened).equals(payload), "KEY_UNWRAP_FAILED", "what was unwrapped is not what was wrapped");
  } catch (error) {
    if (!isQErr(error) || error.errorClass === "keystore" || error.errorClass === "key") throw error;
    throw new QErr("KEY_UNWRAP_FAILED", "what is wrapped with the certificate does not open with the private key", {
      cause: error,
      hint: "the store has another private key beside this certificate; import the pair again",
    });
  }
}

function needsWrappingUsage(info: KeyInfo): void {
  const usage = wrappingUsage(info.type);
  needs(
    info.usages === undefined || info.usages.includes(usage),
    "KEY_USAGE_FORBIDDEN",
    `its keyUsage is ${info.usages?.join(", ")}, without ${usage}`,
    {
      hint: "sealing warns and goes on; stores and other programs may refuse it: ask for a certificate with this usage",
    },
  );
}

function wrong(work: () => unknown): QErr | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return known(error);
  }
}

function known(error: unknown): QErr {
  if (isQErr(error)) return error;
  throw error;
}
