import { cursor, readBytes, readF64, readU8, readU32, remaining } from "../../bytes/cursor.ts";
import {
  type ByteWriter,
  byteWriter,
  reserve,
  writeBytes,
  writeF64,
  writeU8,
  writeU32,
  written,
} from "../../bytes/writer.ts";
import { needs, QErr } from "../../errors.ts";
import { MAX_APP_FIELDS, MAX_QVF_TABLES } from "../../limits.ts";
import { readText, writeText } from "./text.ts";

/**
 * The stream `qvapp_data`: what the model consists of.
 *
 *     str "1.0", u32 0, u32 fields, str name each, u32 tables, u32 synthetic keys {str name, u32 n, str field each},
 *     u32 components, u32 states, u32 variables {u8 0, str, u8 has, [str, f64], 8 bytes}, state
 */
export interface ModelHeader {
  /** Field names in the order of their numbers; `data/field_N` is the field N. */
  readonly fields: readonly string[];
  /** Number of tables; `data/table_N` with N below it. Their names are in their streams. */
  readonly tables: number;
  readonly syntheticKeys: readonly SyntheticKey[];
  /** Connected components of the association graph. */
  readonly components: number;
  /** Selection states: 1, and one for each alternate state (read off one file with 3). */
  readonly states: number;
  readonly variables: readonly ModelVariable[];
  /** Selections and other state by table and field, as stored; it refers to symbols by their number. */
  readonly state: Uint8Array;
}

export interface SyntheticKey {
  /** `$Syn 1`, … */
  readonly name: string;
  readonly fields: readonly string[];
}

/** A value that a variable has; the name is elsewhere (`qvapp_variablelist`). */
export interface ModelVariable {
  readonly text: string;
  readonly value: { readonly text: string; readonly number: number } | undefined;
  readonly last: Uint8Array;
}

const VERSION = "1.0";
const NO_VALUE = -1e300;

/**
 * @throws `QVF_MODEL` if `bytes` are not the stream of a model, `LIMIT_EXCEEDED` if it states too many fields or tables.
 */
export function parseModelHeader(bytes: Uint8Array): ModelHeader {
  const c = cursor(bytes, "qvapp_data", { code: "QVF_MODEL" });
  const at = { part: "qvapp_data", offset: 0 };
  needs(readText(c) === VERSION, "QVF_MODEL", "qvapp_data does not begin with its version", at);
  needs(readU32(c) === 0, "QVF_MODEL", "qvapp_data does not begin with its version", at);
  const fields = readNames(readU32(c));
  const tables = readU32(c);
  needs(tables <= MAX_QVF_TABLES, "LIMIT_EXCEEDED", `qvapp_data states ${tables} tables`, at);
  const keyCount = readU32(c);
  const syntheticKeys: SyntheticKey[] = [];
  for (let k = 0; k < keyCount; k++) syntheticKeys.push({ name: readText(c), fields: readNames(readU32(c)) });
  const components = readU32(c);
  const states = readU32(c);
  const variableCount = readU32(c);
  const variables: ModelVariable[] = [];
  for (let k = 0; k < variableCount; k++) variables.push(readVariable());
  return { fields, tables, syntheticKeys, components, states, variables, state: readBytes(c, remaining(c)) };

  function readNames(count: number): string[] {
    const place = { part: "qvapp_data", offset: c.offset };
    needs(
      count <= MAX_APP_FIELDS,
      "LIMIT_EXCEEDED",
      `qvapp_data states ${count} fields, at most ${MAX_APP_FIELDS}`,
      place,
    );
    needs(count <= remaining(c), "QVF_MODEL", `qvapp_data: ${count} names do not fit in what is left`, place);
    return Array.from({ length: count }, () => readText(c));
  }

  function readVariable(): ModelVariable {
    if (readU8(c) !== 0) {
      throw new QErr("QVF_MODEL", "qvapp_data has a variable that is none", {
        part: "qvapp_data",
        offset: c.offset - 1,
      });
    }
    const text = readText(c);
    const value = readU8(c) === 0 ? undefined : { text: readText(c), number: readF64(c) };
    return { text, value, last: readBytes(c, 8) };
  }
}

/** Twin of {@link parseModelHeader}. */
export function encodeModelHeader(model: ModelHeader): Uint8Array {
  const w = byteWriter();
  writeText(w, VERSION);
  writeU32(w, 0);
  writeNames(w, model.fields);
  writeU32(w, model.tables);
  writeU32(w, model.syntheticKeys.length);
  for (const key of model.syntheticKeys) {
    writeText(w, key.name);
    writeNames(w, key.fields);
  }
  writeU32(w, model.components);
  writeU32(w, model.states);
  writeU32(w, model.variables.length);
  for (const variable of model.variables) writeVariable(w, variable);
  writeBytes(w, model.state);
  return written(w);
}

function writeNames(w: ByteWriter, names: readonly string[]): void {
  writeU32(w, names.length);
  for (const name of names) writeText(w, name);
}

function writeVariable(w: ByteWriter, variable: ModelVariable): void {
  writeU8(w, 0);
  writeText(w, variable.text);
  writeU8(w, variable.value === undefined ? 0 : 1);
  if (variable.value !== undefined) {
    writeText(w, variable.value.text);
    writeF64(w, variable.value.number);
  }
  writeBytes(w, variable.last);
}

/**
 * The state of a model in which nothing is selected and there is one selection state: 3 bytes, 5 bytes for every table
 * and synthetic key, and for every field 42 bytes and, for a synthetic key, its formula (`$Syn 1 = a+b`).
 */
export function clearState(fields: readonly string[], tables: number, keys: readonly SyntheticKey[]): Uint8Array {
  const formulas = new Map(keys.map((key) => [key.name, `${key.name} = ${key.fields.join("+")}`]));
  const w = byteWriter();
  reserve(w, 3 + 5 * (tables + keys.length));
  for (const field of fields) writeFieldState(w, formulas.get(field) ?? "");
  return written(w);
}

/** The part of a field in {@link clearState}; the numbers are Qlik's "no number". */
export function writeFieldState(w: ByteWriter, formula: string): void {
  reserve(w, 7);
  writeF64(w, NO_VALUE);
  writeF64(w, NO_VALUE);
  reserve(w, 16);
  writeText(w, formula);
  reserve(w, 2);
}
