import { packField, RECORD_SLACK } from "../bytes/bitfield.ts";
import { needs } from "../errors.ts";
import { draftSeal, type PlainSpec, type SealDraft } from "../seal/draft.ts";
import type { MessageSealer } from "../seal/message-stream.ts";
import { paddedToStep } from "../seal/msgpack.ts";
import { hashLeaves, type LeafDigest } from "../seal/tree.ts";
import type { PatchSink } from "../source/sink.ts";
import type { QvdTable } from "../table/qvd-table.ts";
import { packedRecords } from "../table/qvd-write.ts";
import type { Batch } from "../table/table.ts";
import { type OuterHeader, outerHeader, placeOuter } from "./seal-header.ts";
import { encodeMeta } from "./seal-meta.ts";
import { planSeal, type SealedField, type SealOptions } from "./seal-plan.ts";

/** Order of the parts of a sealed field. */
const META = 0;
const SYMBOLS = 1;
const INDEX = 2;
/** Number of the item that holds the original header, far above any field. */
export const ORIGINAL_HEADER = 0xffff_ffff;

const WRITER = "qvault";

/**
 * Writes a sealed copy of a QVD: one pass over the rows, memory for a batch, and the symbol tables one at a time. The
 * caller commits or aborts the sink. With a single slot the exact original header is sealed along, so that opening gives
 * back the original file bit for bit.
 * @throws `USAGE`, `TABLE_NO_FIELD`, `CANCELLED`, and what reading, the recipients and the sink throw
 */
export async function sealQvd(table: QvdTable, sink: PatchSink, options: SealOptions): Promise<void> {
  const { header } = table;
  const sealed = await planSeal(table, options);
  const mode = options.mode ?? "open";
  const outer = outerOf(table, sealed, options);
  const place = placeOuter(header, outer);
  const rows = header.noOfRecords;
  const metas = sealed.map((field, i) => {
    const first = sealed.findIndex((f) => f.slots[0] === field.slots[0]) === i;
    const { ordinal, indexBytes, tokenKey } = field;
    return encodeMeta({ header, ordinal, indexBytes, tokenKey, lineage: first && outer.dropLineage, comment: first });
  });
  const single = options.slots.length === 1;
  const draft = await draftSeal({
    container: "qvd",
    mode,
    writer: WRITER,
    signer: options.signer,
    provider: options.provider,
    slots: options.slots,
    items: [
      ...sealed.map((field, i) => ({
        ordinal: field.ordinal,
        name: header.fields[field.ordinal]!.name,
        mask: field.maskKind,
        slots: field.slots,
        parts: [
          { kind: "meta" as const, length: metas[i]!.byteLength },
          { kind: "symbols" as const, length: paddedLength(header.fields[field.ordinal]!.length) },
          { kind: "index" as const, length: rows * field.indexBytes },
        ],
      })),
      ...(single ? [originalHeaderItem(header.bytes.byteLength)] : []),
    ],
  });
  try {
    const layout = layOut(table, outer, place, draft);
    const digests = layout.plain.map(() => hashLeaves());
    await sink.writeAt(0, layout.header);
    digests[0]!.push(layout.header);
    await writePlainSymbols(table, sealed, sink, layout.plain, digests);
    const at = (item: number, part: number) => layout.regionOffset + draft.headLength() + draft.partOffset(item, part);
    const sealer = (item: number, part: number): MessageSealer => {
      let offset = at(item, part);
      return draft.seal(item, part, async (bytes) => {
        await sink.writeAt(offset, bytes);
        offset += bytes.byteLength;
      });
    };
    await sealSmallParts(table, sealed, metas, single, sealer);
    const indexes = sealed.map((_, item) => sealer(item, INDEX));
    const records = digests.at(-1)!;
    let offset = layout.plain.at(-1)!.offset;
    const batches = table.scan({ signal: options.signal, onProgress: options.onProgress });
    const outerBatches = sealIndexes(batches, table, sealed, indexes);
    if (mode === "closed") for await (const _ of outerBatches);
    else {
      for await (const piece of packedRecords(place.bits, rows, outerBatches)) {
        records.push(piece);
        await sink.writeAt(offset, piece);
        offset += piece.byteLength;
      }
    }
    for (const index of indexes) await index.end();
    const leaves = digests.map((digest) => digest.end());
    await sink.writeAt(layout.regionOffset, await draft.finish(layout.plain, leaves));
  } finally {
    draft.wipe();
  }
}

function originalHeaderItem(length: number) {
  return {
    ordinal: ORIGINAL_HEADER,
    name: "original header",
    mask: "none" as const,
    slots: [0],
    parts: [{ kind: "member" as const, length: paddedToStep(length) }],
  };
}

/**
 * Padmé: lengths keep about log2(log2(length)) significant bits, so that the length of a symbol table tells little more
 * than its magnitude; at most 12 % longer.
 */
export function paddedLength(length: number): number {
  if (length < 2) return length;
  const exponent = Math.floor(Math.log2(length));
  const step = 2 ** (exponent - Math.floor(Math.log2(exponent)) - 1);
  return step <= 1 ? length : Math.ceil(length / step) * step;
}

function outerOf(table: QvdTable, sealed: readonly SealedField[], options: SealOptions): OuterHeader {
  const mode = options.mode ?? "open";
  const fields = table.header.fields.map((f, ordinal) => {
    const field = sealed.find((s) => s.ordinal === ordinal);
    if (field === undefined)
      return { symbolCount: f.noOfSymbols, symbolBytes: f.length, nullable: f.bias < 0, sealedFor: undefined };
    const sealedFor = field.slots.map((slot) => options.slots[slot]!.name);
    const { symbols, nullable } = field.mask;
    return { symbolCount: symbols.count, symbolBytes: symbols.bytes.byteLength, nullable, sealedFor };
  });
  return { mode, fields, dropLineage: !options.keepLineage, dropComment: !options.keepComment };
}

interface Layout {
  readonly header: Uint8Array;
  readonly plain: readonly PlainSpec[];
  readonly regionOffset: number;
}

/**
 * Header and region depend on each other: the header holds where the row table begins, the manifest has room for the
 * header's digests. The region comes in whole steps, so two or three rounds settle it.
 */
function layOut(table: QvdTable, outer: OuterHeader, place: ReturnType<typeof placeOuter>, draft: SealDraft): Layout {
  let header = outerHeader(table.header, outer, place, 0);
  for (let round = 0; round < 8; round++) {
    const base = header.byteLength;
    const regionOffset = base + place.offset;
    const plainSymbols = place.fields.flatMap((f, ordinal): PlainSpec[] => {
      const name = `symbols of "${table.fields[ordinal]!.name}"`;
      return f.length === 0 ? [] : [{ name, role: "symbols", offset: base + f.offset, length: f.length }];
    });
    const plain = (region: number): readonly PlainSpec[] => [
      { name: "header", role: "header", offset: 0, length: base },
      ...plainSymbols,
      { name: "index table", role: "records", offset: regionOffset + region, length: place.length },
    ];
    const regionLength = draft.regionLength(plain(0));
    const next = outerHeader(table.header, outer, place, regionLength);
    if (next.byteLength === base) return { header: next, plain: plain(regionLength), regionOffset };
    header = next;
  }
  needs(false, "USAGE", "the layout of the sealed file does not settle");
}

/** Symbol tables that stay plain, and those of masks. */
async function writePlainSymbols(
  table: QvdTable,
  sealed: readonly SealedField[],
  sink: PatchSink,
  plain: readonly PlainSpec[],
  digests: readonly LeafDigest[],
): Promise<void> {
  let part = 1;
  for (const ordinal of table.fields.keys()) {
    const field = sealed.find((s) => s.ordinal === ordinal);
    const { bytes } = field ? field.mask.symbols : await table.symbols(ordinal);
    if (bytes.byteLength === 0) continue;
    digests[part]!.push(bytes);
    await sink.writeAt(plain[part]!.offset, bytes);
    part += 1;
  }
}

async function sealSmallParts(
  table: QvdTable,
  sealed: readonly SealedField[],
  metas: readonly Uint8Array[],
  single: boolean,
  sealer: (item: number, part: number) => MessageSealer,
): Promise<void> {
  const whole = async (item: number, part: number, bytes: Uint8Array, length = bytes.byteLength) => {
    const one = sealer(item, part);
    await one.push(bytes);
    const zeros = new Uint8Array(Math.min(65_536, length - bytes.byteLength));
    for (let left = length - bytes.byteLength; left > 0; left -= zeros.byteLength)
      await one.push(zeros.subarray(0, left));
    await one.end();
  };
  for (const [item, { ordinal }] of sealed.entries()) {
    await whole(item, META, metas[item]!);
    const { bytes } = await table.symbols(ordinal);
    await whole(item, SYMBOLS, bytes, paddedLength(bytes.byteLength));
  }
  const { bytes } = table.header;
  if (single) await whole(sealed.length, META, bytes, paddedToStep(bytes.byteLength));
}

/** Passes batches on with the sealed fields masked, after their true indexes went into the sealed parts. */
async function* sealIndexes(
  batches: AsyncIterable<Batch>,
  table: QvdTable,
  sealed: readonly SealedField[],
  sealers: readonly MessageSealer[],
): AsyncGenerator<Batch> {
  let packed = new Uint8Array(0);
  for await (const batch of batches) {
    const indexes = [...batch.indexes];
    for (const [item, { ordinal, indexBytes, mask }] of sealed.entries()) {
      const own = indexes[ordinal]!;
      if (indexBytes > 0) {
        const length = batch.rows * indexBytes;
        if (packed.byteLength < length + RECORD_SLACK) packed = new Uint8Array(length + RECORD_SLACK);
        else packed.fill(0);
        const { bias } = table.header.fields[ordinal]!;
        const fits = packField(packed, indexBytes, batch.rows, 0, indexBytes * 8, bias, own);
        needs(fits, "QVD_INDEX", () => `field ${ordinal + 1} has an index that does not fit ${indexBytes} bytes`);
        await sealers[item]!.push(packed.subarray(0, length));
      }
      indexes[ordinal] = mask.apply(own, batch.rows);
    }
    yield { ...batch, indexes };
  }
  packed.fill(0);
}
