import { isAddress, withoutSecrets } from "../engine/address.ts";
import { isQErr, type QErr } from "../errors.ts";
import { EXIT, EXIT_OF_CLASS, type ExitCode } from "./exit-codes.ts";
import { printable, type Terminal } from "./terminal.ts";

/** One line for the error, one for the hint; the stack only for a bug of ours. */
export function reportError(error: unknown, terminal: Terminal, about?: string): ExitCode {
  terminal.status("");
  if (!isQErr(error)) {
    terminal.err(`qvault: error: this is a bug in qvault, please report it: ${bugText(error)}`);
    return EXIT.USAGE;
  }
  terminal.err(`qvault: error: ${describe(error, about)}`);
  if (error.hint) terminal.err(`qvault: hint: ${printable(error.hint)}`);
  return EXIT_OF_CLASS[error.errorClass];
}

/** `FILE: message (CODE at byte 12)`, without control characters. */
function describe(error: QErr, file: string | undefined): string {
  // Presigned addresses and passwords in them are for nobody's log.
  const about = file !== undefined && isAddress(file) && URL.canParse(file) ? withoutSecrets(file) : file;
  const named = about !== undefined && !error.message.includes(about);
  const place = error.offset === undefined ? error.code : `${error.code} at byte ${error.offset}`;
  return printable(`${named ? `${about}: ` : ""}${error.message} (${place})`);
}

/** Kind of error and where, without its message: the engine's own messages quote what they choked on. */
function bugText(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const frames = (error.stack ?? "").split("\n").filter((line) => /^ {4}at /.test(line));
  return [error.name, ...frames].join("\n");
}
