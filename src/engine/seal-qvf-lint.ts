import { partsOf } from "../container/qvf/parts.ts";
import { symbolText } from "../table/symbols.ts";
import type { App } from "./app-view.ts";
import { type LeakFinding, MAX_TEXTS, MIN_TEXT, tableLeaks } from "./seal-lint.ts";
import type { SealOptions } from "./seal-plan.ts";
import { sealedFields } from "./seal-qvf-plan.ts";
import { planStreams } from "./seal-qvf-streams.ts";

/** Objects that a finding names; more are counted. */
const NAMED = 3;

/**
 * Looks for what a plain reader still learns of an app that is sealed so: what plain fields tell of sealed ones in each
 * table (see `leakFindings`), which plain objects quote a value, and that sealed rules do not hide plain data.
 */
export async function appLeakFindings(app: App, options: SealOptions): Promise<readonly LeakFinding[]> {
  if (options.mode === "closed") return [];
  const model = await app.model();
  const fields = [...sealedFields(model, options).keys()].map((number) => model.fields[number]!);
  const findings: LeakFinding[] = [];
  const names = new Set(fields.map((field) => field.name));
  for (const table of model.tables) {
    if (table.isSystem || table.isSynthetic) continue;
    const sealed = [...table.fields.keys()].filter((ordinal) => names.has(table.fields[ordinal]!.name));
    findings.push(...(await tableLeaks(table, sealed, options.signal)));
  }
  const words = await plainWords(app, options);
  for (const field of fields) {
    const { name } = field;
    const symbols = await field.symbols();
    const by = new Set<string>();
    for (let i = 0; i < Math.min(symbols.count, MAX_TEXTS); i++) {
      const text = symbolText(symbols, i);
      if (text !== undefined && text.length >= MIN_TEXT) for (const path of words.get(text) ?? []) by.add(path);
    }
    if (by.size === 0) continue;
    const paths = [...by].slice(0, NAMED).join(", ") + (by.size > NAMED ? `, and ${by.size - NAMED} more` : "");
    const message = `plain objects quote values of the sealed field "${name}": ${paths}`;
    findings.push({ kind: "quoted", sealed: name, by: paths, message });
  }
  const plain = model.header.fields.filter((name) => !name.startsWith("$") && !names.has(name));
  if (options.sectionAccess === true && plain.length > 0) {
    const message = `section access is sealed, and ${plain.length} fields are plain: its rules do not keep them from who has the file`;
    findings.push({ kind: "unguarded", sealed: "section access", by: plain.slice(0, NAMED).join(", "), message });
  }
  return findings;
}

/** What stands between quotes, brackets and the like in the objects that stay plain, and where. */
async function plainWords(app: App, options: SealOptions): Promise<ReadonlyMap<string, readonly string[]>> {
  const parts = await partsOf(app.container);
  const sealed = new Set(
    (await planStreams(app, await app.model(), parts, options, undefined)).map((s) => s.part.path),
  );
  const words = new Map<string, string[]>();
  for (const { path } of app.objects) {
    if (sealed.has(path) || path.startsWith("media/") || path === "qvapp_meta") continue;
    const text = new TextDecoder().decode(await app.content(path));
    for (const word of new Set(text.split(/["'`[\](){}<>,;=|\\]+/).map((piece) => piece.trim()))) {
      if (word.length < MIN_TEXT) continue;
      const there = words.get(word);
      if (there === undefined) words.set(word, [path]);
      else there.push(path);
    }
  }
  return words;
}
