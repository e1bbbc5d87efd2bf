import { objectsIn } from "../bytes/json.ts";
import { type Inflate, inflatePako } from "../container/qvf/deflate.ts";
import { frameText, parseFrame, parseJson } from "../container/qvf/frame.ts";
import { type ModelHeader, parseModelHeader } from "../container/qvf/model-header.ts";
import type { QvfContainer } from "../container/qvf/reader.ts";
import type { TableHead } from "../container/qvf/table-stream.ts";
import { QErr } from "../errors.ts";
import { openAccessTables } from "./qvf-access.ts";
import { type ModelField, openField } from "./qvf-field.ts";
import { openTableStream, type QvfTable, qvfTable } from "./qvf-table.ts";

/** The data of an app: its tables, and the section access tables that say who may see what of them. */
export interface QvfModel {
  readonly header: ModelHeader;
  /** By number. */
  readonly fields: readonly ModelField[];
  /** In the order of the file; Qlik's system tables and those of synthetic keys are among them. */
  readonly tables: readonly QvfTable[];
  /** Empty if the app has no section access. */
  readonly sectionAccess: readonly QvfTable[];
}

export interface QvfModelOptions {
  readonly inflate?: Inflate | undefined;
  /** Takes a field before any table has it; whoever keeps secrets in its symbols overwrites them later. */
  readonly field?: ((field: ModelField, number: number) => ModelField) | undefined;
  /** A table of which not all is in the container; undefined for one that is there like any other. */
  readonly table?: ((number: number, fields: TableContext) => Promise<QvfTable | undefined>) | undefined;
}

/** What a table needs of its model. */
export interface TableContext {
  readonly fields: readonly ModelField[];
  readonly tags: (name: string) => readonly string[];
}

/**
 * Opens the data model: heads of tables and fields are read, symbols and rows are not. Handing out these tables without
 * applying {@link QvfModel.sectionAccess} is acting as an administrator.
 * @throws `QVF_MODEL`, `QVF_FIELD`, `QVF_TABLE`, `QVF_JSON`, `QVF_DEFLATE` if the model is damaged; `QVF_ENCRYPTED` and
 *   `QVF_SCRAMBLED` if Qlik encrypted or scrambled it; and what the container throws
 */
export async function openQvfModel(container: QvfContainer, options: QvfModelOptions = {}): Promise<QvfModel> {
  const inflate = options.inflate ?? inflatePako;
  await checkReadable(container);
  const header = parseModelHeader(await streamOf(container, "qvapp_data"));
  const tagsByField = await fieldTags(container, inflate);
  const fields: ModelField[] = [];
  for (const [number, name] of header.fields.entries()) {
    requirePart(container, `data/field_${number}`);
    const field = await openField(container, number, name, inflate);
    fields.push(options.field?.(field, number) ?? field);
  }
  const tables: QvfTable[] = [];
  for (let number = 0; number < header.tables; number++) {
    const part = `data/table_${number}`;
    requirePart(container, part);
    const tags = (name: string) => tagsByField.get(name) ?? [];
    const own = await options.table?.(number, { fields, tags });
    if (own !== undefined) {
      tables.push(own);
      continue;
    }
    const { head, vector } = await openTableStream(container, number, inflate);
    tables.push(qvfTable(part, head, fields, tags, vector));
  }
  const access = container.entry("qvapp_qaccess") && (await container.read("qvapp_qaccess"));
  return { header, fields, tables, sectionAccess: access ? await openAccessTables(access, inflate) : [] };
}

/** What is known of a model without its fields' streams: nothing is inflated. */
export interface ModelOutline {
  readonly header: ModelHeader;
  /** In the order of the file. */
  readonly tables: readonly TableHead[];
  readonly hasSectionAccess: boolean;
}

/** @throws `QVF_MODEL`, `QVF_TABLE`, and what the container throws */
export async function readOutline(container: QvfContainer): Promise<ModelOutline> {
  const header = parseModelHeader(await streamOf(container, "qvapp_data"));
  const tables: TableHead[] = [];
  for (let number = 0; number < header.tables; number++) {
    requirePart(container, `data/table_${number}`);
    tables.push((await openTableStream(container, number, inflatePako)).head);
  }
  const access = container.entry("qvapp_qaccess") && (await container.readRange("qvapp_qaccess", 0, ACCESS_COUNT));
  // u32 0, u32 fields
  return { header, tables, hasSectionAccess: access?.subarray(4).some((byte) => byte !== 0) ?? false };
}

/** Bytes before the names in `qvapp_qaccess`. */
const ACCESS_COUNT = 8;

function requirePart(container: QvfContainer, path: string): void {
  if (container.entry(path) === undefined) {
    throw new QErr("QVF_MODEL", `qvapp_data counts ${path}, which is not there`, { part: "qvapp_data" });
  }
}

async function streamOf(container: QvfContainer, path: string): Promise<Uint8Array> {
  if (container.entry(path) === undefined) throw new QErr("QVF_MODEL", `the app has no ${path}`, { part: path });
  return container.read(path);
}

/**
 * Refuses what is well formed but cannot be read: `qvapp_header` says whether names and formats are scrambled. How an
 * app encrypted by Qlik looks is not known (none was available): any member that speaks of encryption is taken for it.
 * @throws `QVF_SCRAMBLED`, `QVF_ENCRYPTED`, `QVF_JSON`
 */
export async function checkReadable(container: QvfContainer): Promise<void> {
  const part = "qvapp_header";
  const bytes = await streamOf(container, part);
  const nul = bytes.indexOf(0);
  const text = new TextDecoder().decode(nul < 0 ? bytes : bytes.subarray(0, nul));
  const header = parseJson(text, part);
  if (typeof header !== "object" || header === null) throw new QErr("QVF_JSON", `${part} is no object`, { part });
  for (const [name, value] of Object.entries(header)) {
    if (/encrypt|thumbprint/i.test(name) && value) {
      throw new QErr("QVF_ENCRYPTED", "the app was encrypted by Qlik, and only Qlik can decrypt it", {
        part,
        hint: "export it from Qlik without encryption at rest, then open that file",
      });
    }
    if (/^Scramble[AB]$/.test(name) && value !== 0) {
      throw new QErr("QVF_SCRAMBLED", "the app's data are scrambled, which no QVF that was seen is", { part });
    }
  }
}

/** Tags by field name, from `qvapp_meta` where there is one. */
async function fieldTags(container: QvfContainer, inflate: Inflate): Promise<ReadonlyMap<string, readonly string[]>> {
  const part = "qvapp_meta";
  if (container.entry(part) === undefined) return new Map();
  const meta = parseJson(await frameText(parseFrame(await container.read(part), part), inflate), part);
  const fields = (meta as { qfields?: unknown } | null)?.qfields;
  const tags = new Map<string, readonly string[]>();
  for (const { qname, qtags } of objectsIn(fields)) {
    if (typeof qname === "string" && Array.isArray(qtags))
      tags.set(
        qname,
        qtags.filter((tag) => typeof tag === "string"),
      );
  }
  return tags;
}
