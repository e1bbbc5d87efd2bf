import { objectsIn } from "../bytes/json.ts";
import type { Inflate } from "../container/qvf/deflate.ts";
import { frameText, inflateFrame, parseFrame, parseJson } from "../container/qvf/frame.ts";
import { isFramed, parseMeta } from "../container/qvf/parts.ts";
import { openQvf, type QvfContainer } from "../container/qvf/reader.ts";
import { isQErr, QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import type { Finding, Verification } from "./qvd-verify.ts";
import { fieldComponents } from "./qvf-components.ts";
import { openQvfModel, type QvfModel } from "./qvf-model.ts";
import { firstNotUtf8 } from "./symbols.ts";

export interface VerifyAppOptions {
  readonly inflate: Inflate;
  readonly signal?: AbortSignal | undefined;
  /** Called after each stream, field and table. */
  readonly onProgress?: ((done: number, all: number) => void) | undefined;
}

/**
 * Everything about a QVF that can be checked: structure, every stream inflated (its Adler-32), JSON where it should be,
 * every symbol and index, counts against `qvapp_meta`. `ContentHash` cannot be checked, as nobody outside Qlik knows how
 * it is made; and where nothing is compressed, a changed byte that still makes sense is not found. Never throws on
 * damage: damage is a finding.
 * @throws only what the source throws (`SOURCE_…`) and `CANCELLED`
 */
export async function verifyQvf(source: ByteSource, options: VerifyAppOptions): Promise<Verification> {
  const findings: Finding[] = [];
  const checked: string[] = [];
  const container = await attempt(findings, () => openQvf(source));
  checked.push("header and directories are well formed");
  if (container === undefined) return { findings, checked };
  await attempt(findings, () => container.claimAll());
  checked.push("every stream lies inside the file, no sector is used twice");
  await checkFrames(container, findings, options);
  checked.push("objects, script and media inflate to the stated length with the right Adler-32, JSON is JSON");
  const model = await attempt(findings, () => openQvfModel(container, options));
  checked.push("the data model is well formed");
  if (model === undefined) return { findings, checked };
  await checkModel(model, findings, options);
  checked.push("symbols inflate, are counted and valid UTF-8; every index has its symbol");
  checkComponents(model, findings);
  await attempt(findings, () => checkMeta(container, model, findings, options.inflate));
  checked.push("components, symbol counts, row counts and section access agree with the model and qvapp_meta");
  return { findings, checked };
}

async function attempt<T>(findings: Finding[], work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (!isQErr(error) || error.errorClass === "read" || error.errorClass === "cancelled") throw error;
    const { code, part, message, offset, length } = error;
    findings.push({ level: "damage", code, part: part ?? "file", message, offset, length });
    return undefined;
  }
}

function cancelIf(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new QErr("CANCELLED", "verifying was cancelled", { cause: signal.reason });
}

async function checkFrames(container: QvfContainer, findings: Finding[], options: VerifyAppOptions): Promise<void> {
  const streams = container.entries.filter((entry) => !entry.isDirectory);
  for (const [done, entry] of streams.entries()) {
    cancelIf(options.signal);
    await attempt(findings, async () => {
      parseMeta(entry.meta, entry.path);
      if (!isFramed(entry.path)) return;
      const frame = parseFrame(await container.read(entry.path), entry.path);
      if (frame.format === "gzjson") parseJson(await frameText(frame, options.inflate), entry.path);
      else await inflateFrame(frame, options.inflate);
    });
    options.onProgress?.(done + 1, streams.length);
  }
}

async function checkModel(model: QvfModel, findings: Finding[], options: VerifyAppOptions): Promise<void> {
  const all = model.fields.length + model.tables.length;
  let done = 0;
  for (const [number, field] of model.fields.entries()) {
    cancelIf(options.signal);
    const symbols = await attempt(findings, () => field.symbols());
    const wrong = symbols === undefined ? -1 : firstNotUtf8(symbols);
    if (wrong >= 0) {
      const part = `data/field_${number}`;
      const message = `symbol ${wrong} of field "${field.name}" is not valid UTF-8`;
      findings.push({ level: "damage", code: "BYTES_UTF8", part, message });
    }
    options.onProgress?.(++done, all);
  }
  for (const table of [...model.tables, ...model.sectionAccess]) {
    // One column at a time, so that each is reported and no more than one vector is held.
    for (let ordinal = 0; ordinal < table.fields.length; ordinal++) {
      await attempt(findings, async () => {
        for await (const _ of table.scan({ fields: [ordinal], signal: options.signal }));
      });
    }
    options.onProgress?.(Math.min(++done, all), all);
  }
}

function checkComponents(model: QvfModel, findings: Finding[]): void {
  const expected = fieldComponents(
    model.fields.length,
    model.tables.map((table) => table.head.columns.map((column) => column.field)),
  );
  for (const [number, field] of model.fields.entries()) {
    if (field.tail.component === expected[number]) continue;
    const message = `field "${field.name}" is said to be in component ${field.tail.component}, the tables put it in ${expected[number]}`;
    findings.push({ level: "deviation", code: "QVF_COMPONENT", part: `data/field_${number}`, message });
  }
}

async function checkMeta(
  container: QvfContainer,
  model: QvfModel,
  findings: Finding[],
  inflate: Inflate,
): Promise<void> {
  const part = "qvapp_meta";
  if (container.entry(part) === undefined) return;
  const meta = parseJson(await frameText(parseFrame(await container.read(part), part), inflate), part);
  const { qfields, qtables, qhas_section_access } = (meta ?? {}) as Readonly<Record<string, unknown>>;
  if (qhas_section_access === true && model.sectionAccess.length === 0) {
    const message = `${part} says that the app has section access, and there is none`;
    findings.push({ level: "deviation", code: "QVF_META", part, message });
  }
  const symbols = new Map(model.fields.map((field) => [field.name, field.symbolCount]));
  const tables = new Map(model.tables.map((table) => [table.name, table]));
  const differs = (what: string, stated: unknown, is: number | undefined) => {
    if (typeof stated !== "number" || stated === is) return;
    const message = `${what}: ${part} says ${stated}, the model has ${is ?? "none"}`;
    findings.push({ level: "deviation", code: "QVF_META", part, message });
  };
  for (const { qname, qcardinal } of objectsIn(qfields)) {
    differs(`symbols of field "${String(qname)}"`, qcardinal, symbols.get(String(qname)));
  }
  for (const { qname, qno_of_rows, qno_of_fields } of objectsIn(qtables)) {
    const table = tables.get(String(qname));
    differs(`rows of table "${String(qname)}"`, qno_of_rows, table?.rows);
    differs(`fields of table "${String(qname)}"`, qno_of_fields, table?.fields.length);
  }
}
