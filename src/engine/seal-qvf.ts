import { packField, RECORD_SLACK } from "../bytes/bitfield.ts";
import { partsOf, type QvfPart, SEAL_MEMBER } from "../container/qvf/parts.ts";
import { containerPieces } from "../container/qvf/writer.ts";
import { needs } from "../errors.ts";
import { draftSeal, type PlainSpec, type SealDraft } from "../seal/draft.ts";
import type { MessageSealer } from "../seal/message-stream.ts";
import { hashLeaves } from "../seal/tree.ts";
import type { PatchSink } from "../source/sink.ts";
import type { QvfModel } from "../table/qvf-model.ts";
import type { App } from "./app-view.ts";
import type { SealOptions } from "./seal-plan.ts";
import { paddedLength } from "./seal-qvd.ts";
import { encodeFieldMeta, encodeStreamMeta, STREAM_ITEMS } from "./seal-qvf-meta.ts";
import { outerParts, sealPart } from "./seal-qvf-outer.ts";
import { planAppFields, type SealedAppField } from "./seal-qvf-plan.ts";
import { fieldStatistics, plainStatistics, statisticsOf } from "./seal-qvf-statistics.ts";
import { META_PATH, planStreams, type SealedStream } from "./seal-qvf-streams.ts";

const WRITER = "qvault";
/** Order of the parts of an item. */
const META = 0;
const CONTENT = 1;
const FIRST_INDEX = 2;

/** Everything that is sealed in an app, in the order of its items: fields, then streams. */
interface Contents {
  readonly fields: readonly SealedAppField[];
  readonly streams: readonly SealedStream[];
  readonly metas: readonly Uint8Array[];
  /** By item: the stream that is sealed. */
  readonly parts: readonly QvfPart[];
}

/**
 * Writes a sealed copy of an app. What stays plain is taken over stream by stream; of fields symbols and the indexes of
 * every table are sealed, of other streams all. The caller commits or aborts the sink.
 * @throws `USAGE`, `TABLE_NO_FIELD`, `CANCELLED`, and what reading, the recipients and the sink throw
 */
export async function sealApp(app: App, sink: PatchSink, options: SealOptions): Promise<void> {
  needs(app.seal === undefined || app.seal.shut.size === 0, "USAGE", "the app is sealed, and not all of it is open");
  const model = await app.model();
  const original = await partsOf(app.container);
  const fields = await planAppFields(app, options);
  const document = await statisticsOf(app.container);
  const closed = options.mode === "closed";
  const masks = new Map(fields.map((field) => [field.name, field.mask.symbols.count]));
  const statistics = document && fields.length > 0 ? plainStatistics(document, model, masks, closed) : undefined;
  const planned = await planStreams(app, model, original, options, statistics);
  const single = options.slots.length === 1;
  // With several slots nobody has the statistics of all fields: each field takes its own along.
  const streams = single ? planned : planned.filter((stream) => stream.part.path !== META_PATH);
  const outer = await outerParts(original, model, fields, planned, options);
  const metas = [
    ...fields.map((field) => fieldMeta(field, model, original, options, fieldStatistics(document, field.name))),
    ...streams.map(({ part }) => {
      const { size, time, meta } = part;
      return encodeStreamMeta({ bytes: size, time, meta, place: original.indexOf(part) });
    }),
  ];
  const parts = [...fields.map((f) => partAt(original, `data/field_${f.number}`)), ...streams.map((s) => s.part)];
  const contents = { fields, streams, metas, parts };
  const draft = await draftSeal({
    container: "qvf",
    mode: options.mode ?? "open",
    writer: WRITER,
    signer: options.signer,
    provider: options.provider,
    slots: options.slots,
    items: itemsOf(contents, model, original, options),
  });
  try {
    await writeSealed(contents, model, outer, draft, sink, options);
  } finally {
    draft.wipe();
  }
}

function partAt(parts: readonly QvfPart[], path: string): QvfPart {
  const part = parts.find((p) => p.path === path);
  needs(part !== undefined, "QVF_MODEL", `the app has no ${path}`, { part: path });
  return part;
}

function fieldMeta(
  field: SealedAppField,
  model: QvfModel,
  parts: readonly QvfPart[],
  options: SealOptions,
  statistics: string | undefined,
): Uint8Array {
  const { size, meta } = partAt(parts, `data/field_${field.number}`);
  const takesSource = options.keepLineage !== true || options.mode === "closed";
  const columns = field.columns.map((c) => {
    const { head } = model.tables[c.table]!;
    const { width, bias, unused, last } = head.columns[c.column]!;
    const source = takesSource ? head.source : undefined;
    return { ...c, rows: head.rows, width, bias, unused, last, source, meta: partAt(parts, tablePath(c.table)).meta };
  });
  return encodeFieldMeta({ bytes: size, meta, columns, statistics, tokenKey: field.tokenKey });
}

const tablePath = (number: number) => `data/table_${number}`;

function itemsOf(contents: Contents, model: QvfModel, original: readonly QvfPart[], options: SealOptions) {
  const { fields, streams, metas, parts } = contents;
  const meta = (item: number) => ({ kind: "meta" as const, length: metas[item]!.byteLength });
  const everySlot = options.slots.map((_, slot) => slot);
  return [
    ...fields.map(({ number, name, maskKind, slots, columns }, item) => ({
      ordinal: number,
      name,
      mask: maskKind,
      slots,
      parts: [
        meta(item),
        { kind: "symbols" as const, length: paddedLength(parts[item]!.size) },
        ...columns.map(({ table, indexBytes }) => {
          return { kind: "index" as const, length: model.tables[table]!.rows * indexBytes };
        }),
      ],
    })),
    ...streams.map(({ part }, i) => ({
      ordinal: STREAM_ITEMS + original.indexOf(part),
      name: part.path,
      mask: "none" as const,
      slots: everySlot,
      parts: [meta(fields.length + i), { kind: "member" as const, length: paddedLength(part.size) }],
    })),
  ];
}

/** A plain part of the file to be, and what writes its bytes. */
interface PlainPiece {
  readonly spec: PlainSpec;
  write(to: (bytes: Uint8Array) => Promise<void>): Promise<void>;
}

async function writeSealed(
  contents: Contents,
  model: QvfModel,
  outer: readonly QvfPart[],
  draft: SealDraft,
  sink: PatchSink,
  options: SealOptions,
): Promise<void> {
  const { pieces, regionOffset } = layOut(outer, draft);
  const plain = pieces.map(({ spec }) => spec);
  const leaves: Uint8Array[] = [];
  for (const { spec, write } of pieces) {
    const digest = hashLeaves();
    let offset = spec.offset;
    await write(async (bytes) => {
      digest.push(bytes);
      await sink.writeAt(offset, bytes);
      offset += bytes.byteLength;
    });
    leaves.push(digest.end());
  }
  const sealer = (item: number, part: number): MessageSealer => {
    let offset = regionOffset + draft.headLength() + draft.partOffset(item, part);
    return draft.seal(item, part, async (bytes) => {
      await sink.writeAt(offset, bytes);
      offset += bytes.byteLength;
    });
  };
  for (const [item, part] of contents.parts.entries()) {
    const meta = contents.metas[item]!;
    await sealWhole(sealer(item, META), meta, meta.byteLength);
    await sealWhole(sealer(item, CONTENT), await part.read(), paddedLength(part.size));
  }
  for (const table of model.tables.keys()) await sealIndexes(contents.fields, model, table, sealer, options);
  await sink.writeAt(regionOffset, await draft.finish(plain, leaves));
}

/**
 * The container's pieces as plain parts: the region is the data of the last stream, so nothing moves with its length,
 * and what follows it are zeros up to the end of its sector and of the file.
 */
function layOut(
  outer: readonly QvfPart[],
  draft: SealDraft,
): { readonly pieces: readonly PlainPiece[]; readonly regionOffset: number } {
  const time = outer.reduce((latest, part) => Math.max(latest, part.time), 0);
  const plan = (length: number) => plainPieces([...outer, sealPart(length, time)], length);
  const length = draft.regionLength(plan(1).pieces.map(({ spec }) => spec));
  return plan(length);
}

function plainPieces(parts: readonly QvfPart[], regionLength: number) {
  const all = containerPieces(parts);
  const at = all.findIndex((piece) => piece.name === SEAL_MEMBER);
  const seal = all[at]!;
  const inode = seal.inode!;
  const regionOffset = seal.offset + inode.byteLength;
  const fileEnd = all.at(-1)!.offset + all.at(-1)!.length;
  const end = { offset: regionOffset + regionLength, length: fileEnd - regionOffset - regionLength };
  const pieces: PlainPiece[] = all.slice(0, at).map((piece) => {
    const { name, offset, length } = piece;
    return { spec: { name, role: name === "header" ? "header" : "member", offset, length }, write: piece.write };
  });
  pieces.push({
    spec: { name: `inode of ${SEAL_MEMBER}`, role: "member", offset: seal.offset, length: inode.byteLength },
    write: (to) => to(inode),
  });
  pieces.push({
    spec: { name: "end of the file", role: "member", ...end },
    write: (to) => to(new Uint8Array(end.length)),
  });
  return { pieces, regionOffset };
}

const ZEROS = new Uint8Array(65_536);

async function sealWhole(sealer: MessageSealer, bytes: Uint8Array, length: number): Promise<void> {
  await sealer.push(bytes);
  for (let left = length - bytes.byteLength; left > 0; left -= ZEROS.byteLength) {
    await sealer.push(ZEROS.subarray(0, left));
  }
  await sealer.end();
}

/** Seals the indexes of all sealed columns of one table in one pass over its rows. */
async function sealIndexes(
  fields: readonly SealedAppField[],
  model: QvfModel,
  number: number,
  sealer: (item: number, part: number) => MessageSealer,
  options: SealOptions,
): Promise<void> {
  const table = model.tables[number]!;
  const columns = fields.flatMap((field, item) =>
    field.columns.flatMap(({ table: t, column, indexBytes }, k) =>
      t === number ? [{ column, indexBytes, sealer: sealer(item, FIRST_INDEX + k) }] : [],
    ),
  );
  const { signal, onProgress } = options;
  const wanted = columns.filter((c) => c.indexBytes > 0);
  let packed = new Uint8Array(0);
  for await (const batch of table.scan({ fields: wanted.map((c) => c.column), signal, onProgress })) {
    for (const [k, { column, indexBytes, sealer: one }] of wanted.entries()) {
      const length = batch.rows * indexBytes;
      if (packed.byteLength < length + RECORD_SLACK) packed = new Uint8Array(length + RECORD_SLACK);
      else packed.fill(0);
      const { bias } = table.head.columns[column]!;
      const fits = packField(packed, indexBytes, batch.rows, 0, indexBytes * 8, bias, batch.indexes[k]!);
      needs(fits, "QVF_INDEX", () => `column ${column + 1} has an index that does not fit ${indexBytes} bytes`);
      await one.push(packed.subarray(0, length));
    }
  }
  packed.fill(0);
  for (const { sealer: one } of columns) await one.end();
}
