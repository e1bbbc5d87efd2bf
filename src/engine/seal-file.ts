import { needs } from "../errors.ts";
import type { AuthenticateOptions, FindKey } from "../seal/authenticate.ts";
import { type FileSink, type FileSinkOptions, fileSink } from "../source/file-sink.ts";
import type { ByteSource } from "../source/source.ts";
import { openQvdTable } from "../table/qvd-table.ts";
import { rewriteQvd } from "../table/qvd-write.ts";
import { appParts, writeApp } from "./app-write.ts";
import { guardInPlace } from "./file-state.ts";
import { containerOf, openSource } from "./open.ts";
import { isSealed } from "./open-seal-head.ts";
import { openSealedQvd } from "./open-sealed.ts";
import { openSealedApp } from "./open-sealed-app.ts";
import { openQvfApp } from "./qvf-app.ts";
import { type LeakFinding, leakFindings } from "./seal-lint.ts";
import type { SealOptions } from "./seal-plan.ts";
import { sealQvd } from "./seal-qvd.ts";
import { sealApp } from "./seal-qvf.ts";
import { appLeakFindings } from "./seal-qvf-lint.ts";

export interface OutputFile {
  readonly path: string;
  readonly force?: boolean | undefined;
}

type OutputTarget = OutputFile & Pick<FileSinkOptions, "beforeReplace">;

/** Seals parts of a QVD or QVF into a new file. Gives what the plain rest gives away. */
export async function sealFile(
  input: string,
  output: OutputFile,
  options: SealOptions,
): Promise<readonly LeakFinding[]> {
  const target = { ...output, beforeReplace: await guardInPlace(input, output.path) };
  const source = await openSource(input);
  try {
    if ((await containerOf(source)) === "qvf") return await sealAppFile(source, target, options);
    const table = await openQvdTable(source);
    needs(!(await isSealed(source, table.header)), "USAGE", `${input} is sealed already`, {
      hint: "decrypt it first, or use rotate",
    });
    await written(target, (sink) => sealQvd(table, sink, options));
    return await leakFindings(table, options);
  } finally {
    await source.close();
  }
}

async function sealAppFile(
  source: ByteSource,
  output: OutputTarget,
  options: SealOptions,
): Promise<readonly LeakFinding[]> {
  const app = await openQvfApp(source);
  needs(app.seal === undefined, "USAGE", `${source.name} is sealed already`, {
    hint: "decrypt it first, or use rotate",
  });
  await written(output, (sink) => sealApp(app, sink, options));
  return appLeakFindings(app, options);
}

async function written(output: OutputTarget, work: (sink: FileSink) => Promise<void>): Promise<void> {
  const { path, force, beforeReplace } = output;
  const sink = await fileSink(path, { force: force ?? false, beforeReplace });
  try {
    await work(sink);
    await sink.commit();
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

/** What opening a file to another left behind. */
export interface DecryptReport {
  /** True if the output is, bit for bit, the file that was sealed; of an app, every stream of it. */
  readonly exact: boolean;
  readonly stillSealed: readonly string[];
}

/** Writes the file that the given keys show. */
export async function decryptFile(
  input: string,
  output: OutputFile,
  find: FindKey,
  options: AuthenticateOptions & Pick<SealOptions, "signal" | "onProgress"> = {},
): Promise<DecryptReport> {
  const target = { ...output, beforeReplace: await guardInPlace(input, output.path) };
  const source = await openSource(input);
  if ((await containerOf(source)) === "qvf") return decryptApp(source, target, find, options);
  const table = await openSealedQvd(source, find, options);
  try {
    await written(target, (sink) =>
      rewriteQvd(sink, table, { signal: options.signal, onProgress: options.onProgress }),
    );
    const { exact, stillSealed } = table;
    return { exact, stillSealed };
  } finally {
    await table.close();
  }
}

/** The streams are those that were sealed; where they lie in the file is this writer's choice. */
async function decryptApp(
  source: ByteSource,
  output: OutputTarget,
  find: FindKey,
  options: AuthenticateOptions,
): Promise<DecryptReport> {
  const app = await openSealedApp(source, find, options);
  try {
    await written(output, async (sink) => writeApp(sink, await appParts(app)));
    const { exact, stillSealed } = app.seal!;
    return { exact, stillSealed };
  } finally {
    await app.close();
  }
}
