import { encodeAccessStream } from "../container/qvf/access-stream.ts";
import { PSEUDO_SYMBOL, STAR } from "./qvf-access.ts";
import { componentCount, fieldComponents } from "./qvf-components.ts";
import { type AppTable, type DraftColumn, type DraftField, draftModel } from "./qvf-draft.ts";
import { fieldContent, packTable } from "./qvf-encode.ts";
import { type SymbolTable, symbolNumber, symbolText, TEXT } from "./symbols.ts";

/**
 * The stream `qvapp_qaccess` for these section access tables, none for an app without: the cell `*` becomes index -1,
 * and each field gets Qlik's pseudo symbol as its last. Values are written as they are: who loads them from a script or
 * a file makes them upper-case before (rule R11 of section access).
 * @throws `QVF_VALUE` if a table has a field twice
 */
export async function encodeAccessTables(tables: readonly AppTable[]): Promise<Uint8Array> {
  const draft = await draftModel(tables, "stored");
  const stored = draft.fields.map((field) => withoutStar(field));
  const components = fieldComponents(
    draft.fields.length,
    draft.tables.map(({ columns }) => columns.map((column) => column.field)),
  );
  const contents = [];
  for (const { table, columns } of draft.tables) {
    contents.push(await packTable({ table, columns: columns.map((column) => starred(column, stored)) }));
  }
  return encodeAccessStream(
    draft.fields.map((field) => field.name),
    stored.map(({ field }, number) => fieldContent(field, number, components[number]!, false)),
    contents,
    componentCount(components),
  );
}

interface StoredField {
  readonly field: DraftField;
  /** Index of `*` before, -1 if the field has none. */
  readonly star: number;
}

function withoutStar(field: DraftField): StoredField {
  const { symbols } = field;
  let star = -1;
  for (let i = 0; i < symbols.count && star < 0; i++) if (isStar(symbols, i)) star = i;
  const pseudo = new TextEncoder().encode(PSEUDO_SYMBOL);
  const starts = new Uint32Array(symbols.count + (star < 0 ? 2 : 1));
  const bytes = new Uint8Array(symbols.bytes.byteLength + pseudo.byteLength + 2);
  let count = 0;
  let at = 0;
  for (let i = 0; i < symbols.count; i++) {
    if (i === star) continue;
    const entry = symbols.bytes.subarray(symbols.starts[i], symbols.starts[i + 1]);
    starts[count++] = at;
    bytes.set(entry, at);
    at += entry.byteLength;
  }
  starts[count++] = at;
  bytes[at] = TEXT;
  bytes.set(pseudo, at + 1);
  at += pseudo.byteLength + 2;
  starts[count] = at;
  return { field: { ...field, symbols: { bytes: bytes.subarray(0, at), starts, count }, isUnchanged: false }, star };
}

function isStar(symbols: SymbolTable, i: number): boolean {
  return symbolNumber(symbols, i) === undefined && symbolText(symbols, i) === "*";
}

function starred(column: DraftColumn, stored: readonly StoredField[]): DraftColumn {
  const { star } = stored[column.field]!;
  if (star < 0) return column;
  const remap = column.remap.map((index) => (index === star ? STAR : index > star ? index - 1 : index));
  // The column may not use the star that its field has; a bias of -1 is right then, too.
  const greatest = column.greatest >= star ? column.greatest - 1 : column.greatest;
  return { ...column, remap, starred: true, greatest };
}
