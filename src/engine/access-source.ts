import { stat } from "node:fs/promises";
import { extname, join } from "node:path";
import { decodeUtf8 } from "../bytes/utf8.ts";
import { needs, QErr } from "../errors.ts";
import { MAX_ACCESS_JSON_BYTES } from "../limits.ts";
import { type AccessCell, type AccessTable, type LoadRule, loadCell, upper } from "../reduce/access-table.ts";
import { readAccessJson } from "../reduce/case-format.ts";
import type { QvdTable } from "../table/qvd-table.ts";
import { symbolNumber, symbolText } from "../table/symbols.ts";
import type { Table } from "../table/table.ts";
import type { ByteSource, OpenOptions } from "./open.ts";
import { isSealed } from "./open-seal-head.ts";
import type { SealedTable } from "./open-sealed.ts";
import { borrowed, qvdsIn, withFiles, withTables } from "./qvd-group.ts";

/** Names, in a folder of QVDs, of what holds its section access. */
export const ACCESS_JSON = "section-access.json";
const ACCESS_FOLDER = "section-access";

/** Section access that lies beside the QVDs of a folder; `undefined` if there is none. */
export async function accessBeside(folder: string, options: OpenOptions): Promise<readonly AccessTable[] | undefined> {
  const json = join(folder, ACCESS_JSON);
  if ((await stat(json).catch(() => undefined))?.isFile()) return accessFrom(json, options);
  const inside = join(folder, ACCESS_FOLDER);
  if (!(await stat(inside).catch(() => undefined))?.isDirectory()) return undefined;
  const files = await qvdsIn(inside);
  if (files.length === 0) return undefined;
  return (await withFiles(files, (sources) => Promise.all(sources.map((s) => accessIn(s, options))))).flat();
}

/** Section access from a path or bytes: JSON in the form of policy cases, or a QVD. */
export async function accessFrom(from: string | ByteSource, options: OpenOptions): Promise<readonly AccessTable[]> {
  if (typeof from !== "string") return accessIn(borrowed(from), options);
  return withFiles([from], ([source]) => accessIn(source!, options));
}

/** Section access in one source: a QVD, or JSON. */
async function accessIn(source: ByteSource, options: OpenOptions): Promise<readonly AccessTable[]> {
  if (extname(source.name).toLowerCase() === ".json" || (await beginsAsJson(source))) {
    const most = source.size <= MAX_ACCESS_JSON_BYTES;
    needs(most, "LIMIT_EXCEEDED", `${source.name} has ${source.size} bytes, at most ${MAX_ACCESS_JSON_BYTES} are read`);
    const tables = readAccessJson(decodeUtf8(await source.read(0, source.size), source.name));
    if (tables === undefined) throw new QErr("ACCESS_CASE", `${source.name} has no section access`);
    return tables;
  }
  // Loaded by us, so upper-cased by us (R11); a QVD says itself what is a number.
  const rule = { numbers: false, upperCase: true };
  return withTables([source], options, async (tables) => {
    for (const table of tables) await requireWhole(table);
    return Promise.all(tables.map((t) => accessTable(t, rule)));
  });
}

/** Section access of which a field is sealed would be read as NULL, and so be other rules than were written. */
async function requireWhole(table: QvdTable | SealedTable): Promise<void> {
  const whole = "stillSealed" in table ? table.stillSealed.length === 0 : !(await isSealed(table.source, table.header));
  if (whole) return;
  throw new QErr("SEAL_NO_IDENTITY", `${table.source.name} holds section access, and fields of it are sealed`, {
    hint: "add --key REF for each slot that it is sealed for",
  });
}

async function beginsAsJson(source: ByteSource): Promise<boolean> {
  return /^\s*\{/.test(String.fromCharCode(...(await source.read(0, Math.min(64, source.size)))));
}

/**
 * The cells of a table as section access. The text `*` is the star.
 * @throws `MODEL_SHAPE` if two names differ in case only
 */
export async function accessTable(table: Table, rule: LoadRule): Promise<AccessTable> {
  const values: AccessCell[][] = [];
  for (let k = 0; k < table.fields.length; k++) {
    const symbols = await table.symbols(k);
    values.push(
      Array.from({ length: symbols.count }, (_, s) => {
        const [number, text] = [symbolNumber(symbols, s), symbolText(symbols, s)];
        return loadCell(number === undefined ? text! : text === undefined ? number : { number, text }, rule);
      }),
    );
  }
  const rows: AccessCell[][] = [];
  for await (const batch of table.scan()) {
    for (let r = 0; r < batch.rows; r++) {
      rows.push(values.map((v, k) => (batch.indexes[k]![r]! < 0 ? null : v[batch.indexes[k]![r]!]!)));
    }
  }
  // A name in other case would be no system field, and a row without one of those is for everybody.
  const fields = table.fields.map((f) => upper(f.name));
  needs(
    new Set(fields).size === fields.length,
    "MODEL_SHAPE",
    `section access table "${table.name}" has a field twice`,
  );
  return { name: table.name, fields, rows };
}
