import type { FieldContent, QvfNumberFormat } from "../../src/container/qvf/field-stream.ts";

const FORMAT: QvfNumberFormat = { type: 2, nDec: 14, useThou: 1, fmt: "#,##0", dec: ".", thou: ",", last: -3 };

/** A field whose every part is another than each of its neighbours. */
export function plainField(symbols: Uint8Array, more: Partial<FieldContent> = {}): FieldContent {
  return {
    formats: [FORMAT, { ...FORMAT, type: 3, fmt: "YYYY" }],
    fieldClass: 0,
    base: -7,
    symbols,
    tail: {
      flags: Uint8Array.from({ length: 28 }, (_, i) => i + 1),
      fieldIndex: 5,
      commentCount: 0,
      component: 6,
      middle: Uint8Array.from({ length: 25 }, (_, i) => i + 101),
      infoName: "i",
      infoSource: "lib://i",
      comments: Uint8Array.from({ length: 10 }, (_, i) => i + 201),
      texts: 8,
      numbers: 9,
      last: Uint8Array.from({ length: 26 }, (_, i) => i + 51),
    },
    ...more,
  };
}
