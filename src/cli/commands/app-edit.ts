import { Command, InvalidArgumentError } from "commander";
import { editApp } from "../../engine/app-edit.ts";
import { writeApp } from "../../engine/app-write.ts";
import { withOutput } from "../../engine/convert.ts";
import { guardInPlace } from "../../engine/file-state.ts";
import { openSource } from "../../engine/open.ts";
import { openQvfApp } from "../../engine/qvf-app.ts";
import { readSmallText } from "../../engine/small-file.ts";
import { QErr } from "../../errors.ts";
import type { CommandContext } from "../context.ts";
import { type KeyOptions, repeated, withKeyOptions, withKeys } from "../key-options.ts";
import { type RowRange, rowRange } from "../options.ts";
import { printable } from "../terminal.ts";

interface EditOptions extends KeyOptions {
  readonly output: string;
  readonly script?: string;
  readonly drop?: readonly string[];
  readonly table?: ReadonlyMap<string, string>;
  readonly dropTable?: readonly string[];
  readonly rows?: ReadonlyMap<string, RowRange>;
  readonly force?: true;
}

const WHAT_FOLLOWS = `
Symbols that no row has any more are dropped; qvapp_data, qvapp_meta and the system tables are made anew; section access
stays. Replacing the script also blanks out what qvapp_allproperties holds of the old one, and names objects that quote lines of the old
one. Free space in the new file is zero: nothing of what was replaced is left in it.
A sealed app needs the keys of all of its slots, and the new app is not sealed: encrypt it again.`;

export function appEditCommand({ terminal }: CommandContext): Command {
  const command = new Command("edit")
    .description("write an app with another script, without some objects, or with other tables or fewer rows")
    .argument("<APP>", "app")
    .requiredOption("-o, --output <OUT.qvf>", "where to; - is standard output")
    .option("--script <FILE>", "the new load script, UTF-8")
    .option("--drop <PATH>", "drop a sheet, measure, image …: its path in inspect --json; may be repeated", repeated)
    .option(
      "--table <NAME=FILE>",
      "put a QVD or CSV in the place of a table; may be repeated",
      pairs((file) => file),
    )
    .option("--drop-table <NAME>", "drop a table; may be repeated", repeated)
    .option("--rows <NAME=FROM..TO>", "keep only these rows of a table; may be repeated", pairs(rowRange))
    .option("--force", "replace the output if it exists")
    .addHelpText("after", WHAT_FOLLOWS);
  return withKeyOptions(command).action((file: string, options: EditOptions) =>
    withKeys(terminal, options, async (keys) => {
      const { drop, table: tables, dropTable: dropTables, rows } = options;
      if ([options.script, drop, tables, dropTables, rows].every((given) => given === undefined)) {
        throw new QErr("USAGE", "nothing is to be changed", { hint: "add --script, --drop, --table, … (see --help)" });
      }
      const script = options.script === undefined ? undefined : await readSmallText(options.script);
      const beforeReplace = await guardInPlace(file, options.output);
      const app = await openQvfApp(await openSource(file, { stdin: terminal.stdin }), keys);
      try {
        const edited = await editApp(app, { script, drop, tables, dropTables, rows });
        try {
          for (const note of edited.notes) terminal.err(printable(`qvault: note: ${note}`));
          const { out: stdout, signal } = terminal;
          const target = { path: options.output, force: options.force ?? false, stdout, signal, beforeReplace };
          await withOutput(target, (sink) => writeApp(sink, edited.parts));
        } finally {
          await edited.close();
        }
      } finally {
        await app.close();
      }
    }),
  );
}

/** `NAME=VALUE`, given again for each name; a name may have `=` in quotes only: `"a=b"=FILE`. */
function pairs<T>(parse: (text: string) => T) {
  return (text: string, before: ReadonlyMap<string, T> | undefined): ReadonlyMap<string, T> => {
    const match = /^(?:"((?:[^"]|"")+)"|([^"=][^=]*))=(.+)$/s.exec(text);
    if (match === null) throw new InvalidArgumentError("NAME=… is needed; a name with = stands in quotes");
    const name = match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"');
    if (before?.has(name)) throw new InvalidArgumentError(`table ${JSON.stringify(name)} is named twice`);
    return new Map([...(before ?? []), [name, parse(match[3]!)]]);
  };
}
