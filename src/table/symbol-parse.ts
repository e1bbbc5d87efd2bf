import { QErr } from "../errors.ts";
import { DOUBLE, DUAL_DOUBLE, DUAL_INT, INT, type SymbolTable, TEXT } from "./symbols.ts";

/**
 * Finds where each entry of a stored symbol table begins (SPEC 3.4); nothing is decoded.
 * @param bytes exactly the field's `Length` bytes
 * @param count `NoOfSymbols`, already checked against the length
 * @param part for errors; `base` is the offset of `bytes` in the file
 * @throws `QVD_SYMBOL` on a type byte other than 1, 2, 4, 5, 6, an entry that does not end, or bytes left over
 */
export function parseSymbols(bytes: Uint8Array, count: number, part: string, base: number): SymbolTable {
  const starts = new Uint32Array(count + 1);
  const end = bytes.byteLength;
  let at = 0;
  for (let i = 0; i < count; i++) {
    starts[i] = at;
    const kind = bytes[at];
    let text: number;
    switch (kind) {
      case TEXT:
        text = at + 1;
        break;
      case INT:
        at += 5;
        if (at > end) throw damaged("runs past the end", part, base + starts[i]!);
        continue;
      case DOUBLE:
        at += 9;
        if (at > end) throw damaged("runs past the end", part, base + starts[i]!);
        continue;
      case DUAL_INT:
        text = at + 5;
        break;
      case DUAL_DOUBLE:
        text = at + 9;
        break;
      default:
        if (at >= end) throw damaged(`is missing: ${i} of ${count} are there`, part, base + at);
        throw damaged(`has type byte ${kind}, which is none of 1, 2, 4, 5, 6`, part, base + at);
    }
    const nul = text < end ? bytes.indexOf(0, text) : -1;
    if (nul < 0) throw damaged("has a text without its closing NUL", part, base + at);
    at = nul + 1;
  }
  if (at !== end) throw damaged(`is the last, but ${end - at} bytes follow it`, part, base + at);
  starts[count] = at;
  return { bytes, starts, count };
}

function damaged(what: string, part: string, offset: number): QErr {
  return new QErr("QVD_SYMBOL", `${part}: an entry ${what}`, { part, offset });
}
