import { parseHeader, type QvdHeader } from "../container/qvd/header.ts";
import type { QvdLayout } from "../container/qvd/layout.ts";
import { needs } from "../errors.ts";
import { type AuthenticateOptions, authenticate, type FindKey, type OpenedRegion } from "../seal/authenticate.ts";
import { sealedSource } from "../seal/check-parts.ts";
import { checkedSource, checkLeaf } from "../seal/checked-source.ts";
import { plainLength } from "../seal/cobblestone.ts";
import type { ByteSource } from "../source/source.ts";
import { fieldsOf, type QvdTable, qvdTable } from "../table/qvd-table.ts";
import { scanRows } from "../table/record-scan.ts";
import { recordStrip } from "../table/strips.ts";
import { parseSymbols } from "../table/symbol-parse.ts";
import type { SymbolTable } from "../table/symbols.ts";
import { readSealedHead } from "./open-seal-head.ts";
import { checkOriginal, restoredHeader } from "./restore-header.ts";
import { decodeMeta } from "./seal-meta.ts";
import { ORIGINAL_HEADER } from "./seal-qvd.ts";
import { wholePart } from "./sealed-part.ts";
import { checkField, type OpenField, PART, sealedParts, sealedRows } from "./sealed-rows.ts";

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
    const inside = sealedSource(source, region);
    let original: QvdHeader | undefined;
    for (const [i, item] of head.manifest.items.entries()) {
      const dek = region.dataKey(i);
      if (dek === undefined) continue;
      const small = await wholePart(inside, region.head, item, 0, dek);
      if (item.ordinal === ORIGINAL_HEADER) original = parseHeader(small.slice(0, small.indexOf(0) + 1));
      else {
        needs(
          header.fields[item.ordinal]?.name === item.name && item.parts.length === 3,
          "SEAL_DAMAGED",
          "a sealed item is no field of the table",
        );
        const meta = decodeMeta(small);
        small.fill(0);
        needs(meta.field.name === item.name, "SEAL_DAMAGED", "a sealed field has another name than the table says", {
          part: `sealed meta of "${item.name}"`,
        });
        open.set(item.ordinal, { item, dek, meta });
      }
    }
    const stillSealed = head.manifest.items
      .filter((i) => i.ordinal !== ORIGINAL_HEADER && !open.has(i.ordinal))
      .map((i) => i.name);
    const exact = original !== undefined && stillSealed.length === 0;
    const tokenKey = [...open.values()].find((f) => f.meta.tokenKey)?.meta.tokenKey;
    if (exact) checkOriginal(original!, header, open);
    const restored = exact ? original! : restoredHeader(header, head.manifest.mode, open);
    for (const [ordinal, field] of open) {
      const inside = field.item.parts.map((part) => plainLength(part.length));
      checkField(field, ordinal, restored, inside);
    }
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
  const parts = sealedParts(sealedSource(source, region), region);
  const closed = region.head.manifest.mode === "closed";
  const { name, offset } = layout.records;
  const records = closed ? undefined : recordStrip(checked, name, offset, outer.recordByteSize);
  const rows = sealedRows(records, outer, open, parts);
  let isOpen = true;

  function sealedSymbols(ordinal: number, field: OpenField): Promise<SymbolTable> {
    let found = symbols.get(ordinal);
    if (found === undefined) {
      const bytes = new Uint8Array(field.meta.symbolBytes);
      found = parts
        .readInto(field, PART.SYMBOLS, 0, bytes)
        .then(() => parseSymbols(bytes, field.meta.field.noOfSymbols, `sealed symbols of "${field.item.name}"`, 0));
      symbols.set(ordinal, found);
      found.catch(() => symbols.delete(ordinal));
    }
    return found;
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
    records: rows,
    region,
    readSymbols(ordinal, target, from = 0) {
      const field = open.get(ordinal);
      return field ? parts.readInto(field, PART.SYMBOLS, from, target) : plain.readSymbols(ordinal, target, from);
    },
    symbols(ordinal) {
      const field = open.get(ordinal);
      needs(isOpen, "SOURCE_READ", "the table was closed");
      return field ? sealedSymbols(ordinal, field) : plain.symbols(ordinal);
    },
    scan: (options) => scanRows(rows, header, options),
    async close() {
      if (!isOpen) return;
      isOpen = false;
      for (const table of symbols.values()) await table.then((t) => t.bytes.fill(0)).catch(() => {});
      await parts.wipe();
      for (const field of open.values()) {
        field.dek.fill(0);
        field.meta.tokenKey?.fill(0);
      }
      region.wipe();
      await source.close();
    },
  };
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
