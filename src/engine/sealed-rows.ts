import type { QvdHeader } from "../container/qvd/header.ts";
import { needs } from "../errors.ts";
import type { OpenedRegion } from "../seal/authenticate.ts";
import { contextOf, placeOf } from "../seal/check-parts.ts";
import type { SealedItem } from "../seal/manifest.ts";
import { type MessageReader, messageReader, SCRATCH_BYTES } from "../seal/message-stream.ts";
import type { ByteSource } from "../source/source.ts";
import type { FieldPlace, RowStore, Strip } from "../table/strips.ts";
import type { SealedMeta } from "./seal-meta.ts";

/** A field that is open: what is said of it, and the key of its parts. */
export interface OpenField {
  readonly item: SealedItem;
  readonly dek: Uint8Array;
  readonly meta: SealedMeta;
}

/** Numbers of a field's parts. */
export const PART = { META: 0, SYMBOLS: 1, INDEX: 2 } as const;

/** Random access to the sealed parts of fields: chunks are opened when they are asked for, straight to where they are wanted. */
export interface SealedParts {
  /** Fills `target` with the bytes of a part from `offset`. */
  readInto(field: OpenField, part: number, offset: number, target: Uint8Array): Promise<void>;
  /** Overwrites keys and buffers. */
  wipe(): Promise<void>;
}

/** As many as Node reads files at once. */
const LANES = 4;

/** A reader, and which buffer it shares: whoever shares one works one after the other. */
interface LanedReader {
  readonly lane: number;
  readonly reader: Promise<MessageReader>;
}

export function sealedParts(source: ByteSource, region: OpenedRegion): SealedParts {
  const readers = new Map<OpenField, Map<number, LanedReader>>();
  const parts = region.head.manifest.items.flatMap((item) => item.parts);
  const longest = parts.reduce((most, part) => Math.max(most, part.length), 0);
  // Readers share a few buffers, so that some read while one is opened, and many fields need no more memory than few.
  const lanes: { scratch: Uint8Array; queue: Promise<unknown> }[] = [];
  let made = 0;

  function readerOf(field: OpenField, number: number): LanedReader {
    let parts = readers.get(field);
    if (parts === undefined) readers.set(field, (parts = new Map()));
    let found = parts.get(number);
    if (found === undefined) {
      const { item, dek } = field;
      const part = item.parts[number]!;
      const context = contextOf(region.head, item, part);
      const lane = made++ % LANES;
      lanes[lane] ??= { scratch: room(Math.min(longest, SCRATCH_BYTES)), queue: Promise.resolve() };
      const { scratch } = lanes[lane];
      found = { lane, reader: messageReader(source, placeOf(region.head, item, part), dek, context, scratch) };
      parts.set(number, found);
      found.reader.catch(() => parts.delete(number));
    }
    return found;
  }

  return {
    async readInto(field, part, offset, target) {
      const found = readerOf(field, part);
      const reader = await found.reader;
      const lane = lanes[found.lane]!;
      const turn = lane.queue.then(() => reader.readInto(offset, target));
      lane.queue = turn.catch(() => {});
      await turn;
    },
    async wipe() {
      for (const { queue } of lanes) await queue;
      for (const parts of readers.values()) {
        for (const { reader } of parts.values()) await reader.then((r) => r.wipe()).catch(() => {});
      }
      readers.clear();
      for (const { scratch } of lanes) scratch.fill(0);
    },
  };
}

const PAGE = 65_536;

/** Linear memory begins at a page, and files are read several times faster to such places; for a few bytes it is too dear. */
function room(bytes: number): Uint8Array {
  if (bytes < PAGE || typeof WebAssembly === "undefined") return new Uint8Array(bytes);
  const pages = Math.ceil(bytes / PAGE);
  return new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
}

/**
 * Rows of an opened table: a strip for each opened field, whose records are its stored indexes in whole bytes, behind the
 * strip of the plain fields. A field that stays sealed in a closed file is NULL throughout.
 */
export function sealedRows(
  plain: Strip | undefined,
  outer: QvdHeader,
  open: ReadonlyMap<number, OpenField>,
  parts: SealedParts,
): RowStore {
  const nothing: Strip = { name: "sealed fields", recordBytes: 0, offset: undefined, readInto: async () => {} };
  const strips: Strip[] = [plain ?? nothing];
  const places = outer.fields.map(({ bitOffset, bitWidth, bias }, ordinal): FieldPlace => {
    const field = open.get(ordinal);
    if (field === undefined) {
      return plain ? { strip: 0, bitOffset, bitWidth, bias } : { strip: 0, bitOffset: 0, bitWidth: 0, bias: -2 };
    }
    const { meta, item } = field;
    const strip = strips.push({
      name: `sealed index of "${item.name}"`,
      recordBytes: meta.indexBytes,
      offset: undefined,
      readInto: (row, target) => parts.readInto(field, PART.INDEX, row * meta.indexBytes, target),
    });
    return { strip: strip - 1, bitOffset: 0, bitWidth: meta.indexBytes * 8, bias: meta.field.bias };
  });
  return { strips, places, secret: true };
}

/**
 * Holds what a field's meta says against the header and the lengths of its parts.
 * @throws `SEAL_DAMAGED`: all of it is genuine, so it was sealed by a writer that does not keep to the format
 */
export function checkField(field: OpenField, ordinal: number, header: QvdHeader, inside: readonly number[]): void {
  const { meta, item } = field;
  const said = header.fields[ordinal];
  const fits =
    said !== undefined &&
    said.noOfSymbols === meta.field.noOfSymbols &&
    said.length === meta.symbolBytes &&
    meta.rows === header.noOfRecords &&
    inside[PART.SYMBOLS]! >= meta.symbolBytes &&
    inside[PART.INDEX] === meta.rows * meta.indexBytes;
  needs(fits, "SEAL_DAMAGED", () => `sealed field "${item.name}": its parts do not fit what is said of it`, {
    part: `sealed meta of "${item.name}"`,
  });
}
