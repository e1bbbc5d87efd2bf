import { RECORD_SLACK, unpackField } from "../bytes/bitfield.ts";
import { needs } from "../errors.ts";
import type { OpenedRegion } from "../seal/authenticate.ts";
import { contextOf, placeOf, sealedSource } from "../seal/check-parts.ts";
import type { SealedItem } from "../seal/manifest.ts";
import { type MessageReader, messageReader } from "../seal/message-stream.ts";
import type { ByteSource } from "../source/source.ts";
import type { IndexColumn } from "../table/qvf-mixed-table.ts";
import {
  decodeFieldMeta,
  decodeStreamMeta,
  type SealedColumn,
  type SealedStreamMeta,
  STREAM_ITEMS,
} from "./seal-qvf-meta.ts";
import { wholePart } from "./sealed-part.ts";

/** A sealed field whose key is here. */
export interface OpenAppField {
  readonly number: number;
  readonly name: string;
  readonly bytes: number;
  readonly meta: Uint8Array;
  readonly columns: readonly OpenColumn[];
  readonly statistics: string | undefined;
  readonly tokenKey: Uint8Array | undefined;
  /** The field's stream as it was. */
  stream(): Promise<Uint8Array>;
}

export interface OpenColumn extends SealedColumn, IndexColumn {
  /** Number of its field. */
  readonly field: number;
}

/** A sealed stream whose key is here. */
export interface OpenStream extends SealedStreamMeta {
  readonly path: string;
  stream(): Promise<Uint8Array>;
}

/** What of a sealed app is open. */
export interface OpenItems {
  readonly fields: ReadonlyMap<number, OpenAppField>;
  readonly streams: ReadonlyMap<string, OpenStream>;
  /** Overwrites keys and everything that was opened with them. */
  wipe(): Promise<void>;
}

const CONTENT = 1;
const FIRST_INDEX = 2;

/**
 * Opens the small parts of every item that a key is here for; streams and indexes are read when they are asked for.
 * @throws `SEAL_DAMAGED`
 */
export async function openItems(source: ByteSource, region: OpenedRegion): Promise<OpenItems> {
  const { head } = region;
  const inside = sealedSource(source, region);
  const fields = new Map<number, OpenAppField>();
  const streams = new Map<string, OpenStream>();
  const secrets: Uint8Array[] = [];
  const readers: Promise<MessageReader>[] = [];

  async function wipe(): Promise<void> {
    for (const reader of readers) await reader.then((r) => r.wipe()).catch(() => {});
    for (const secret of secrets) secret.fill(0);
  }

  /** A stream stays in memory once it was asked for: a field's head, symbols and tail are read one after the other. */
  function contentOf(item: SealedItem, dek: Uint8Array, length: number): () => Promise<Uint8Array> {
    let known: Promise<Uint8Array> | undefined;
    return () => {
      known ??= wholePart(inside, head, item, CONTENT, dek).then((all) => {
        secrets.push(all);
        needs(all.byteLength >= length, "SEAL_DAMAGED", "a sealed stream is shorter than it says", {
          part: "sealed meta",
        });
        return all.subarray(0, length);
      });
      known.catch(() => (known = undefined));
      return known;
    };
  }

  function columnOf(item: SealedItem, dek: Uint8Array, column: SealedColumn, part: number): OpenColumn {
    const sealed = item.parts[part]!;
    const place = placeOf(head, item, sealed);
    let reader: Promise<MessageReader> | undefined;
    let packed = new Uint8Array(0);
    return {
      ...column,
      field: item.ordinal,
      async read(row, count, out) {
        const size = column.indexBytes;
        if (size === 0) return unpackField(packed, 0, count, 0, 0, column.bias, out);
        if (reader === undefined)
          readers.push((reader = messageReader(inside, place, dek, contextOf(head, item, sealed))));
        if (packed.byteLength < count * size + RECORD_SLACK) {
          packed = new Uint8Array(count * size + RECORD_SLACK);
          secrets.push(packed);
        }
        await (await reader).readInto(row * size, packed.subarray(0, count * size));
        return unpackField(packed, size, count, 0, size * 8, column.bias, out);
      },
    };
  }

  try {
    for (const [i, item] of head.manifest.items.entries()) {
      const dek = region.dataKey(i);
      if (dek === undefined) continue;
      secrets.push(dek);
      const small = await wholePart(inside, head, item, 0, dek);
      if (item.ordinal >= STREAM_ITEMS) {
        const meta = decodeStreamMeta(small);
        streams.set(item.name, { ...meta, path: item.name, stream: contentOf(item, dek, meta.bytes) });
      } else {
        const meta = decodeFieldMeta(small);
        needs(item.parts.length === FIRST_INDEX + meta.columns.length, "SEAL_DAMAGED", "a sealed field misses a part", {
          part: "manifest",
        });
        if (meta.tokenKey) secrets.push(meta.tokenKey);
        fields.set(item.ordinal, {
          ...meta,
          number: item.ordinal,
          name: item.name,
          columns: meta.columns.map((column, k) => columnOf(item, dek, column, FIRST_INDEX + k)),
          stream: contentOf(item, dek, meta.bytes),
        });
      }
      small.fill(0);
    }
  } catch (error) {
    await wipe();
    throw error;
  }
  return { fields, streams, wipe };
}
