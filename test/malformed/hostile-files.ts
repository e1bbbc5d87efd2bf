import { fileURLToPath } from "node:url";
import { deflateSync } from "node:zlib";
import { concat } from "../../src/bytes/concat.ts";
import { encodeFieldStream, FIELD_CLASS, parseFieldStream } from "../../src/container/qvf/field-stream.ts";
import { encodeFrame, encodeJsonFrame } from "../../src/container/qvf/frame.ts";
import { directoryPart, type QvfPart, replacedPart } from "../../src/container/qvf/parts.ts";
import { encodeStoredTable, parseStoredTable } from "../../src/container/qvf/stored-table.ts";
import { SCRIPT_PATH } from "../../src/engine/app-view.ts";
import { exportTable } from "../../src/engine/export.ts";
import { openSealedQvd } from "../../src/engine/open-sealed.ts";
import { sealQvd } from "../../src/engine/seal-qvd.ts";
import {
  MAX_CONFIG_BYTES,
  MAX_FIELDS,
  MAX_KDF_ITERATIONS,
  MAX_QVF_FRAME_BYTES,
  MAX_ROWS_WITHOUT_BYTES,
} from "../../src/limits.ts";
import type { Jwe } from "../../src/seal/jwe-form.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { openQvdTable } from "../../src/table/qvd-table.ts";
import { goodQvd } from "../container/qvd-malformed.ts";
import { readCrashes } from "../fuzz/corpus.ts";
import { pemWithRounds, pkcs12WithRounds, rsaOfBits } from "../fuzz/key-files.ts";
import { findTestKey, testRecipient } from "../fuzz/keys.ts";
import { withHead } from "../fuzz/mutate-sealed.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { goodParts } from "../helpers/qvf-image.ts";
import { entry, headerAndBody, rawQvd } from "../helpers/raw-qvd.ts";
import { utf8 } from "./fault.ts";
import { ABORTING_SPKI, longNumber, pemOf } from "./key-faults.ts";

/** What a command may be given: which commands take it follows from the kind. */
export type HostileKind =
  | "qvd"
  | "qvf"
  | "sealed"
  | "csv"
  | "json"
  | "ndjson"
  | "parquet"
  | "case"
  | "manifest"
  | "audit"
  | "journal"
  | "text"
  | "key";

/** A small file that asks for much: memory or time that its length does not pay for. */
export interface Hostile {
  readonly name: string;
  readonly kind: HostileKind;
  /** Made and refused in no time, so that it is tried in every run. */
  readonly quick?: true;
  /** Processor time that it may cost, in ms, where that is more than anywhere else; with the reason. */
  readonly ms?: number;
  /** The same for memory, in MiB. */
  readonly mib?: number;
  readonly bytes: () => Uint8Array | Promise<Uint8Array>;
}

const constant = (i: number) => ({ name: `F${i}`, symbols: [entry.int(i)], bitOffset: 0, bitWidth: 0 });
const noRecords = new Uint8Array(0);

/** `columns` that cost no bytes in a row, and rows of `recordBytes`. */
export function freeColumns(columns: number, rows: number, recordBytes: number): Uint8Array {
  return rawQvd({
    fields: Array.from({ length: columns }, (_, i) => constant(i)),
    rows,
    recordBytes,
    records: recordBytes === 0 ? noRecords : new Uint8Array(rows * recordBytes),
  });
}

/** Each column is an element of the header with twenty others in it, a read, and in Arrow a message. */
const MANY_COLUMNS_MS = 12_000;

const QVD: readonly Hostile[] = [
  {
    name: "as many columns as there may be",
    kind: "qvd",
    ms: MANY_COLUMNS_MS,
    // Its header alone has 4 MB; on Node 24 the most, 308, is for writing Arrow.
    mib: 384,
    bytes: () => freeColumns(MAX_FIELDS, 2, 1),
  },
  {
    name: "a million rows of 2048 columns that take no byte",
    kind: "qvd",
    bytes: () => freeColumns(2048, MAX_ROWS_WITHOUT_BYTES, 0),
  },
  {
    name: "a million rows of a byte, and 2048 columns beside it",
    kind: "qvd",
    bytes: () => freeColumns(2048, 2 ** 20, 1),
  },
  {
    name: "two million empty texts",
    quick: true,
    kind: "qvd",
    bytes: () => {
      const texts = new Uint8Array(4_000_000);
      for (let i = 0; i < texts.byteLength; i += 2) texts[i] = 4;
      const field = { name: "F0", symbols: [entry.text("")], bitOffset: 0, bitWidth: 0 };
      const { header } = headerAndBody(rawQvd({ fields: [field], rows: 1, recordBytes: 0, records: noRecords }));
      const stated = header
        .replace(/<NoOfSymbols>1</, "<NoOfSymbols>2000000<")
        .replace(/<Length>2</, "<Length>4000000<")
        .replace(/<Offset>2</, "<Offset>4000000<");
      return concat([utf8(`${stated}\0`), texts]);
    },
  },
];

/** The sound app with one stream changed. */
async function appWith(path: string, change: (bytes: Uint8Array) => Uint8Array): Promise<Uint8Array> {
  const parts = await goodParts();
  const changed: QvfPart[] = [];
  for (const part of parts) changed.push(part.path === path ? replacedPart(part, change(await part.read())) : part);
  return writtenBytes(changed);
}

const repeated = (text: string, bytes: number) => utf8(text.repeat(Math.floor(bytes / text.length)));

const TABLE = "data/table_0";
const zeros = (length: number) => deflateSync(Buffer.alloc(length), { level: 9 });

const QVF: readonly Hostile[] = [
  {
    name: "meta of 24 MiB of lists inside lists",
    kind: "qvf",
    bytes: () => appWith("qvapp_meta", () => encodeFrame("gzjson", repeated("[", MAX_QVF_FRAME_BYTES))),
  },
  {
    name: "meta of eight million empty lists",
    kind: "qvf",
    bytes: () => {
      const lists = `[${"[],".repeat(MAX_QVF_FRAME_BYTES / 3 - 1)}[]]`;
      return appWith("qvapp_meta", () => encodeFrame("gzjson", utf8(lists.slice(0, MAX_QVF_FRAME_BYTES))));
    },
  },
  {
    name: "a script of 24 MiB of one letter",
    kind: "qvf",
    bytes: () => {
      const around = JSON.stringify({ qScript: "" });
      const qScript = "a".repeat(MAX_QVF_FRAME_BYTES - around.length - 1);
      return appWith(SCRIPT_PATH, () => encodeJsonFrame({ qScript }));
    },
  },
  {
    name: "four thousand million rows that take no byte",
    quick: true,
    kind: "qvf",
    bytes: () =>
      appWith(TABLE, (bytes) => {
        const { head } = parseStoredTable(bytes, TABLE);
        const columns = head.columns.map((column) => ({ ...column, width: 0 }));
        const vectors = columns.map(() => undefined);
        return encodeStoredTable({ head: { ...head, rows: 2 ** 32 - 1, columns }, vectors });
      }),
  },
  {
    name: "a vector of 256 MiB of zeros",
    kind: "qvf",
    bytes: () =>
      appWith(TABLE, (bytes) => {
        const { head } = parseStoredTable(bytes, TABLE);
        const length = 2 ** 28;
        const columns = head.columns.map((column, i) => ({ ...column, width: i === 0 ? 8 : 0 }));
        const vectors = columns.map((_, i) => (i === 0 ? { length, compressed: zeros(length) } : undefined));
        return encodeStoredTable({ head: { ...head, rows: length, columns }, vectors });
      }),
  },
  {
    name: "five thousand directories with nothing in them",
    kind: "qvf",
    bytes: async () => {
      const directories = Array.from({ length: 5000 }, (_, i) => directoryPart(`d${i}`, 45_000));
      return writtenBytes([...(await goodParts()), ...directories]);
    },
  },
  {
    name: "67 million integers in four bytes",
    quick: true,
    kind: "qvf",
    bytes: () =>
      appWith("data/field_0", (bytes) => {
        const field = parseFieldStream(bytes, "data/field_0");
        const symbols = new Uint8Array(4);
        new DataView(symbols.buffer).setUint32(0, 2 ** 26, true);
        return encodeFieldStream({ ...field, fieldClass: FIELD_CLASS.consecutive, base: 0, symbols });
      }),
  },
];

/** A file with `slots` of `recipients` each, all of one key, and no content key opens. */
export async function sameRecipients(slots: number, recipients: number): Promise<Uint8Array> {
  const sink = memorySink();
  const to = Array.from({ length: recipients }, testRecipient);
  const named = Array.from({ length: slots }, (_, i) => ({ name: `s${i}`, recipients: to, fields: ["Beta"] }));
  await sealQvd(await openQvdTable(memorySource(goodQvd())), sink, { slots: named });
  await sink.commit();
  const file = sink.result();
  const { region } = await openSealedQvd(memorySource(file), findTestKey);
  const entries = region.head.entryBytes.map((bytes) => {
    const value = unpackMessage(bytes, "slot keys") as Record<string, unknown>;
    const jwe = JSON.parse(value.jwe as string) as Jwe;
    const wrong = jwe.recipients.map((r) => ({ ...r, encrypted_key: "A".repeat(r.encrypted_key.length) }));
    return packMessage({ ...value, jwe: JSON.stringify({ ...jwe, recipients: wrong }) } as never);
  });
  return withHead(file, region, region.head.manifestBytes, entries);
}

const SEALED: readonly Hostile[] = [
  {
    name: "256 recipients of one key, none of which opens",
    quick: true,
    kind: "sealed",
    bytes: () => sameRecipients(1, 256),
  },
];

/** Four million rows are no small table, whatever their bytes. */
const MANY_ROWS_MS = 5000;

const TEXT: readonly Hostile[] = [
  { name: "four million lines of a letter", kind: "csv", ms: MANY_ROWS_MS, bytes: () => repeated("a\n", 8_000_000) },
  {
    name: "as many columns as there may be, in two lines",
    kind: "csv",
    ms: MANY_COLUMNS_MS,
    bytes: () => utf8(`${Array.from({ length: MAX_FIELDS }, (_, i) => i).join()}\n${",".repeat(MAX_FIELDS - 1)}\n`),
  },
  {
    name: "a column more than there may be",
    quick: true,
    kind: "csv",
    bytes: () => utf8(`${Array.from({ length: MAX_FIELDS + 1 }, (_, i) => i).join()}\n`),
  },
  {
    name: "two hundred thousand lines that each name another field",
    kind: "ndjson",
    ms: MANY_COLUMNS_MS,
    bytes: () => utf8(Array.from({ length: 200_000 }, (_, i) => `{"f${i}":1}`).join("\n")),
  },
  { name: "a quote that is never closed", quick: true, kind: "csv", bytes: () => repeated('"a', 8_000_000) },
  {
    name: "a row of 16,000 cells and 100 that are short",
    quick: true,
    kind: "csv",
    bytes: () => repeated("a,", 32_000),
  },
  { name: "lists inside lists", quick: true, kind: "json", bytes: () => repeated("[", 8_000_000) },
  { name: "four million empty lists", kind: "json", bytes: () => utf8(`[${"[],".repeat(2_000_000)}[]]`) },
  { name: "an object of a million names", kind: "json", bytes: () => utf8(manyNames(400_000)) },
  { name: "lists inside lists on a line", quick: true, kind: "ndjson", bytes: () => repeated("[", 8_000_000) },
  {
    name: "as many columns as there may be, in Parquet",
    kind: "parquet",
    ms: MANY_COLUMNS_MS,
    mib: 320,
    bytes: async () => {
      const columns = Array.from({ length: MAX_FIELDS }, (_, i) => [i, null]);
      const table = memoryTable(
        "t",
        columns.map((_, i) => `F${i}`),
        columns,
      );
      const sink = memorySink();
      await exportTable(table, sink, { format: "parquet" });
      await sink.commit();
      return sink.result();
    },
  },
  { name: "what once took for ever", quick: true, kind: "parquet", bytes: () => readCrash("parquet", "hang") },
];

/** A find of fuzzing, by the beginning of its name. */
function readCrash(target: string, name: string): Uint8Array {
  const crashes = readCrashes(fileURLToPath(new URL("../fuzz/crashes", import.meta.url)), target);
  return crashes.find((crash) => crash.name.startsWith(name))!.bytes;
}

function manyNames(count: number): string {
  return `{${Array.from({ length: count }, (_, i) => `"n${i}":1`).join()}}`;
}

const CONFIG: readonly Hostile[] = [
  ...(["case", "manifest"] as const).flatMap((kind): readonly Hostile[] => [
    { name: `${kind}: lists inside lists`, kind, bytes: () => repeated("[", MAX_CONFIG_BYTES - 8) },
    { name: `${kind}: over 8 MiB`, quick: true, kind, bytes: () => repeated(" ", MAX_CONFIG_BYTES + 8) },
  ]),
  { name: "text: lines of four letters", kind: "text", bytes: () => utf8(shortLines()) },
  { name: "text: over 8 MiB", quick: true, kind: "text", bytes: () => repeated("a", MAX_CONFIG_BYTES + 8) },
  { name: "journal: lines of nothing", kind: "journal", bytes: () => repeated("{}\n", 10_000_000) },
  { name: "journal: one line", quick: true, kind: "journal", bytes: () => repeated("{", 32 * 1024 * 1024) },
  {
    name: "audit: lines of nothing",
    quick: true,
    kind: "audit",
    bytes: () => repeated("\n", 4_000_000),
  },
  { name: "audit: one line", kind: "audit", bytes: () => repeated("{", 32 * 1024 * 1024) },
];

/** Names of four letters, none twice. */
function shortLines(): string {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
  const pairs = [...letters].flatMap((a) => [...letters].map((b) => a + b));
  return pairs.flatMap((a) => pairs.map((b) => `${a}${b}\n`)).join("");
}

/** What a strong password would pay for, in a file that anybody can write. */
const KEY: readonly Hostile[] = [
  // The derivation of PKCS#12 is a hash at a time in JavaScript; NSS itself asks for 600,000 rounds of it.
  { name: "a MAC of a million rounds", ms: 10_000, kind: "key", bytes: () => pkcs12WithRounds(MAX_KDF_ITERATIONS) },
  { name: "PEM: an EC number longer than its curve", quick: true, kind: "key", bytes: () => utf8(longNumber()) },
  {
    name: "PEM: a DSA key below zero",
    quick: true,
    kind: "key",
    bytes: () => utf8(pemOf("PUBLIC KEY", Buffer.from(ABORTING_SPKI).toString("base64"))),
  },
  { name: "PEM: RSA of 65,536 bits", quick: true, kind: "key", bytes: () => utf8(rsaOfBits(65_536)) },
  {
    name: "PEM: PBKDF2 of two thousand million rounds",
    quick: true,
    kind: "key",
    bytes: () => pemWithRounds(2 ** 31 - 1),
  },
];

export const HOSTILE: readonly Hostile[] = [...QVD, ...QVF, ...SEALED, ...TEXT, ...CONFIG, ...KEY];
