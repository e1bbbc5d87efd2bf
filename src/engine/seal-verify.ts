import { partsOf } from "../container/qvf/parts.ts";
import { type ErrorCode, isQErr, type QErr } from "../errors.ts";
import { type AuthenticateOptions, authenticate, type FindKey } from "../seal/authenticate.ts";
import { checkPlainParts, checkSealedHashes, checkSealedParts } from "../seal/check-parts.ts";
import type { RegionHead } from "../seal/region.ts";
import { treeRoot } from "../seal/tree.ts";
import type { ByteSource } from "../source/source.ts";
import { packedRecords } from "../table/qvd-write.ts";
import { openSealedQvd } from "./open-sealed.ts";
import { openSealedApp } from "./open-sealed-app.ts";
import { readSealHead } from "./seal-head.ts";
import { STREAM_ITEMS } from "./seal-qvf-meta.ts";

/** What a check of a sealed file found. Damage is a finding; a key that is missing or wrong is an error. */
export interface SealVerification {
  readonly findings: readonly {
    readonly level: "damage";
    readonly code: ErrorCode;
    readonly part: string;
    readonly message: string;
    readonly offset?: number | undefined;
    readonly length?: number | undefined;
  }[];
  /** Checks that were made, in words. */
  readonly checked: readonly string[];
  /** What these checks do not prove, in words. */
  readonly notProved: readonly string[];
}

/**
 * Checks a sealed file. Without `find`: structure and digests, which find accidents. With it: every byte of the file is
 * authenticated, sealed fields of other slots included, and the fields that open are read through.
 * @throws `SEAL_ABSENT`, and errors of class `key`, `read` and `cancelled`
 */
export async function verifySealed(
  source: ByteSource,
  find?: FindKey,
  options: AuthenticateOptions = {},
): Promise<SealVerification> {
  const findings: SealVerification["findings"][number][] = [];
  const checked: string[] = [];
  const notProved: string[] = [];
  const step = async <T>(words: string, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      const result = await work();
      checked.push(words);
      return result;
    } catch (error) {
      if (!isQErr(error) || error.errorClass !== "damaged") throw error;
      findings.push(asFinding(error));
      return undefined;
    }
  };
  const region = await step("the seal region is whole, and all parts together fill the file", () =>
    readSealHead(source),
  );
  if (region === undefined)
    return { findings, checked, notProved: ["anything else, since the seal region could not be read"] };
  await step("plain parts have the digests that the manifest gives them", () => checkPlainParts(source, region));
  if (region.manifest.signer)
    await step("sealed parts have the digests that the manifest gives them", () => checkSealedHashes(source, region));
  if (find === undefined) {
    notProved.push(
      "that the manifest itself is genuine: whoever can write the file can write fitting digests (verify with a key)",
    );
    if (!region.manifest.signer) notProved.push("that sealed bytes are whole: their digests need a key");
  } else await withKey(source, region, find, options, step, notProved, () => findings.length === 0);
  if (!options.signature)
    notProved.push(
      "who wrote the file: anybody with the public certificates can make one (verify with --require-signature)",
    );
  notProved.push("that this is the newest copy: an older one is as genuine");
  return { findings, checked, notProved };
}

async function withKey(
  source: ByteSource,
  region: RegionHead,
  find: FindKey,
  options: AuthenticateOptions,
  step: <T>(words: string, work: () => Promise<T>) => Promise<T | undefined>,
  notProved: string[],
  whole: () => boolean,
): Promise<void> {
  const opened = await step("manifest, keys and MACs are genuine", () => authenticate(region, find, options));
  if (opened === undefined) return;
  try {
    const count = await step("every sealed byte is as it was sealed", () => checkSealedParts(source, opened));
    if (count && count.unopened > 0)
      notProved.push(`what ${count.unopened} sealed items of other slots hold: their bytes were checked, not opened`);
  } finally {
    opened.wipe();
  }
  // What is damaged was named already; reading it again would only say so twice.
  if (!whole()) return;
  await step("every sealed field reads as a field", () =>
    region.manifest.container === "qvf" ? readAppThrough(source, find, options) : readThrough(source, find, options),
  );
}

async function readThrough(source: ByteSource, find: FindKey, options: AuthenticateOptions): Promise<void> {
  const table = await openSealedQvd({ ...source, close: async () => {} }, find, options);
  try {
    for (const ordinal of table.fields.keys()) await table.symbols(ordinal);
    // Packed as `decrypt` would, since an index may have a symbol and no room in the header that was sealed.
    for await (const _ of packedRecords(table.header, table.rows, table.scan()));
  } finally {
    await table.close();
  }
}

/** Every table, and every stream that was sealed. */
async function readAppThrough(source: ByteSource, find: FindKey, options: AuthenticateOptions): Promise<void> {
  const app = await openSealedApp({ ...source, close: async () => {} }, find, options);
  try {
    await partsOf(app.container);
    const { tables, sectionAccess } = await app.model();
    for (const table of [...tables, ...sectionAccess]) {
      for (const ordinal of table.fields.keys()) await table.symbols(ordinal);
      for await (const _ of table.scan());
    }
  } finally {
    await app.close();
  }
}

function asFinding(error: QErr): SealVerification["findings"][number] {
  const { code, part, message, offset, length } = error;
  return { level: "damage", code, part: part ?? "file", message, offset, length };
}

/** What a sealed file says of itself without a key. Names, sizes and thumbprints; nothing of it is proved. */
export interface SealReport {
  readonly fileId: string;
  readonly mode: "open" | "closed";
  readonly createdAt: string;
  readonly writer: string;
  readonly signer: string | undefined;
  readonly slots: readonly {
    readonly name: string;
    readonly epoch: number;
    readonly fields: readonly string[];
    /** Sealed as a whole: the original header of a QVD, streams of an app. */
    readonly streams: readonly string[];
    readonly recipients: readonly {
      readonly alg: string;
      readonly label: string;
      readonly x5t: string | undefined;
      readonly x5tS256: string | undefined;
      readonly spkiS256: string;
    }[];
  }[];
  readonly sealed: readonly {
    readonly name: string;
    readonly mask: string;
    readonly slot: string;
    readonly bytes: number;
  }[];
  readonly plain: readonly { readonly name: string; readonly bytes: number; readonly root: string }[];
  /** Bytes left for more recipients. */
  readonly spareKeyBytes: number;
}

/** Reads the report of a sealed file; errors as {@link readSealHead}. */
export async function inspectSealed(source: ByteSource): Promise<SealReport> {
  return reportOf(await readSealHead(source));
}

export function reportOf(region: RegionHead): SealReport {
  const { manifest, entries } = region;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return {
    fileId: hex(manifest.fileId),
    mode: manifest.mode,
    createdAt: manifest.createdAt,
    writer: manifest.writer,
    signer: manifest.signer ? hex(manifest.signer).toUpperCase() : undefined,
    slots: entries.map((entry) => ({
      name: manifest.slots[entry.slot]!,
      epoch: entry.epoch,
      fields: manifest.items
        .filter((item, i) => item.ordinal < STREAM_ITEMS && entry.deks.has(i))
        .map((item) => item.name),
      streams: manifest.items
        .filter((item, i) => item.ordinal >= STREAM_ITEMS && entry.deks.has(i))
        .map((item) => item.name),
      recipients: entry.recipients.map(({ alg, label, x5t, x5tS256, spkiS256 }) => ({
        alg,
        label,
        x5t,
        x5tS256,
        spkiS256,
      })),
    })),
    sealed: manifest.items.map((item) => ({
      name: item.name,
      mask: item.mask,
      slot: manifest.slots[item.slot]!,
      bytes: item.parts.reduce((n, p) => n + p.length, 0),
    })),
    plain: manifest.plain.map((p) => ({ name: p.name, bytes: p.length, root: hex(treeRoot(p.leaves)) })),
    spareKeyBytes:
      region.keyArea.byteLength - 4 - new DataView(region.keyArea.buffer, region.keyArea.byteOffset).getUint32(0, true),
  };
}
