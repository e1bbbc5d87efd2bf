import { type AccessStream, parseAccessStream } from "../container/qvf/access-stream.ts";
import { type Inflate, inflateExactly } from "../container/qvf/deflate.ts";
import { QErr } from "../errors.ts";
import { fieldSymbols, type ModelField } from "./qvf-field.ts";
import { type QvfTable, qvfTable } from "./qvf-table.ts";
import { type SymbolTable, symbolText, TEXT } from "./symbols.ts";
import type { Batch, ScanOptions } from "./table.ts";

/** Qlik's own last symbol of every section access field, which no row has: "not listed". */
export const PSEUDO_SYMBOL = "\u00ff\u00ffUNKNOWN\u00ff\u00ff";
/** Stored index (bias added) of the cell `*`. */
export const STAR = -1;

/**
 * The section access tables of `qvapp_qaccess`, as ordinary tables. Two things of the file are not values and are
 * brought into the form of a table loaded from elsewhere: the pseudo symbol is left out, and a cell `*`, stored as index
 * -1, is the text `*`, which is then the last symbol of its field. A blank is the empty string, NULL is NULL.
 * An empty list if the app has no section access.
 * @throws `QVF_TABLE`, `QVF_FIELD`, `QVF_SYMBOL`, `QVF_DEFLATE`, `QVF_INDEX` if the stream is damaged
 */
export async function openAccessTables(bytes: Uint8Array, inflate: Inflate): Promise<readonly QvfTable[]> {
  const stream: AccessStream = parseAccessStream(bytes);
  const stored: SymbolTable[] = [];
  for (const field of stream.fields) stored.push(await fieldSymbols(field, "qvapp_qaccess", inflate, bytes.byteLength));
  const listed = stored.map(withStar);
  const fieldsBefore = stream.fields.map((field, k) => modelField(stream.names[k]!, field, stored[k]!));
  const fieldsAfter = stream.fields.map((field, k) => modelField(stream.names[k]!, field, listed[k]!.symbols));
  return stream.tables.map(({ head, vectors }) => {
    const part = `qvapp_qaccess, table "${head.name}"`;
    const read = async (column: number) => {
      const vector = vectors[column];
      return vector && (await inflateExactly(inflate, vector.compressed, vector.length, part));
    };
    const before = qvfTable(part, head, fieldsBefore, () => [], read);
    const after = qvfTable(part, head, fieldsAfter, () => [], read);
    return { ...after, scan: (options) => scanListed(part, before, listed, options) };
  });
}

function modelField(name: string, field: AccessStream["fields"][number], symbols: SymbolTable): ModelField {
  const { formats, fieldClass, base, tail } = field;
  return { name, formats, fieldClass, base, tail, symbolCount: symbols.count, symbols: async () => symbols };
}

interface ListedSymbols {
  readonly symbols: SymbolTable;
  /** By stored index; -1 for the pseudo symbol. */
  readonly index: Int32Array;
  /** Index of `*`. */
  readonly star: number;
}

/** The listed symbols without the pseudo symbol, and `*` after them. */
function withStar(stored: SymbolTable): ListedSymbols {
  const index = new Int32Array(stored.count);
  const starts = new Uint32Array(stored.count + 2);
  const bytes = new Uint8Array(stored.bytes.byteLength + 3);
  let count = 0;
  let at = 0;
  for (let i = 0; i < stored.count; i++) {
    if (symbolText(stored, i) === PSEUDO_SYMBOL) {
      index[i] = -1;
      continue;
    }
    const entry = stored.bytes.subarray(stored.starts[i], stored.starts[i + 1]);
    starts[count] = at;
    bytes.set(entry, at);
    at += entry.byteLength;
    index[i] = count++;
  }
  starts[count] = at;
  bytes.set([TEXT, "*".charCodeAt(0), 0], at);
  starts[count + 1] = at + 3;
  const symbols = { bytes: bytes.subarray(0, at + 3), starts: starts.subarray(0, count + 2), count: count + 1 };
  return { symbols, index, star: count };
}

async function* scanListed(
  part: string,
  table: QvfTable,
  listed: readonly ListedSymbols[],
  options: ScanOptions = {},
): AsyncGenerator<Batch> {
  const ordinals = options.fields ?? table.fields.map((_, ordinal) => ordinal);
  const maps = ordinals.map((ordinal) => listed[table.head.columns[ordinal]?.field ?? 0]!);
  for await (const batch of table.scan(options)) {
    batch.indexes.forEach((indexes, k) => {
      const { index, star } = maps[k]!;
      for (let row = 0; row < batch.rows; row++) {
        const stored = indexes[row]!;
        if (stored < 0) {
          if (stored === STAR) indexes[row] = star;
          continue;
        }
        indexes[row] = index[stored]!;
        // A row that lists "not listed" would let strangers in.
        if (indexes[row]! < 0) throw new QErr("QVF_INDEX", `${part}: a row refers to the pseudo symbol`, { part });
      }
    });
    yield batch;
  }
}
