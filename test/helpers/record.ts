import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

const FOLDER = new URL("../trust/results/", import.meta.url);

/** Notes what a run of a test came to, for the table in SECURITY.md, if QVAULT_RECORD is set. */
export function record(name: string, command: string, figures: Readonly<Record<string, unknown>>): void {
  if (process.env.QVAULT_RECORD === undefined) return;
  mkdirSync(FOLDER, { recursive: true });
  const machine = `${availableParallelism()} cores, ${cpus()[0]?.model.trim() ?? "?"}, Node ${process.version}`;
  const date = new Date().toISOString().slice(0, 10);
  const text = JSON.stringify({ schemaVersion: 1, command, machine, date, ...figures }, null, 2);
  writeFileSync(new URL(`${name}.json`, FOLDER), `${text}\n`);
}

/** The same for a test that may be run in parts, one command (or parser) at a time: each replaces its own figures. */
export function recordPart(
  name: string,
  command: string,
  part: string,
  figures: Readonly<Record<string, unknown>>,
): void {
  if (process.env.QVAULT_RECORD === undefined) return;
  const path = new URL(`${name}.json`, FOLDER);
  const before = existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : {};
  record(name, command, { parts: { ...before.parts, [part]: figures } });
}

/** The command that runs a test file as it runs now: long, or as in the ordinary run. */
export function longCommand(file: string): string {
  return `${process.env.QVAULT_LONG === undefined ? "" : "QVAULT_LONG=1 "}npx vitest run ${file}`;
}
