import { parseModelHeader } from "../../src/container/qvf/model-header.ts";
import { isFramed, parseMeta } from "../../src/container/qvf/parts.ts";
import type { Model } from "../../src/table/model.ts";
import { type SymbolTable, symbolNumber, symbolText } from "../../src/table/symbols.ts";
import { openBytes } from "../helpers/qvf.ts";

/** Everything that a written app says, whatever its length, decoded: to be compared whole, so that `A` is not found in `NAME`. */
export interface Tokens {
  /** Names, formats, comments, and the strings and keys of all JSON, that of directory entries in base64 included. */
  readonly strings: ReadonlySet<string>;
  /** Per field of the users, its symbols: `n1`, `tA`, or `n1tA` for a dual. */
  readonly symbols: ReadonlyMap<string, ReadonlySet<string>>;
  /** Symbols of Qlik's system fields. */
  readonly system: ReadonlySet<string>;
  /** Numbers in JSON, with the key they stand under. */
  readonly numbers: ReadonlyMap<string, ReadonlySet<number>>;
}

export async function tokensOf(bytes: Uint8Array): Promise<Tokens> {
  const strings = new Set<string>();
  const numbers = new Map<string, Set<number>>();
  const app = await openBytes(bytes);
  const add = (value: unknown) => walk(value, "", strings, numbers);
  for (const entry of app.container.entries) {
    strings.add(entry.name);
    if (entry.isDirectory) continue;
    const meta = parseMeta(entry.meta, entry.path);
    add(meta);
    if (typeof meta.SecurityMetaAsBase64 === "string") {
      add(JSON.parse(Buffer.from(meta.SecurityMetaAsBase64, "base64").toString().replace(/\0+$/, "")));
    }
    if (isFramed(entry.path)) add(JSON.parse(new TextDecoder().decode(await app.content(entry.path))));
    if (entry.path === "qvapp_header") {
      const raw = await app.container.read(entry.path);
      add(JSON.parse(new TextDecoder().decode(raw.subarray(0, raw.indexOf(0)))));
    }
  }
  const { syntheticKeys, fields: names, variables } = parseModelHeader(await app.container.read("qvapp_data"));
  add({ syntheticKeys, names, variables });
  const model = await app.model();
  const symbols = new Map<string, Set<string>>();
  const system = new Set<string>();
  for (const field of model.fields) {
    add({ formats: field.formats, infoName: field.tail });
    const into = field.name.startsWith("$") && !field.name.startsWith("$Syn ") ? system : new Set<string>();
    if (into !== system) symbols.set(field.name, into);
    const table = await field.symbols();
    for (let s = 0; s < table.count; s++) into.add(symbolToken(table, s));
  }
  for (const table of [...model.tables, ...model.sectionAccess]) {
    add({ name: table.name, source: table.head.source, fields: table.fields.map((f) => [f.name, f.comment, f.tags]) });
  }
  return { strings, symbols, system, numbers };
}

function walk(value: unknown, key: string, strings: Set<string>, numbers: Map<string, Set<number>>): void {
  if (typeof value === "string") strings.add(value);
  else if (typeof value === "number") numbers.set(key, (numbers.get(key) ?? new Set()).add(value));
  else if (Array.isArray(value)) for (const item of value) walk(item, key, strings, numbers);
  else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    for (const [name, item] of Object.entries(value)) {
      strings.add(name);
      walk(item, name, strings, numbers);
    }
  }
}

export function symbolToken(table: SymbolTable, s: number): string {
  const number = symbolNumber(table, s);
  const text = symbolText(table, s);
  return `${number === undefined ? "" : `n${Object.is(number, -0) ? "-0" : number}`}${text === undefined ? "" : `t${text}`}`;
}

/** Per field, the symbols in some rows of a model: what its user may find, no more and no fewer. */
export function symbolsIn(model: Model, rows: readonly (readonly number[])[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  model.tables.forEach((t, table) => {
    for (const c of t.columns) {
      const { name } = model.fields[c.field]!;
      const tokens = found.get(name) ?? new Set();
      found.set(name, tokens);
      for (const s of new Set(rows[table]!.map((r) => c.index[r]!))) {
        if (s >= 0) tokens.add(symbolToken(model.domains[c.domain]!, s));
      }
    }
  });
  return found;
}
