import { fileSink } from "../source/file-sink.ts";
import type { ByteSink } from "../source/sink.ts";

export interface OutputTarget {
  /** A path, or `-` for `stdout`. */
  readonly path: string;
  readonly force: boolean;
  readonly stdout: (bytes: Uint8Array) => Promise<void>;
  /** As in `FileSinkOptions`: of `guardInPlace`, where the output may be what was read. */
  readonly beforeReplace?: (() => Promise<void>) | undefined;
}

/**
 * Opens `target`, does `work`, and commits; if anything throws, nothing is left under the target's name. Standard output
 * cannot be taken back: there the exit code alone says that the data are not whole.
 * @throws `SINK_EXISTS`, `SINK_WRITE`, and what `work` throws
 */
export async function withOutput<T>(target: OutputTarget, work: (sink: ByteSink) => Promise<T>): Promise<T> {
  const { path, force, stdout, beforeReplace } = target;
  const sink = path === "-" ? streamSink(stdout) : await fileSink(path, { force, beforeReplace });
  try {
    const result = await work(sink);
    await sink.commit();
    return result;
  } catch (error) {
    await sink.abort();
    throw error;
  }
}

function streamSink(write: (bytes: Uint8Array) => Promise<void>): ByteSink {
  return { write, async commit() {}, async abort() {} };
}
