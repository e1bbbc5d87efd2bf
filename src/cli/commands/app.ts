import { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { appBuildCommand } from "./app-build.ts";
import { appEditCommand } from "./app-edit.ts";
import { appExtractCommand } from "./app-extract.ts";
import { appScriptCommand } from "./app-script.ts";
import { appTablesCommand } from "./app-tables.ts";

const HONESTY = `
Apps are read and written by the documented layout; none was ever opened in Qlik. The property blob
qvapp_allproperties is carried and not understood; the copy of the load script in it is blanked out when edit or build
replace the script. Apps that Qlik encrypted are refused.`;

export function appCommand(context: CommandContext): Command {
  const command = new Command("app").description("work with Qlik Sense apps (QVF)").addHelpText("after", HONESTY);
  for (const make of [appScriptCommand, appTablesCommand, appExtractCommand, appEditCommand, appBuildCommand]) {
    command.addCommand(make(context));
  }
  return command;
}
