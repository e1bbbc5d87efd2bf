import { needs } from "../errors.ts";
import type { AuthenticateOptions, FindKey } from "../seal/authenticate.ts";
import { fileSink } from "../source/file-sink.ts";
import { openQvdTable } from "../table/qvd-table.ts";
import { rewriteQvd } from "../table/qvd-write.ts";
import { openSource, requireQvd } from "./open.ts";
import { isSealed } from "./open-seal-head.ts";
import { openSealedQvd } from "./open-sealed.ts";
import { type LeakFinding, leakFindings } from "./seal-lint.ts";
import type { SealOptions } from "./seal-plan.ts";
import { sealQvd } from "./seal-qvd.ts";

export interface OutputFile {
  readonly path: string;
  readonly force?: boolean | undefined;
}

/** Seals fields of a QVD into a new file. Gives what the plain rest gives away. */
export async function sealFile(
  input: string,
  output: OutputFile,
  options: SealOptions,
): Promise<readonly LeakFinding[]> {
  const source = await openSource(input);
  try {
    await requireQvd(source);
    const table = await openQvdTable(source);
    needs(!(await isSealed(source, table.header)), "USAGE", `${input} is sealed already`, {
      hint: "decrypt it first, or use rotate",
    });
    const sink = await fileSink(output.path, { force: output.force ?? false });
    try {
      await sealQvd(table, sink, options);
      await sink.commit();
    } catch (error) {
      await sink.abort();
      throw error;
    }
    return await leakFindings(table, options);
  } finally {
    await source.close();
  }
}

/** What opening a file to another left behind. */
export interface DecryptReport {
  /** True if the output is, bit for bit, the file that was sealed. */
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
  const table = await openSealedQvd(await openSource(input), find, options);
  try {
    const sink = await fileSink(output.path, { force: output.force ?? false });
    try {
      await rewriteQvd(sink, table, { signal: options.signal, onProgress: options.onProgress });
      await sink.commit();
    } catch (error) {
      await sink.abort();
      throw error;
    }
    const { exact, stillSealed } = table;
    return { exact, stillSealed };
  } finally {
    await table.close();
  }
}
