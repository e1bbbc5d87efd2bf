import { readFileSync } from "node:fs";
import type { Cell } from "../../src/table/dual.ts";
import type { NumberFormat } from "../../src/table/field.ts";

/** Fields and symbols of a QVD, read the simplest way there is and independently of the code under test. */
export interface PlainField {
  readonly name: string;
  readonly numberFormat: NumberFormat;
  readonly tags: readonly string[];
  readonly symbols: readonly Exclude<Cell, null>[];
}

/** @returns `undefined` for what is not a QVD with a well-formed symbol area (damaged files of the corpus) */
export function readPlainQvd(path: string): readonly PlainField[] | undefined {
  const bytes = readFileSync(path);
  const end = bytes.indexOf(0);
  if (end < 0 || !bytes.subarray(0, 200).includes("<QvdTableHeader>")) return undefined;
  const xml = bytes.subarray(0, end).toString("utf8");
  const body = bytes.subarray(end + 1);
  const fields: PlainField[] = [];
  for (const [, field] of xml.matchAll(/<QvdFieldHeader>(.*?)<\/QvdFieldHeader>/gs)) {
    const text = (name: string, from = field!): string =>
      unescaped(new RegExp(`<${name}>(.*?)</${name}>`, "s").exec(from)?.[1]);
    const format = /<NumberFormat>(.*?)<\/NumberFormat>/s.exec(field!)?.[1] ?? "";
    const rest = field!.replace(format, "");
    const symbols: Exclude<Cell, null>[] = [];
    let at = Number(text("Offset", rest));
    for (let n = Number(text("NoOfSymbols", rest)); n > 0; n--) {
      const kind = body[at++];
      if (kind === undefined || ![1, 2, 4, 5, 6].includes(kind) || at + 8 > body.length) return undefined;
      const number = kind === 1 || kind === 5 ? body.readInt32LE(at) : kind === 4 ? undefined : body.readDoubleLE(at);
      at += kind === 1 || kind === 5 ? 4 : kind === 4 ? 0 : 8;
      if (kind < 4) {
        symbols.push(number!);
        continue;
      }
      const stop = body.indexOf(0, at);
      const own = body.subarray(at, stop).toString("utf8");
      symbols.push(number === undefined ? own : { number, text: own });
      at = stop + 1;
    }
    fields.push({
      name: text("FieldName", rest),
      numberFormat: {
        type: text("Type", format),
        nDec: Number(text("nDec", format)),
        useThou: Number(text("UseThou", format)),
        fmt: text("Fmt", format),
        dec: text("Dec", format),
        thou: text("Thou", format),
      },
      tags: [...rest.matchAll(/<String>(.*?)<\/String>/g)].map((match) => match[1]!),
      symbols,
    });
  }
  return fields;
}

function unescaped(text: string | undefined): string {
  return (text ?? "").replace(/&(amp|lt|gt|quot|apos);/g, (_, name: string) => {
    return { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }[name] ?? "";
  });
}
