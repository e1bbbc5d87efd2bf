import { createHash } from "node:crypto";
import { needs, quoted } from "../errors.ts";
import { cellRoom, type EncodedSymbols, encodeCells, encodeSymbols } from "../table/cell-encoding.ts";
import { firstNotUtf8 } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";

/** SHA-256 over the cells of a column in row order, in the cell encoding of SPEC 7. */
export interface ColumnDigest {
  readonly name: string;
  readonly sha256: string;
}

export interface TableDigest {
  readonly name: string;
  readonly rows: number;
  readonly columns: readonly ColumnDigest[];
}

export interface DigestOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/** Columns hashed in one pass over the records: bounds the symbol tables held at a time. */
const COLUMNS_A_PASS = 16;

/**
 * The content of a table, whatever its layout: two tables with equal digests hold the same cells in the same order.
 * @throws what reading the table throws, and `BYTES_UTF8` on a text that is none
 */
export async function digestTable(table: Table, options: DigestOptions = {}): Promise<TableDigest> {
  const columns: ColumnDigest[] = [];
  const room = cellRoom(256 * 1024);
  for (let first = 0; first < table.fields.length; first += COLUMNS_A_PASS) {
    const count = Math.min(COLUMNS_A_PASS, table.fields.length - first);
    const ordinals = Array.from({ length: count }, (_, k) => first + k);
    const encoded = await Promise.all(ordinals.map((ordinal) => encodedSymbols(table, ordinal)));
    const hashes = ordinals.map(() => createHash("sha256"));
    const { signal, onProgress } = options;
    for await (const batch of table.scan({ fields: ordinals, signal, onProgress })) {
      for (let k = 0; k < ordinals.length; k++) {
        const hash = hashes[k]!;
        encodeCells(encoded[k]!, batch.indexes[k]!, batch.rows, room, (piece) => hash.update(piece));
      }
    }
    ordinals.forEach((ordinal, k) => {
      columns.push({ name: table.fields[ordinal]!.name, sha256: hashes[k]!.digest("hex") });
    });
  }
  return { name: table.name, rows: table.rows, columns };
}

/** A damaged text must not get a digest that looks like any other. */
async function encodedSymbols(table: Table, ordinal: number): Promise<EncodedSymbols> {
  const symbols = await table.symbols(ordinal);
  const part = `symbols of ${quoted(table.fields[ordinal]!.name)}`;
  needs(firstNotUtf8(symbols) < 0, "BYTES_UTF8", () => `${part}: an entry is not valid UTF-8`, { part });
  return encodeSymbols(symbols);
}
