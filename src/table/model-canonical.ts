import { concat } from "../bytes/concat.ts";
import type { Model } from "./model.ts";

/**
 * One model, one byte string: names, formats, tags, rows and symbols, everything that a writer may make use of. Two
 * reduced models are the same for their users exactly if these bytes are equal.
 */
export function canonicalModel(model: Model): Uint8Array {
  return concat([...canonicalParts(model)]);
}

/** The same bytes piece by piece, to hash without a copy. Integers are little endian, texts UTF-8 behind their length. */
export function* canonicalParts(model: Model): Generator<Uint8Array> {
  const encoder = new TextEncoder();
  const head = {
    fields: model.fields.map(({ name, numberFormat: n, tags, comment }) => {
      return [name, n.type, n.nDec, n.useThou, n.fmt, n.dec, n.thou, [...tags].sort(), comment];
    }),
    tables: model.tables.map(({ name, comment, rows, columns, loose, synthetic }) => {
      return [name, comment, rows, loose, synthetic, columns.map((c) => [c.field, c.domain])];
    }),
    domains: model.domains.map((d) => d.count),
  };
  const json = encoder.encode(JSON.stringify(head));
  yield int32s([json.length]);
  yield json;
  for (const d of model.domains) {
    yield int32s(d.starts.subarray(0, d.count + 1));
    yield d.bytes;
  }
  for (const t of model.tables) for (const c of t.columns) yield int32s(c.index);
}

function int32s(values: ArrayLike<number>): Uint8Array {
  const out = new Uint8Array(4 * values.length);
  const view = new DataView(out.buffer);
  for (let i = 0; i < values.length; i++) view.setInt32(4 * i, values[i]!, true);
  return out;
}
