import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { QErr } from "../errors.ts";
import { goesAtExit, staysAtExit } from "./at-exit.ts";
import { systemCode } from "./file.ts";
import { fileOperations, syncDirectory, writeAll } from "./file-operations.ts";
import { clearLeftovers, temporaryName } from "./temporary.ts";

/** A folder in the making. */
export interface FolderSink {
  /** Where the folder is until `commit`. */
  readonly temporary: string;
  /** Writes a new file; folders in `name`, which goes by `/`, are made. */
  write(name: string, bytes: Uint8Array): Promise<void>;
  /** Makes the folder visible under its name, with all that is in it. To be called once, last. */
  commit(): Promise<void>;
  /** Drops everything; safe to call at any time and more than once. */
  abort(): Promise<void>;
}

/**
 * Writes a folder so that its name shows all of it or nothing: a hidden folder beside it that is renamed at the end. An
 * empty folder of that name is replaced. What a killed run left is removed by the next one.
 * @throws `SINK_EXISTS` if there is something in the folder, `SINK_WRITE` if it cannot be made
 */
export async function folderSink(path: string): Promise<FolderSink> {
  const operations = fileOperations();
  const failed = (cause: unknown): QErr => {
    if (cause instanceof QErr) return cause;
    const code = systemCode(cause);
    if (code === "ENOTEMPTY" || code === "EEXIST") return notEmpty(path);
    const hint = code === "EBUSY" || code === "EXDEV" ? "name a folder that does not exist yet" : undefined;
    return new QErr("SINK_WRITE", `${path} cannot be made (${code})`, { cause, hint });
  };
  const before = await stat(path).catch(() => undefined);
  if (before !== undefined && !before.isDirectory()) throw new QErr("SINK_EXISTS", `${path} is there, and no folder`);
  if (before !== undefined && (await readdir(path)).length > 0) throw notEmpty(path);
  const made = new Set<string>();
  let temporary = "";

  async function makeFolder(folder: string): Promise<void> {
    if (made.has(folder)) return;
    await operations.mkdir(folder);
    made.add(folder);
  }

  async function abort(): Promise<void> {
    if (made.size > 0) await operations.removeAll(temporary).catch(() => {});
    made.clear();
    staysAtExit(temporary);
  }

  const target = await targetOf(path).catch((cause: unknown) => {
    throw failed(cause);
  });
  await clearLeftovers(target);
  temporary = await temporaryName(target);
  goesAtExit(temporary);
  await makeFolder(temporary).catch((cause: unknown) => {
    staysAtExit(temporary);
    throw failed(cause);
  });

  return {
    temporary,
    async write(name, bytes) {
      try {
        const parts = name.split("/");
        for (let i = 1; i < parts.length; i++) await makeFolder(join(temporary, ...parts.slice(0, i)));
        const file = await operations.open(join(temporary, name), "wx", 0o666);
        try {
          await writeAll(file, bytes, null);
          await file.sync();
        } finally {
          await file.close();
        }
      } catch (cause) {
        await abort();
        throw failed(cause);
      }
    },
    async commit() {
      try {
        for (const folder of made) await syncDirectory(folder);
        // Only POSIX renames over an empty folder.
        if (before !== undefined && process.platform === "win32") await operations.rmdir(target);
        await operations.rename(temporary, target);
        made.clear();
        staysAtExit(temporary);
        await syncDirectory(dirname(target));
      } catch (cause) {
        await abort();
        throw failed(cause);
      }
    },
    abort,
  };
}

/** The folder's path without links, its parents made. */
async function targetOf(path: string): Promise<string> {
  const there = await realpath(path).catch(() => undefined);
  if (there !== undefined) return there;
  const parent = dirname(path);
  await makeParents(parent);
  return join(await realpath(parent), basename(path));
}

async function makeParents(folder: string): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined) return;
  await makeParents(dirname(folder));
  await fileOperations().mkdir(folder);
}

function notEmpty(path: string): QErr {
  return new QErr("SINK_EXISTS", `${path} is not empty`, { hint: "choose a new folder" });
}
