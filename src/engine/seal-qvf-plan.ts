import { randomBytes } from "node:crypto";
import { vectorBytes } from "../container/qvf/table-stream.ts";
import { needs, quoted } from "../errors.ts";
import type { QvfModel } from "../table/qvf-model.ts";
import { openTableStream } from "../table/qvf-table.ts";
import { ordinalsOf } from "../table/scan-plan.ts";
import type { App } from "./app-view.ts";
import { inflateNode } from "./inflate.ts";
import { constMask, type MaskedColumn, nullMask, tokenMask } from "./seal-mask.ts";
import { checkSlots, type MaskKind, type SealOptions } from "./seal-plan.ts";

/** One sealed field of an app: its slots, its columns, and what stands in its place. */
export interface SealedAppField {
  readonly number: number;
  readonly name: string;
  readonly slots: readonly number[];
  readonly mask: MaskedColumn;
  readonly maskKind: MaskKind | "none";
  readonly tokenKey: Uint8Array | undefined;
  readonly columns: readonly PlannedColumn[];
}

/** A column of a sealed field, in the order of the tables. */
export interface PlannedColumn {
  readonly table: number;
  readonly column: number;
  /** Bytes of one index in the sealed part, 0 to 4. */
  readonly indexBytes: number;
  /** The vector's bytes from the one in which its last row ends. */
  readonly slack: Uint8Array;
}

/**
 * Which fields of an app are sealed for whom. A synthetic key repeats which values of its fields go together, so it is
 * sealed with them; the tables of section access list values, so they have to be.
 * @throws `TABLE_NO_FIELD`, `USAGE`
 */
export async function planAppFields(app: App, options: SealOptions): Promise<readonly SealedAppField[]> {
  const model = await app.model();
  const all = model.header.fields.map((name) => ({ name }));
  const slotsOf = sealedFields(model, options);
  const closed = options.mode === "closed";
  const kind = options.mask ?? "null";
  const key = kind === "token" && !closed ? (options.tokenKey ?? new Uint8Array(randomBytes(32))) : undefined;
  const synthetic = new Set(model.header.syntheticKeys.map((k) => k.name));
  const fields: SealedAppField[] = [];
  for (const [number, slots] of [...slotsOf].sort((a, b) => a[0] - b[0])) {
    const { name } = all[number]!;
    // The values of a synthetic key are numbers of Qlik's: masked, they would join what does not belong together.
    const own = closed || synthetic.has(name) ? "null" : kind;
    const mask =
      own === "null"
        ? nullMask()
        : own === "const"
          ? constMask(options.constText ?? "sealed")
          : tokenMask(await model.fields[number]!.symbols(), key!);
    const columns = await columnsOf(app, model, number);
    fields.push({ number, name, slots, mask, maskKind: closed ? "none" : own, tokenKey: key, columns });
  }
  return fields;
}

/**
 * The slots of every field that is sealed, by its number.
 * @throws `TABLE_NO_FIELD`, `USAGE`
 */
export function sealedFields(model: QvfModel, options: SealOptions): ReadonlyMap<number, readonly number[]> {
  checkSlots(options);
  const closed = options.mode === "closed";
  const slotsOf = new Map<number, readonly number[]>();
  const all = model.header.fields.map((name) => ({ name }));
  for (const [slot, request] of options.slots.entries()) {
    for (const number of ordinalsOf(all, request.fields)) {
      slotsOf.set(number, [...new Set([...(slotsOf.get(number) ?? []), slot])]);
    }
  }
  sealKeys(model, slotsOf, options);
  if (closed) for (const number of all.keys()) if (!slotsOf.has(number)) slotsOf.set(number, [0]);
  const sealsMore = options.sectionAccess === true || options.bookmarks === true || closed;
  needs(slotsOf.size > 0 || sealsMore, "USAGE", "nothing is named to be sealed", {
    hint: "name fields with --fields a,b, or add --section-access or --bookmarks",
  });
  if (!closed && options.sectionAccess !== true) requireUnlisted(model, slotsOf);
  return slotsOf;
}

function sealKeys(model: QvfModel, slotsOf: Map<number, readonly number[]>, options: SealOptions): void {
  const numbers = new Map(model.header.fields.map((name, number) => [name, number]));
  // A synthetic key may be part of another one, which comes after it.
  for (const key of model.header.syntheticKeys) {
    const sealed = key.fields
      .map((name) => slotsOf.get(numbers.get(name) ?? -1))
      .filter((slots) => slots !== undefined);
    const number = numbers.get(key.name);
    if (sealed.length === 0 || number === undefined) continue;
    const common = options.slots.map((_, slot) => slot).filter((slot) => sealed.every((own) => own.includes(slot)));
    needs(common.length > 0, "USAGE", `${quoted(key.name)} joins fields that no slot has together`, {
      hint: `name these for one slot: ${key.fields.join(", ")}`,
    });
    slotsOf.set(number, common);
  }
}

function requireUnlisted(model: QvfModel, slotsOf: ReadonlyMap<number, readonly number[]>): void {
  const listed = new Set(model.sectionAccess.flatMap((table) => table.fields.map((field) => field.name.toUpperCase())));
  for (const number of slotsOf.keys()) {
    const name = model.header.fields[number]!;
    needs(!listed.has(name.toUpperCase()), "USAGE", `section access lists values of ${quoted(name)}, and stays plain`, {
      hint: "seal it along with --section-access",
    });
  }
}

async function columnsOf(app: App, model: QvfModel, number: number): Promise<readonly PlannedColumn[]> {
  const columns: PlannedColumn[] = [];
  for (const [table, { head }] of model.tables.entries()) {
    for (const [column, { field, width }] of head.columns.entries()) {
      if (field !== number) continue;
      const hasVector = head.rows > 0 && width > 0;
      const slack = hasVector ? await slackOf(app, table, column, head.rows, width) : new Uint8Array(0);
      columns.push({ table, column, indexBytes: Math.ceil(width / 8), slack });
    }
  }
  return columns;
}

async function slackOf(app: App, table: number, column: number, rows: number, width: number): Promise<Uint8Array> {
  const { vector } = await openTableStream(app.container, table, inflateNode);
  const bytes = (await vector(column)) ?? new Uint8Array(vectorBytes(rows, width));
  return bytes.slice(Math.floor((rows * width) / 8));
}
