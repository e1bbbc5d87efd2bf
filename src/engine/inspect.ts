import type { Lineage, QvdHeader } from "../container/qvd/header.ts";
import { readHeader } from "../container/qvd/open.ts";
import { QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import { isAdminMade } from "../table/admin-note.ts";
import type { NumberFormat } from "../table/field.ts";
import { fieldsOf } from "../table/qvd-table.ts";
import { type OpenOptions, requireQvd } from "./open.ts";
import { isSealed } from "./open-seal-head.ts";
import { openSealedQvd } from "./open-sealed.ts";
import { inspectSealed, type SealReport } from "./seal-report.ts";

export interface InspectedField {
  readonly name: string;
  readonly symbols: number;
  readonly bitWidth: number;
  readonly nullable: boolean;
  readonly numberFormat: NumberFormat;
  readonly tags: readonly string[];
  readonly comment: string;
}

export interface InspectedTable {
  readonly name: string;
  readonly rows: number;
  readonly comment: string;
  readonly fields: readonly InspectedField[];
  readonly lineage: readonly Lineage[];
}

/** What `qvault inspect --json` prints, a document a file. */
export interface Inspection {
  readonly schemaVersion: 1;
  readonly file: string;
  readonly container: "qvd";
  /** Size of the file. */
  readonly bytes: number;
  readonly creator: {
    /** Build of the engine that wrote the file; the text itself where it is no number. */
    readonly build: number | string;
    readonly document: string;
    /** As written: `YYYY-MM-DD hh:mm:ss`, UTC. */
    readonly createdUtc: string;
  };
  /** There if Qlik encrypted the data: then this is all that can be read. */
  readonly encryptedByQlik?: true;
  /** There if the rows were read from an app whose section access was not applied. */
  readonly asAdmin?: true;
  readonly tables: readonly InspectedTable[];
  /** What a sealed file says of its slots and fields; nothing of it is proved without a key. */
  readonly seal?: SealReport | undefined;
  /** Sealed fields that the given keys opened: `tables` shows what they really are. There only if keys were given. */
  readonly openedFields?: readonly string[] | undefined;
}

/**
 * Reads the header only, whatever the file's size; works on files that Qlik encrypted, too. With keys, sealed fields have
 * the symbols, formats, tags and comments that they had before, and the head of the file was authenticated.
 * @throws with keys or a signature asked for, what opening a sealed file throws
 */
export async function inspect(
  source: ByteSource,
  options: Pick<OpenOptions, "find" | "signature" | "lenient"> = {},
): Promise<Inspection> {
  await requireQvd(source);
  const header = await readHeader(source, options);
  const sealed = await isSealed(source, header);
  const { find, signature } = options;
  if (signature && !sealed) throw new QErr("SEAL_UNSIGNED", `${source.name} is not sealed, so nobody signed it`);
  const opened = sealed && find ? await openedHeader(source, find, signature) : undefined;
  return {
    schemaVersion: 1,
    file: source.name,
    container: "qvd",
    bytes: source.size,
    creator: {
      build: /^\d{1,9}$/.test(header.buildNo) ? Number(header.buildNo) : header.buildNo,
      document: header.creatorDoc,
      createdUtc: header.createUtcTime,
    },
    ...(header.encryptionInfo === "" || sealed ? {} : { encryptedByQlik: true }),
    ...(isAdminMade(header.comment) && { asAdmin: true as const }),
    tables: [inspectedTable(opened?.header ?? header)],
    ...(sealed ? { seal: await inspectSealed(source) } : {}),
    ...(opened ? { openedFields: opened.fields } : {}),
  };
}

/** The header as the keys show it, and which sealed fields they opened. */
async function openedHeader(
  source: ByteSource,
  find: NonNullable<OpenOptions["find"]>,
  signature: OpenOptions["signature"],
): Promise<{ readonly header: QvdHeader; readonly fields: readonly string[] }> {
  // The caller's source outlives the table that is opened for its header.
  const table = await openSealedQvd({ ...source, close: async () => {} }, find, { signature });
  try {
    const names = new Set(table.region.head.manifest.items.map((item) => item.name));
    const fields = table.fields.map((f) => f.name).filter((name) => names.has(name));
    return { header: table.header, fields: fields.filter((name) => !table.stillSealed.includes(name)) };
  } finally {
    await table.close();
  }
}

function inspectedTable(header: QvdHeader): InspectedTable {
  return {
    name: header.tableName,
    rows: header.noOfRecords,
    comment: header.comment,
    fields: fieldsOf(header).map((f) => ({
      name: f.name,
      symbols: f.symbolCount,
      bitWidth: f.bitWidth,
      nullable: f.nullable,
      numberFormat: f.numberFormat,
      tags: f.tags,
      comment: f.comment,
    })),
    lineage: header.lineage,
  };
}
