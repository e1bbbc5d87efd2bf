import { RECORD_SLACK, unpackField } from "../bytes/bitfield.ts";
import { parseHeader, type QvdHeader } from "../container/qvd/header.ts";
import type { QvdLayout } from "../container/qvd/layout.ts";
import { needs, QErr } from "../errors.ts";
import { type AuthenticateOptions, authenticate, type FindKey, type OpenedRegion } from "../seal/authenticate.ts";
import { contextOf, placeOf } from "../seal/check-parts.ts";
import { checkedSource, checkLeaf } from "../seal/checked-source.ts";
import type { SealedItem } from "../seal/manifest.ts";
import { type MessageReader, messageReader, readMessage } from "../seal/message-stream.ts";
import type { ByteSource } from "../source/source.ts";
import { fieldsOf, type QvdTable, qvdTable } from "../table/qvd-table.ts";
import { checkScan } from "../table/scan-plan.ts";
import { parseSymbols } from "../table/symbol-parse.ts";
import type { SymbolTable } from "../table/symbols.ts";
import type { Batch, ScanOptions } from "../table/table.ts";
import { readSealedHead } from "./open-seal-head.ts";
import { restoredHeader } from "./restore-header.ts";
import { decodeMeta, type SealedMeta } from "./seal-meta.ts";
import { ORIGINAL_HEADER } from "./seal-qvd.ts";

/** Rows a batch when nothing else is said: index parts of 1, 2 and 4 bytes a row then end on chunk borders. */
const BATCH_ROWS = 65_536;

/** A sealed QVD as a table: fields whose key was found are as they were, the others are NULL throughout. */
export interface SealedTable extends QvdTable {
  readonly region: OpenedRegion;
  /** Names of fields that stay sealed, for want of a key. */
  readonly stillSealed: readonly string[];
  /** True if the header is, bit for bit, the one that was sealed. */
  readonly exact: boolean;
  /** Key of the tokens that stand in the place of sealed fields, where mask and slot give one. */
  readonly tokenKey: Uint8Array | undefined;
}

/** A field that is open: what is said of it, and its index part. */
export interface OpenField {
  readonly item: SealedItem;
  readonly dek: Uint8Array;
  readonly meta: SealedMeta;
}

/**
 * Opens a sealed QVD with whatever keys `find` finds: one private-key operation a slot. The head is authenticated, and
 * every byte handed out later is checked first: plain parts against the manifest, sealed ones by their tags.
 * Closing the table overwrites every key, buffer and symbol table of a sealed field, and closes the source.
 * @throws what `readSealedHead` and `authenticate` throw
 */
export async function openSealedQvd(
  source: ByteSource,
  find: FindKey,
  options: AuthenticateOptions = {},
): Promise<SealedTable> {
  const { header, region: head } = await readSealedHead(source);
  const region = await authenticate(head, find, options);
  try {
    const headerPart = head.manifest.plain.find((p) => p.role === "header");
    needs(headerPart?.length === header.bytes.byteLength, "SEAL_DAMAGED", "the header is not the one that was sealed", {
      part: "header",
    });
    checkLeaves(headerPart, header.bytes);
    const open = new Map<number, OpenField>();
    let original: QvdHeader | undefined;
    for (const [i, item] of head.manifest.items.entries()) {
      const dek = region.dataKey(i);
      if (dek === undefined) continue;
      const small = await wholePart(source, region, item, 0, dek);
      if (item.ordinal === ORIGINAL_HEADER) original = parseHeader(small);
      else {
        needs(
          item.ordinal < header.fields.length && item.parts.length === 3,
          "SEAL_DAMAGED",
          "a sealed item is no field of the table",
        );
        open.set(item.ordinal, { item, dek, meta: decodeMeta(small) });
        small.fill(0);
      }
    }
    const stillSealed = head.manifest.items
      .filter((i) => i.ordinal !== ORIGINAL_HEADER && !open.has(i.ordinal))
      .map((i) => i.name);
    const exact = original !== undefined && stillSealed.length === 0;
    const tokenKey = [...open.values()].find((f) => f.meta.tokenKey)?.meta.tokenKey;
    const restored = exact ? original! : restoredHeader(header, head.manifest.mode, open);
    return sealedTable(source, region, header, restored, open, { stillSealed, exact, tokenKey });
  } catch (error) {
    region.wipe();
    throw error;
  }
}

function checkLeaves(part: Parameters<typeof checkLeaf>[0], bytes: Uint8Array): void {
  for (let at = 0, leaf = 0; at < bytes.byteLength; at += 1024 * 1024, leaf++)
    checkLeaf(part, leaf, bytes.subarray(at, at + 1024 * 1024));
}

async function wholePart(
  source: ByteSource,
  region: OpenedRegion,
  item: SealedItem,
  part: number,
  dek: Uint8Array,
): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  const sealed = item.parts[part];
  needs(sealed !== undefined, "SEAL_DAMAGED", "a sealed item has no parts");
  const place = placeOf(region.head, item, sealed);
  await readMessage(
    source,
    place,
    dek,
    contextOf(region.head, item, sealed),
    (piece) => void pieces.push(new Uint8Array(piece)),
  );
  const all = new Uint8Array(pieces.reduce((n, p) => n + p.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.byteLength;
    piece.fill(0);
  }
  return all;
}

function sealedTable(
  source: ByteSource,
  region: OpenedRegion,
  outer: QvdHeader,
  header: QvdHeader,
  open: ReadonlyMap<number, OpenField>,
  facts: Pick<SealedTable, "stillSealed" | "exact" | "tokenKey">,
): SealedTable {
  const checked = checkedSource(source, region.head.manifest.plain);
  const layout = outerLayout(region, outer);
  const plain = qvdTable(checked, outer, layout);
  const symbols = new Map<number, Promise<SymbolTable>>();
  const readers = new Map<number, Promise<MessageReader>>();
  const closedMode = region.head.manifest.mode === "closed";
  let isOpen = true;

  function sealedSymbols(ordinal: number, field: OpenField): Promise<SymbolTable> {
    let found = symbols.get(ordinal);
    if (found === undefined) {
      found = wholePart(source, region, field.item, 1, field.dek).then((bytes) =>
        parseSymbols(
          bytes.subarray(0, field.meta.symbolBytes),
          field.meta.field.noOfSymbols,
          `sealed symbols of "${field.item.name}"`,
          0,
        ),
      );
      symbols.set(ordinal, found);
      found.catch(() => symbols.delete(ordinal));
    }
    return found;
  }

  function indexReader(ordinal: number, field: OpenField): Promise<MessageReader> {
    let found = readers.get(ordinal);
    if (found === undefined) {
      const part = field.item.parts[2]!;
      found = messageReader(
        source,
        placeOf(region.head, field.item, part),
        field.dek,
        contextOf(region.head, field.item, part),
      );
      readers.set(ordinal, found);
      found.catch(() => readers.delete(ordinal));
    }
    return found;
  }

  async function* scan(options: ScanOptions = {}): AsyncGenerator<Batch> {
    const plan = checkScan(header.fields.length, header.noOfRecords, options);
    const rows = Math.min(plan.batchRows ?? BATCH_ROWS, BATCH_ROWS, Math.max(1, plan.to - plan.from));
    const indexes = plan.fields.map(() => new Int32Array(rows));
    const plainFields = closedMode ? [] : plan.fields.filter((ordinal) => !open.has(ordinal));
    const packed = new Uint8Array(rows * 4 + RECORD_SLACK);
    try {
      for (let row = plan.from; row < plan.to; row += rows) {
        if (options.signal?.aborted)
          throw new QErr("CANCELLED", "reading was cancelled", { cause: options.signal.reason });
        const count = Math.min(rows, plan.to - row);
        if (plainFields.length > 0) await copyPlain(plain, plan.fields, plainFields, row, count, indexes);
        for (const [k, ordinal] of plan.fields.entries()) {
          const field = open.get(ordinal);
          if (field) await readIndexes(await indexReader(ordinal, field), field, row, count, packed, indexes[k]!);
          else if (closedMode) indexes[k]!.fill(-2, 0, count);
        }
        yield { rowStart: row, rows: count, indexes };
        options.onProgress?.(row + count - plan.from, plan.to - plan.from);
      }
    } finally {
      packed.fill(0);
    }
  }

  return {
    ...facts,
    name: header.tableName,
    comment: header.comment,
    rows: header.noOfRecords,
    fields: fieldsOf(header),
    header,
    layout,
    source: checked,
    region,
    symbols(ordinal) {
      const field = open.get(ordinal);
      needs(isOpen, "SOURCE_READ", "the table was closed");
      return field ? sealedSymbols(ordinal, field) : plain.symbols(ordinal);
    },
    scan,
    async close() {
      if (!isOpen) return;
      isOpen = false;
      for (const table of symbols.values()) await table.then((t) => t.bytes.fill(0)).catch(() => {});
      for (const reader of readers.values()) await reader.then((r) => r.wipe()).catch(() => {});
      for (const field of open.values()) {
        field.dek.fill(0);
        field.meta.tokenKey?.fill(0);
      }
      region.wipe();
      await source.close();
    },
  };
}

async function copyPlain(
  plain: QvdTable,
  wanted: readonly number[],
  ordinals: readonly number[],
  row: number,
  count: number,
  indexes: readonly Int32Array[],
): Promise<void> {
  let done = 0;
  for await (const batch of plain.scan({ fields: [...new Set(ordinals)], from: row, to: row + count })) {
    const unique = [...new Set(ordinals)];
    wanted.forEach((ordinal, k) => {
      const from = unique.indexOf(ordinal);
      if (from >= 0) indexes[k]!.set(batch.indexes[from]!.subarray(0, batch.rows), done);
    });
    done += batch.rows;
  }
}

/** The index part is an index table of one field, so the reader of index tables reads it. */
async function readIndexes(
  reader: MessageReader,
  field: OpenField,
  row: number,
  count: number,
  packed: Uint8Array,
  out: Int32Array,
): Promise<void> {
  const { meta, item } = field;
  const size = meta.indexBytes;
  if (size > 0) await reader.readInto(row * size, packed.subarray(0, count * size));
  const greatest = unpackField(packed, size, count, 0, size * 8, meta.field.bias, out);
  needs(
    greatest < meta.field.noOfSymbols,
    "SEAL_DAMAGED",
    () => `a sealed index of "${item.name}" refers to no symbol`,
    {
      part: `sealed index of "${item.name}"`,
    },
  );
}

/** The layout by the manifest, which was checked to tile the file. A symbol table of no bytes has no part. */
function outerLayout(region: OpenedRegion, outer: QvdHeader): QvdLayout {
  const base = outer.bytes.byteLength;
  const symbols = outer.fields.map((f, ordinal) => ({
    name: `symbols of "${f.name}"`,
    role: "symbols" as const,
    offset: base + f.offset,
    length: f.length,
    ordinal,
  }));
  const records = region.head.manifest.plain.find((p) => p.role === "records");
  needs(records !== undefined, "SEAL_DAMAGED", "the manifest has no index table", { part: "manifest" });
  return {
    header: { name: "header", role: "header", offset: 0, length: base },
    symbols,
    records: { name: "index table", role: "records", offset: records.offset, length: records.length },
  };
}
