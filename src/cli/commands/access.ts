import { Command } from "commander";
import type { CommandContext } from "../context.ts";
import { diffCommand } from "./access-diff.ts";
import { explainCommand } from "./access-explain.ts";
import { accessLintCommand } from "./access-lint.ts";
import { matrixCommand } from "./access-matrix.ts";
import { accessTestCommand } from "./access-test.ts";

export function accessCommand(context: CommandContext): Command {
  const command = new Command("access").description("test, explain, compare and lint section access");
  for (const make of [accessTestCommand, explainCommand, diffCommand, matrixCommand, accessLintCommand]) {
    command.addCommand(make(context));
  }
  return command;
}
