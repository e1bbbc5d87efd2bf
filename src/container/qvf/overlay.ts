import { QErr } from "../../errors.ts";
import type { QvfContainer, QvfEntry } from "./reader.ts";

/** A stream that stands in the place of one in a container, or comes to it. */
export interface OverlayStream {
  readonly entry: QvfEntry;
  /** The whole stream; asked for each time it is read. */
  read(): Promise<Uint8Array>;
}

/**
 * A container with other entries, in this order: those whose path is in `streams` come from there, the rest from
 * `base`. What is not among the entries cannot be read.
 */
export function overlaidContainer(
  base: QvfContainer,
  entries: readonly QvfEntry[],
  streams: ReadonlyMap<string, OverlayStream>,
): QvfContainer {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));

  async function own(path: string): Promise<Uint8Array | undefined> {
    if (!byPath.has(path)) throw new QErr("QVF_NO_ENTRY", `there is no stream ${JSON.stringify(path)}`, { part: path });
    return streams.get(path)?.read();
  }

  return {
    source: base.source,
    entries,
    entry: (path) => byPath.get(path),
    inode: base.inode,
    async size(path) {
      return (await own(path))?.byteLength ?? base.size(path);
    },
    async read(path) {
      return (await own(path)) ?? base.read(path);
    },
    async readRange(path, from, length) {
      const bytes = await own(path);
      return bytes?.subarray(from, from + length) ?? base.readRange(path, from, length);
    },
    claimAll: base.claimAll,
    close: base.close,
  };
}
