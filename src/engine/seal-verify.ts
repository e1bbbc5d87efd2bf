import { partsOf } from "../container/qvf/parts.ts";
import { isQErr } from "../errors.ts";
import { type AuthenticateOptions, authenticate, type FindKey } from "../seal/authenticate.ts";
import { checkPlainParts, checkSealedHashes, checkSealedParts } from "../seal/check-parts.ts";
import type { RegionHead } from "../seal/region.ts";
import type { ByteSource } from "../source/source.ts";
import { packedRecords } from "../table/qvd-write.ts";
import { openSealedQvd } from "./open-sealed.ts";
import { openSealedApp } from "./open-sealed-app.ts";
import { type SealFinding, type SealFindings, sealFindings } from "./seal-findings.ts";
import { readSealHead } from "./seal-head.ts";

/** What a check of a sealed file found. Damage is a finding; a key that is missing or wrong is an error. */
export interface SealVerification {
  readonly findings: readonly SealFinding[];
  /** Checks that were made and found nothing, in words. */
  readonly checked: readonly string[];
  /** What these checks do not prove, in words. */
  readonly notProved: readonly string[];
}

/**
 * Checks a sealed file, all of it whatever is found: each damaged piece is named, a chunk of a part that opens, one MiB of
 * another. Without `find`: structure and digests, which find accidents. With it: every byte of the file is authenticated,
 * sealed fields of other slots included, and the fields that open are read through.
 * @throws `SEAL_ABSENT`, and errors of class `key`, `read` and `cancelled`
 */
export async function verifySealed(
  source: ByteSource,
  find?: FindKey,
  options: AuthenticateOptions = {},
): Promise<SealVerification> {
  const findings = sealFindings();
  const checked: string[] = [];
  const notProved: string[] = [];
  const step = stepsInto(findings, checked);
  const result = () => ({ findings: findings.list, checked, notProved });
  const region = await step("the seal region is whole, and all parts together fill the file", () =>
    readSealHead(source),
  );
  if (region === undefined) {
    notProved.push("anything else, since the seal region could not be read");
    return result();
  }
  await step("plain parts have the digests that the manifest gives them", () =>
    checkPlainParts(source, region, findings.add),
  );
  const hashes = async () => {
    if (region.manifest.signer === undefined) return;
    const words = "sealed parts have the digests that the manifest gives them";
    await step(words, () => checkSealedHashes(source, region, findings.add));
  };
  if (find === undefined) {
    await hashes();
    notProved.push(
      "that the manifest itself is genuine: whoever can write the file can write fitting digests (verify with a key)",
    );
    if (!region.manifest.signer) notProved.push("that sealed bytes are whole: their digests need a key");
  } else await withKey(source, region, find, options, { step, findings, notProved, hashes });
  if (!options.signature)
    notProved.push(
      "who wrote the file: anybody with the public certificates can make one (verify with --require-signature)",
    );
  notProved.push("that this is the newest copy: an older one is as genuine");
  if (findings.left > 0) notProved.push(`what else is damaged: ${findings.left} more pieces are, and are not named`);
  return result();
}

type Step = <T>(words: string, work: () => Promise<T>) => Promise<T | undefined>;

/** Makes steps of a check: damage that one throws is a finding, and gives undefined. */
function stepsInto(findings: SealFindings, checked: string[]): Step {
  return async (words, work) => {
    const before = findings.seen;
    try {
      const result = await work();
      if (findings.seen === before) checked.push(words);
      return result;
    } catch (error) {
      if (!isQErr(error) || error.errorClass !== "damaged") throw error;
      findings.add(error);
      return undefined;
    }
  };
}

interface Check {
  readonly step: Step;
  readonly findings: SealFindings;
  readonly notProved: string[];
  /** Compares sealed parts with their digests, where there are any. */
  hashes(): Promise<void>;
}

async function withKey(
  source: ByteSource,
  region: RegionHead,
  find: FindKey,
  options: AuthenticateOptions,
  { step, findings, notProved, hashes }: Check,
): Promise<void> {
  const opened = await step("manifest, keys and MACs are genuine", () => authenticate(region, find, options));
  if (opened === undefined) return hashes();
  try {
    const count = await step("every sealed byte is as it was sealed", () =>
      checkSealedParts(source, opened, findings.add),
    );
    if (count && count.unopened > 0)
      notProved.push(`what ${count.unopened} sealed items of other slots hold: their bytes were checked, not opened`);
  } finally {
    opened.wipe();
  }
  await hashes();
  // What is damaged was named already; reading it again would only say so twice.
  if (findings.seen > 0) return;
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
