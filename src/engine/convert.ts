import { needs } from "../errors.ts";
import { fileSink } from "../source/file-sink.ts";
import type { ByteSink } from "../source/sink.ts";

export interface OutputTarget {
  /** A path, or `-` for `stdout`. */
  readonly path: string;
  readonly force: boolean;
  readonly stdout: (bytes: Uint8Array) => Promise<void>;
  /** As in `FileSinkOptions`: of `guardInPlace`, where the output may be what was read. */
  readonly beforeReplace?: (() => Promise<void>) | undefined;
  /** Where work does not look itself: asked at each write, and before the output takes its name. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Opens `target`, does `work`, and commits; if anything throws, nothing is left under the target's name. Standard output
 * cannot be taken back: there the exit code alone says that the data are not whole.
 * @throws `SINK_EXISTS`, `SINK_WRITE`, `CANCELLED`, and what `work` throws
 */
export async function withOutput<T>(target: OutputTarget, work: (sink: ByteSink) => Promise<T>): Promise<T> {
  const { path, force, stdout, beforeReplace, signal } = target;
  const sink = path === "-" ? streamSink(stdout) : await fileSink(path, { force, beforeReplace });
  const goesOn = () => needs(signal?.aborted !== true, "CANCELLED", `${path} was not written: interrupted`);
  const write = async (bytes: Uint8Array): Promise<void> => {
    goesOn();
    await sink.write(bytes);
  };
  try {
    const result = await work({ ...sink, write });
    goesOn();
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
