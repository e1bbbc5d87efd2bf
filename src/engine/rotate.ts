import { createHash } from "node:crypto";
import { isQErr, needs, type QErr } from "../errors.ts";
import type { KeyRef } from "../keys/keystore.ts";
import type { FindKey } from "../seal/authenticate.ts";
import { fileSource } from "../source/file.ts";
import type { ByteSource } from "../source/source.ts";
import { markOf, stateOf } from "./file-state.ts";
import type { RotateOne } from "./rotate-crew.ts";
import { type FilePlan, planFile, planRegion, type RotateOptions, rotateFile } from "./rotate-file.ts";
import { openJournal } from "./rotate-journal.ts";
import { readSealHead } from "./seal-head.ts";

export interface BatchOptions extends RotateOptions {
  /** Where progress is recorded, so that an interrupted run goes on where it stopped. */
  readonly journal?: string | undefined;
  /** Files at a time; 1 if left out. In one thread, tokens and disks gain by more. */
  readonly jobs?: number | undefined;
  /** Rotates one file: that of a `RotateCrew` of as many threads as jobs, which gains cores too; else `rotateFile`. */
  readonly rotate?: RotateOne | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onFile?: ((result: FileResult) => void) | undefined;
}

export interface FileResult {
  readonly file: string;
  /** `unsealed`: a file of Qlik with nothing sealed, as lies among others in a folder. */
  readonly state: "done" | "unchanged" | "unsealed" | "skipped" | "failed";
  readonly plan?: FilePlan | undefined;
  readonly error?: QErr | undefined;
}

/** Names a job by what it does, so that a journal tells an interrupted run from another one. */
function jobId(options: RotateOptions): string {
  const { from, to, add, rekey, reseal } = options;
  const words = JSON.stringify([
    from ?? null,
    to.map((r) => r.spkiS256),
    add ?? false,
    rekey ?? false,
    reseal ?? false,
  ]);
  return createHash("sha256").update(words).digest("hex").slice(0, 16);
}

/**
 * Plans all files without a key; a file that cannot be planned is a failure of that file.
 * @throws `SEAL_ABSENT` if none of them is sealed: done without a file would look like done
 */
export async function planBatch(files: readonly string[], options: RotateOptions): Promise<readonly FileResult[]> {
  const results: FileResult[] = [];
  for (const file of files) {
    try {
      const plan = await planFile(file, options);
      results.push({ file, state: plan.action === "none" ? "unchanged" : "done", plan });
    } catch (error) {
      results.push(failure(file, error));
    }
  }
  const [first] = files;
  const what = files.length === 1 ? `${first} is not sealed` : `none of the ${files.length} files is sealed`;
  needs(results.length === 0 || results.some((r) => r.state !== "unsealed"), "SEAL_ABSENT", what);
  return results;
}

/**
 * Rotates files, each on its own: one that fails leaves its original as it was and does not stop the others. Stops at
 * the first error that would meet every file (a locked PIN, a token that is gone).
 */
export async function rotateBatch(
  files: readonly string[],
  find: FindKey,
  options: BatchOptions,
): Promise<readonly FileResult[]> {
  const journal = options.journal ? await openJournal(options.journal, jobId(options)) : undefined;
  const results: FileResult[] = [];
  const queue = files.entries();
  let fatal: QErr | undefined;
  let stopped = false;

  async function worker(): Promise<void> {
    for (const [i, file] of queue) {
      if (fatal || stopped || options.signal?.aborted) return;
      const skips = await wasDone(file, journal?.done.get(file), options);
      const result = skips ? { file, state: "skipped" as const } : await one(file, find, options);
      results[i] = result;
      options.onFile?.(result);
      if (result.state !== "skipped") {
        const { state, plan, error } = result;
        const is = error ? undefined : markOf(await stateOf(file));
        await journal?.write({ state, file, is, fileId: plan?.fileId, action: plan?.action, code: error?.code });
      }
      if (result.error && meetsAll(result.error)) fatal = result.error;
    }
  }

  try {
    const workers = Array.from({ length: Math.max(1, options.jobs ?? 1) }, () =>
      worker().catch((error: unknown) => {
        stopped = true;
        throw error;
      }),
    );
    // A file that is being rotated is brought to its end, whatever stops the others.
    const ended = await Promise.allSettled(workers);
    for (const worker of ended) if (worker.status === "rejected") throw worker.reason;
    if (!fatal && !options.signal?.aborted && results.every((r) => r.state !== "failed"))
      await journal?.write({ state: "end" });
  } finally {
    await journal?.close();
  }
  if (fatal) throw fatal;
  return results.filter((r) => r !== undefined);
}

/**
 * True if the file is the one that an unfinished run was done with: in another folder, or after a reload, its name may
 * show one that still has the old keys, which must not be passed over as done.
 */
async function wasDone(file: string, is: string | undefined, options: BatchOptions): Promise<boolean> {
  if (is === undefined || is === "" || is !== markOf(await stateOf(file))) return false;
  try {
    const { slots } = await planFile(file, options);
    return slots.every(({ added, removed }) => added.length + removed.length === 0);
  } catch (error) {
    if (isQErr(error)) return false;
    throw error;
  }
}

async function one(file: string, find: FindKey, options: BatchOptions): Promise<FileResult> {
  try {
    const plan = await (options.rotate ?? rotateFile)(file, find, options);
    return { file, state: plan.action === "none" ? "unchanged" : "done", plan };
  } catch (error) {
    return failure(file, error);
  }
}

function failure(file: string, error: unknown): FileResult {
  if (!isQErr(error)) throw error;
  if (error.code === "SEAL_ABSENT") return { file, state: "unsealed" };
  return { file, state: "failed", error };
}

/** Errors of the key store itself: the next file would only meet them again, and a PIN must not be tried twice. */
function meetsAll(error: QErr): boolean {
  return /^KEY_(PIN_|TOKEN_|MODULE_|PROVIDER_|DEVICE_|ACCESS_)/.test(error.code);
}

/** A file and the slots of it that name a certificate; from public data alone. */
export interface KeyUse {
  readonly file: string;
  readonly slots: readonly string[];
  /** Slots that nobody else can open. */
  readonly only: readonly string[];
}

/** Which slots of a file still name a certificate or key; the head of its seal is read and no more. Errors as `readSealHead`. */
export async function keyUse(file: string, ref: KeyRef): Promise<KeyUse> {
  const source = await fileSource(file);
  try {
    return await keyUseOf(source, ref);
  } finally {
    await source.close();
  }
}

/** As {@link keyUse}, of a source that is open and stays so. */
export async function keyUseOf(source: ByteSource, ref: KeyRef): Promise<KeyUse> {
  const plan = planRegion(source.name, await readSealHead(source), { from: ref, to: [], add: true });
  return {
    file: source.name,
    slots: plan.slots.map((s) => s.name),
    only: plan.slots.filter((s) => s.left === 1).map((s) => s.name),
  };
}
