import { Command } from "commander";
import { AS_ADMIN_NOTE } from "../../engine/admin-record.ts";
import { type Inspection, inspect } from "../../engine/inspect.ts";
import { type AppInspection, inspectApp } from "../../engine/inspect-app.ts";
import { type ByteSource, containerOf, type OpenOptions, openSource } from "../../engine/open.ts";
import type { CommandContext } from "../context.ts";
import { forEachFile } from "../files.ts";
import { type KeyOptions, withKeyOptions, withKeys } from "../key-options.ts";
import { printable } from "../terminal.ts";
import { textTable } from "../text-table.ts";

export function inspectCommand({ terminal, outcome }: CommandContext): Command {
  const command = new Command("inspect")
    .description("show what a file holds; reads headers only")
    .argument("<FILE...>", "files or folders")
    .option("--json", "one JSON document a file, a line each")
    .option("--lenient", "accept the malformed headers of some SAP extracts");
  return withKeyOptions(command).action((files: string[], options: KeyOptions & { json?: true; lenient?: true }) =>
    withKeys(terminal, options, (keys) =>
      forEachFile(terminal, outcome, files, async (file) => {
        const source = await openSource(file, { stdin: terminal.stdin });
        try {
          const inspection = await inspectAny(source, { ...keys, lenient: options.lenient });
          if (options.json) await terminal.out(`${JSON.stringify(inspection)}\n`);
          else await terminal.out(inspection.container === "qvf" ? humanApp(inspection) : humanInspection(inspection));
        } finally {
          await source.close();
        }
      }),
    ),
  );
}

async function inspectAny(
  source: ByteSource,
  options: Pick<OpenOptions, "find" | "signature" | "lenient">,
): Promise<Inspection | AppInspection> {
  return (await containerOf(source)) === "qvf" ? inspectApp(source, options) : inspect(source, options);
}

function humanInspection(inspection: Inspection): string {
  const { creator, tables } = inspection;
  const lines = [
    `${inspection.file}: ${inspection.container.toUpperCase()}, ${inspection.bytes.toLocaleString("en")} bytes`,
    `written ${creator.createdUtc || "at an unknown time"} UTC by build ${creator.build}, ${creator.document || "no document named"}`,
  ];
  if (inspection.encryptedByQlik) lines.push("encrypted by Qlik: only this header can be read");
  let text = lines.map((line) => `${printable(line)}\n`).join("");
  for (const table of tables) {
    text += printable(`table ${table.name}: ${table.rows.toLocaleString("en")} rows, ${table.fields.length} fields`);
    text += table.comment ? `\n${printable(table.comment)}\n` : "\n";
    const rows = table.fields.map((f) => [
      f.name,
      String(f.symbols),
      String(f.bitWidth),
      f.nullable ? "yes" : "",
      f.numberFormat.type + (f.numberFormat.fmt ? ` ${f.numberFormat.fmt}` : ""),
      f.tags.join(" "),
      f.comment,
    ]);
    text += textTable([["field", "symbols", "bits", "null", "format", "tags", "comment"], ...rows], [1, 2]);
    for (const { discriminator } of table.lineage) text += printable(`from ${discriminator}`).concat("\n");
  }
  if (inspection.seal) text += humanSeal(inspection.seal);
  if (inspection.openedFields) text += printable(`opened: ${inspection.openedFields.join(", ")}`).concat("\n");
  return text;
}

function humanSeal(seal: NonNullable<Inspection["seal"]>): string {
  const signed = seal.signer ? `, signed by ${seal.signer}` : "";
  let text = printable(`sealed (${seal.mode}) at ${seal.createdAt}${signed}`).concat("\n");
  for (const slot of seal.slots) {
    text += printable(`slot ${slot.name}: ${[...slot.fields, ...slot.streams].join(", ")}`).concat("\n");
    for (const r of slot.recipients)
      text += printable(`  opens with ${r.label} ${r.x5t ?? r.spkiS256} (${r.alg})`).concat("\n");
  }
  return text;
}

function humanAccess({ hasSectionAccess, lostSectionAccess }: AppInspection): string {
  if (lostSectionAccess) return "ITS SECTION ACCESS IS GONE: its properties say that it has some";
  return hasSectionAccess ? "HAS SECTION ACCESS" : "no section access";
}

function humanApp(app: AppInspection): string {
  const lines = [
    `${app.file}: QVF, ${app.bytes.toLocaleString("en")} bytes`,
    `title ${app.title || "(none stored)"}, saved in ${app.savedInVersion || "an unknown version"}, reloaded ${app.lastReload || "at an unknown time"}`,
    `${app.hasScript ? "has a load script" : "no load script"}, ${humanAccess(app)}`,
  ];
  if (app.asAdmin) lines.push(AS_ADMIN_NOTE);
  if (app.encryptedByQlik) lines.push("encrypted by Qlik: tables and fields cannot be read");
  lines.push(`${app.fields.length} fields, ${app.tables.length} tables, those of Qlik included`);
  let text = lines.map((line) => `${printable(line)}\n`).join("");
  const rows = app.tables
    .filter((table) => table.kind !== "system")
    .map((table) => [table.name, String(table.rows), String(table.fields.length), table.fields.join(", ")]);
  if (rows.length > 0) text += textTable([["table", "rows", "fields", "names"], ...rows], [1, 2], 72);
  const counts = Object.entries(app.objectCounts).map(([kind, count]) => `${kind} ${count}`);
  return `${text}objects: ${counts.join(", ")}\n${app.seal ? humanSeal(app.seal) : ""}`;
}
