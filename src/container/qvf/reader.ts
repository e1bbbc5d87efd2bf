import { needs, QErr } from "../../errors.ts";
import { MAX_QVF_DEPTH, MAX_QVF_DIRECTORY_BYTES, MAX_QVF_ENTRIES, MAX_QVF_STREAM_BYTES } from "../../limits.ts";
import type { ByteSource } from "../../source/source.ts";
import { type Claims, sectorClaims } from "./claims.ts";
import { checkWholeSectors } from "./conversion.ts";
import { type DirectoryEntry, parseDirectory } from "./directory.ts";
import { parseHeader, SECTOR } from "./header.ts";
import { type Inode, readExtents, readInode } from "./inode.ts";

/** One stream or subdirectory of a QVF, by its path, e.g. `qvapp_appscript`, `data/field_0`, `media/logo.png`. */
export interface QvfEntry extends DirectoryEntry {
  readonly path: string;
}

/**
 * An open QVF container: its directory is read, its streams are not. A stream's inode is read, and its extents are
 * claimed, when the stream is first asked for; {@link QvfContainer.claimAll} does that for all of them.
 */
export interface QvfContainer {
  readonly source: ByteSource;
  /** Entries in directory order, a subdirectory before its content. */
  readonly entries: readonly QvfEntry[];
  entry(path: string): QvfEntry | undefined;
  /** Size in bytes of a stream; stale bytes after its logical end are counted in, as the container cannot tell them. */
  size(path: string): Promise<number>;
  /**
   * All bytes of a stream, stale ones included.
   * @throws `QVF_NO_ENTRY` if there is no such stream, `QVF_INODE` and `QVF_EXTENT` if its place in the file is wrong.
   */
  read(path: string): Promise<Uint8Array>;
  /** `length` bytes of a stream from `from`, or fewer if it ends before. */
  readRange(path: string, from: number, length: number): Promise<Uint8Array>;
  /** Where a stream lies, for damage reports. */
  inode(path: string): Promise<Inode>;
  /** Reads every inode, so that a sector used twice anywhere in the file is found. */
  claimAll(): Promise<void>;
  close(): Promise<void>;
}

/** What is read of a file at the most; see `limits.ts` for the reasons. */
export interface QvfLimits {
  readonly depth: number;
  readonly entries: number;
  readonly directoryBytes: number;
  readonly streamBytes: number;
}

export const QVF_LIMITS: QvfLimits = {
  depth: MAX_QVF_DEPTH,
  entries: MAX_QVF_ENTRIES,
  directoryBytes: MAX_QVF_DIRECTORY_BYTES,
  streamBytes: MAX_QVF_STREAM_BYTES,
};

/**
 * Opens a QVF: reads the header, and the inode and data of each directory, nothing else.
 * @throws `QVF_CONVERTED` if a text conversion (git) took bytes out of the file, `QVF_HEADER`, `QVF_INODE`,
 *   `QVF_EXTENT`, `QVF_DIRECTORY` if the structure is broken, `LIMIT_EXCEEDED` if it claims too much.
 */
export async function openQvf(source: ByteSource, limits: Partial<QvfLimits> = {}): Promise<QvfContainer> {
  const allowed: QvfLimits = { ...QVF_LIMITS, ...limits };
  needs(source.size >= 2 * SECTOR, "QVF_HEADER", "the file is too short for a QVF", { part: "header", offset: 0 });
  const { root } = parseHeader(await source.read(0, SECTOR));
  await checkWholeSectors(source);
  const claims = sectorClaims(source.size);
  claims.take(0, SECTOR, "header");
  claims.take(root, SECTOR, "/");
  const entries: QvfEntry[] = [];
  await readDirectory(source, claims, root, "", 1, entries, allowed);
  return container(source, claims, entries, allowed.streamBytes);
}

async function readDirectory(
  source: ByteSource,
  claims: Claims,
  offset: number,
  path: string,
  depth: number,
  entries: QvfEntry[],
  limits: QvfLimits,
): Promise<void> {
  needs(depth <= limits.depth, "QVF_DIRECTORY", "directories are nested too deep", { part: path, offset });
  const inode = await readInode(source, offset, claims, path === "" ? "/" : path);
  if (inode.size > limits.directoryBytes) {
    throw new QErr("LIMIT_EXCEEDED", `directory of ${inode.size} bytes, at most ${limits.directoryBytes} are read`, {
      part: path,
      offset,
    });
  }
  const data = await readExtents(source, inode, 0, inode.size);
  for (const entry of parseDirectory(data, path)) {
    const full = path === "" ? entry.name : `${path}/${entry.name}`;
    needs(entries.length < limits.entries, "LIMIT_EXCEEDED", `more than ${limits.entries} entries`, { part: path });
    claims.take(entry.inode, SECTOR, full);
    entries.push({ ...entry, path: full });
    if (entry.isDirectory) await readDirectory(source, claims, entry.inode, full, depth + 1, entries, limits);
  }
}

function container(
  source: ByteSource,
  claims: Claims,
  entries: readonly QvfEntry[],
  streamBytes: number,
): QvfContainer {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const inodes = new Map<string, Promise<Inode>>();

  function inode(path: string): Promise<Inode> {
    const known = inodes.get(path);
    if (known !== undefined) return known;
    const entry = byPath.get(path);
    if (entry === undefined || entry.isDirectory) {
      return Promise.reject(new QErr("QVF_NO_ENTRY", `there is no stream ${JSON.stringify(path)}`, { part: path }));
    }
    const reading = readInode(source, entry.inode, claims, path);
    inodes.set(path, reading);
    return reading;
  }

  async function readRange(path: string, from: number, length: number): Promise<Uint8Array> {
    const node = await inode(path);
    const end = Math.max(from, Math.min(node.size, from + length));
    if (end - from > streamBytes) {
      throw new QErr("LIMIT_EXCEEDED", `${path} has ${end - from} bytes, at most ${streamBytes} are read`, {
        part: path,
        offset: node.offset,
      });
    }
    return readExtents(source, node, from, end - from);
  }

  return {
    source,
    entries,
    inode,
    readRange,
    entry: (path) => byPath.get(path),
    size: async (path) => (await inode(path)).size,
    read: (path) => readRange(path, 0, Number.MAX_SAFE_INTEGER),
    async claimAll() {
      for (const entry of entries) if (!entry.isDirectory) await inode(entry.path);
    },
    close: () => source.close(),
  };
}
