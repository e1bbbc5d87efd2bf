import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { isAbsolute, join, relative, sep } from "node:path";
import { needs, QErr } from "../errors.ts";
import type { Outcome } from "./context.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { reportError } from "./report.ts";
import { printable, type Terminal } from "./terminal.ts";

/** Files of Qlik, by name. */
const QLIK_FILE = /\.(qvd|qvf)$/i;

/**
 * The names given, with each folder replaced by the files of Qlik in it and below, sorted. A link to a file stands for that
 * file, unless it is among them anyway; links to folders are not followed, since they may lead round in a circle.
 * @param passedOver told of each link that is not followed, and does not lead into a folder that is searched anyway
 * @throws `SOURCE_READ` if a folder cannot be read, `SOURCE_NOT_FOUND` if it holds none
 */
export async function expandFolders(
  names: readonly string[],
  passedOver: (message: string) => void,
): Promise<readonly string[]> {
  const files: string[] = [];
  const folders = new Map<string, string>();
  for (const name of names) {
    const isFolder = (await stat(name).catch(() => undefined))?.isDirectory() ?? false;
    if (isFolder) folders.set(name, await realpath(name));
  }
  const searched = [...folders.values()];
  for (const name of names) {
    if (!folders.has(name)) {
      files.push(name);
      continue;
    }
    const found = await filesBelow(name, searched, passedOver);
    // Done without a file would look like done.
    needs(found.length > 0, "SOURCE_NOT_FOUND", `folder ${name} holds no .qvd or .qvf file`);
    files.push(...found);
  }
  return files;
}

async function filesBelow(
  folder: string,
  searched: readonly string[],
  passedOver: (message: string) => void,
): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw new QErr("SOURCE_READ", `folder ${folder} cannot be read`, { cause });
  });
  const pathOf = (entry: Dirent) => join(entry.parentPath, entry.name);
  const found = entries.filter((e) => e.isFile() && QLIK_FILE.test(e.name)).map(pathOf);
  // A file that is gone by now, or whose name is no UTF-8, is for whoever opens it to report.
  const met = new Set(await Promise.all(found.map((path) => realpath(path).catch(() => path))));
  for (const link of entries
    .filter((e) => e.isSymbolicLink())
    .map(pathOf)
    .sort()) {
    const target = await realpath(link).catch(() => undefined);
    const kind = target === undefined ? undefined : await stat(target).catch(() => undefined);
    if (kind?.isDirectory()) {
      if (!searched.some((root) => isWithin(target!, root)))
        passedOver(`${link} is a link to a folder, which is not followed: name that folder too`);
    } else if (!QLIK_FILE.test(link)) continue;
    else if (target === undefined || !kind?.isFile()) passedOver(`${link} is a link to no file`);
    else if (!met.has(target)) {
      met.add(target);
      found.push(link);
    }
  }
  return found.sort();
}

/** True for a folder itself and all below it; both as `realpath` gives them. */
function isWithin(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return !isAbsolute(way) && way.split(sep)[0] !== "..";
}

/** Prints what was passed over; for {@link expandFolders}. */
export const warnOn = (terminal: Terminal) => (message: string) =>
  terminal.err(printable(`qvault: warning: ${message}`));

/**
 * Does `work` on each file; a failure is reported and the next file follows. One file: the exit code of its failure.
 * Several: 9 if some failed.
 * @param failed called with a file that failed, so that `--ndjson` can say so in its place
 */
export async function forEachFile(
  terminal: Terminal,
  outcome: Outcome,
  names: readonly string[],
  work: (file: string) => Promise<void>,
  failed: (file: string, error: unknown) => Promise<void> = async () => {},
): Promise<void> {
  const files = await expandFolders(names, warnOn(terminal));
  const codes: ExitCode[] = [];
  for (const file of files) {
    try {
      await work(file);
    } catch (error) {
      await failed(file, error);
      const code = reportError(error, terminal, file);
      codes.push(code);
      if (code === EXIT.INTERRUPTED) break;
    }
  }
  const last = codes.at(-1);
  if (last === undefined) return;
  outcome.exitCode = files.length === 1 || last === EXIT.INTERRUPTED ? last : EXIT.SOME_FAILED;
}
