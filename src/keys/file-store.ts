import { type KeyObject, X509Certificate } from "node:crypto";
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { isQErr, needs, QErr } from "../errors.ts";
import { MAX_KEY_FILE_BYTES, MAX_KEY_FILES } from "../limits.ts";
import type { KeyInfo, KeyRef, KeyStore } from "./keystore.ts";
import { looksLikePem, type PemContent, pemNeedsPassword, readPem } from "./pem.ts";
import { looksLikePkcs12, readPkcs12 } from "./pkcs12.ts";
import type { SecretSource } from "./secret.ts";
import { softwareHandle } from "./software.ts";
import { describeKey, pick, publicHalf, sha256Hex } from "./thumbprint.ts";

const KEY_FILE = /\.(pem|crt|cer|key|pfx|p12)$/i;

export interface FileStoreOptions {
  /** Asked for a passphrase, once a file, and only where one is needed. */
  readonly passphrase?: SecretSource | undefined;
  /** In a folder: pass over files that cannot be read or opened, as .NET does with its own store. */
  readonly skipUnreadable?: boolean | undefined;
  /** Passphrase tried where none is given; .NET's store has none. */
  readonly defaultPassphrase?: string | undefined;
  /** Refuse files whose protection FIPS does not approve. */
  readonly approvedOnly?: boolean | undefined;
}

interface Entry {
  readonly info: KeyInfo;
  readonly key: KeyObject | undefined;
}

/**
 * A PEM or PKCS#12 file, or a folder of them. Read once, on first use; private keys are kept as KeyObjects.
 * @throws `KEY_STORE_NOT_FOUND`, `KEY_STORE_FORMAT`, `KEY_PIN_REQUIRED`, `KEY_PIN_INCORRECT` on first use
 */
export function fileStore(path: string, options: FileStoreOptions = {}): KeyStore {
  let entries: Promise<readonly Entry[]> | undefined;
  const load = () => (entries ??= loadPath(path, options));
  const where = `file:${path}`;
  return {
    where,
    list: async () => (await load()).map((e) => e.info),
    find: async (ref) =>
      pick(
        (await load()).map((e) => e.info),
        ref,
        where,
      ),
    async open(ref: KeyRef) {
      const all = await load();
      const info = pick(
        all.map((e) => e.info),
        ref,
        where,
      );
      needs(info !== undefined, "KEY_NOT_FOUND", `${where} has no such key`);
      const entry = all.find((e) => e.key !== undefined && e.info.spkiS256 === info.spkiS256);
      needs(
        entry?.key !== undefined,
        "KEY_NO_PRIVATE_KEY",
        `${where} has the certificate of ${info.label}, without its private key`,
      );
      return softwareHandle(info, entry.key);
    },
    async close() {
      entries = undefined;
    },
  };
}

/** Where .NET keeps `CurrentUser/My` on Linux: a folder of PKCS#12 files without passphrase. */
export function dotnetStorePath(home: string): string {
  return join(home, ".dotnet", "corefx", "cryptography", "x509stores", "my");
}

async function loadPath(path: string, options: FileStoreOptions): Promise<readonly Entry[]> {
  const found = await stat(path).catch(() => undefined);
  needs(found !== undefined, "KEY_STORE_NOT_FOUND", `there is no key file or folder ${path}`);
  if (!found.isDirectory()) return entriesOf(await loadFile(path, options), path);
  const names = (await readdir(path)).filter((name) => KEY_FILE.test(name)).sort();
  needs(names.length <= MAX_KEY_FILES, "LIMIT_EXCEEDED", `${path} has over ${MAX_KEY_FILES} key files`);
  const contents: { readonly content: PemContent; readonly path: string }[] = [];
  for (const name of names) {
    const file = join(path, name);
    try {
      contents.push({ content: await loadFile(file, options), path: file });
    } catch (error) {
      if (!options.skipUnreadable || !isQErr(error)) throw error;
    }
  }
  // A key in one file may belong to a certificate in another.
  const keys = contents.flatMap((c) => c.content.keys);
  return contents.flatMap((c) =>
    entriesOf({ ...c.content, keys: c.content.keys.length > 0 ? c.content.keys : keys }, c.path, c.content.keys),
  );
}

async function loadFile(path: string, options: FileStoreOptions): Promise<PemContent> {
  const size = (await stat(path).catch(() => undefined))?.size ?? 0;
  needs(
    size <= MAX_KEY_FILE_BYTES,
    "LIMIT_EXCEEDED",
    `${path} has ${size} bytes, a key file at most ${MAX_KEY_FILE_BYTES}`,
  );
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new QErr("KEY_ACCESS_DENIED", `${path} cannot be read`, { cause });
  });
  const ask = async () => (await options.passphrase?.(`Passphrase of ${path}`)) ?? options.defaultPassphrase;
  if (looksLikePem(bytes)) {
    const text = bytes.toString("utf8");
    const password = pemNeedsPassword(text) ? await ask() : undefined;
    needs(
      password !== undefined || !pemNeedsPassword(text),
      "KEY_PIN_REQUIRED",
      `${path} is protected by a passphrase`,
      { hint: "say where it comes from, e.g. --pin env:NAME" },
    );
    return readPem(text, password, options.approvedOnly);
  }
  if (looksLikePkcs12(bytes)) return { ...(await openPkcs12(bytes, path, ask, options.approvedOnly)), publicKeys: [] };
  try {
    return { keys: [], publicKeys: [], certificates: [new X509Certificate(bytes)] };
  } catch {
    throw new QErr("KEY_STORE_FORMAT", `${path} is neither PEM nor PKCS#12 nor a certificate`);
  }
}

async function openPkcs12(
  bytes: Uint8Array,
  path: string,
  ask: () => Promise<string | undefined>,
  approvedOnly: boolean | undefined,
) {
  // Many have no password at all; asking first would make people type one that is not there.
  try {
    return readPkcs12(bytes, undefined, approvedOnly);
  } catch (error) {
    if (!isQErr(error) || error.code !== "KEY_PIN_INCORRECT") throw error;
  }
  const password = await ask();
  needs(password !== undefined, "KEY_PIN_REQUIRED", `${path} is protected by a passphrase`, {
    hint: "say where it comes from, e.g. --pin env:NAME",
  });
  return readPkcs12(bytes, password, approvedOnly);
}

/** One entry a certificate, one a key without certificate; a key whose certificate is in another file stays with that. */
function entriesOf(content: PemContent, path: string, ownKeys: readonly KeyObject[] = content.keys): readonly Entry[] {
  const where = `file:${path}`;
  const entries: Entry[] = [];
  const spki = (key: KeyObject) => sha256Hex(publicHalf(key).export({ type: "spki", format: "der" }));
  const keys = new Map(content.keys.map((key) => [spki(key), key]));
  const seen = new Set<string>();
  for (const certificate of content.certificates) {
    const info = describe(() => describeKey({ certificate }, where, false));
    if (info === undefined) continue;
    const key = keys.get(info.spkiS256);
    entries.push({ info: { ...info, hasPrivateKey: key !== undefined }, key });
    seen.add(info.spkiS256);
  }
  for (const key of [...ownKeys, ...content.publicKeys]) {
    if (seen.has(spki(key))) continue;
    const isPrivate = key.type === "private";
    const info = describe(() => describeKey({ publicKey: publicHalf(key) }, where, isPrivate));
    if (info) entries.push({ info, key: isPrivate ? key : undefined });
  }
  return entries;
}

/** Keys of kinds that are not used here (Ed25519, DSA) are passed over. */
function describe(make: () => KeyInfo): KeyInfo | undefined {
  try {
    return make();
  } catch (error) {
    if (isQErr(error) && error.code === "KEY_ALG_UNSUPPORTED") return undefined;
    throw error;
  }
}
