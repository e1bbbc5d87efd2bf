import { needs, QErr } from "../../errors.ts";
import { MAX_QVF_DEPTH, MAX_QVF_ENTRIES } from "../../limits.ts";
import type { ByteSink } from "../../source/sink.ts";
import { type DirectoryEntry, encodeDirectory } from "./directory.ts";
import { encodeHeader, SECTOR } from "./header.ts";
import { type Extent, encodeInode } from "./inode.ts";
import type { QvfPart } from "./parts.ts";

/** Files of Qlik are a multiple of this long (138 of 151). */
export const FILE_STEP = 16 * 1024;
const ROOT = SECTOR;

/** Where a part goes: its inode, and the one extent of its data. */
interface Place {
  readonly part: QvfPart | undefined;
  readonly inode: number;
  readonly size: number;
  readonly extent: Extent | undefined;
}

/** A run of bytes of a container: the header, a directory or stream with its inode before it, or the end. */
export interface ContainerPiece {
  /** `header`, `directory /`, the path of an entry, or `end of the file`. */
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** The sector that comes first, where an inode does. */
  readonly inode: Uint8Array | undefined;
  /** Gives the piece's bytes in order. */
  write(to: (bytes: Uint8Array) => Promise<void>): Promise<void>;
}

/**
 * A container, piece by piece: header, then for the root directory and each part its inode and its data in one extent.
 * Free and slack space is zero, so nothing of an earlier file survives.
 * @throws `QVF_VALUE` if a path comes twice, has no directory, or cannot be an entry
 */
export function containerPieces(parts: readonly QvfPart[]): readonly ContainerPiece[] {
  checkPaths(parts);
  const children = childrenOf(parts);
  const places = plan(parts, children);
  const inodes = new Map(places.map((place) => [place.part?.path ?? "", place.inode]));
  const header = encodeHeader(ROOT);
  const pieces: ContainerPiece[] = [
    { name: "header", offset: 0, length: SECTOR, inode: undefined, write: (to) => to(header) },
  ];
  for (const place of places) {
    const name = place.part?.path ?? "directory /";
    const inode = encodeInode(place.inode, place.size, place.extent, place.part === undefined);
    pieces.push({
      name,
      offset: place.inode,
      length: SECTOR + (place.extent?.length ?? 0),
      inode,
      async write(to) {
        await to(inode);
        if (place.extent === undefined) return;
        const data = await dataOf(place);
        if (data.byteLength !== place.size) {
          throw new QErr("QVF_VALUE", `${name} was said to have ${place.size} bytes, ${data.byteLength} came`, {
            part: name,
          });
        }
        await to(data);
        await to(new Uint8Array(place.extent.length - data.byteLength));
      },
    });
  }
  const last = pieces.at(-1)!;
  const end = last.offset + last.length;
  if (end % FILE_STEP > 0) {
    const zeros = new Uint8Array(FILE_STEP - (end % FILE_STEP));
    const length = zeros.byteLength;
    pieces.push({ name: "end of the file", offset: end, length, inode: undefined, write: (to) => to(zeros) });
  }
  return pieces;

  function dataOf({ part }: Place): Promise<Uint8Array> | Uint8Array {
    if (part !== undefined && !part.isDirectory) return part.read();
    return encodeDirectory(children(part).map((child) => entryOf(child, inodes.get(child.path)!)));
  }
}

/**
 * Writes a container as {@link containerPieces} lays it out. The caller commits or aborts the sink.
 * @throws what `containerPieces` and reading the parts throw
 */
export async function writeContainer(sink: ByteSink, parts: readonly QvfPart[]): Promise<void> {
  for (const piece of containerPieces(parts)) await piece.write((bytes) => sink.write(bytes));
}

function plan(parts: readonly QvfPart[], children: Children): Place[] {
  let at = ROOT;
  return [undefined, ...parts].map((part) => {
    const isDirectory = part === undefined || part.isDirectory;
    // Inode numbers do not change the size of a directory.
    const size = isDirectory ? encodeDirectory(children(part).map((child) => entryOf(child, 0))).byteLength : part.size;
    const inode = at;
    const length = Math.ceil(size / SECTOR) * SECTOR;
    at += SECTOR + length;
    return { part, inode, size, extent: length === 0 ? undefined : { offset: inode + SECTOR, length } };
  });
}

/** What is in a directory, or in the root where none is given. */
type Children = (directory: QvfPart | undefined) => readonly QvfPart[];

/** Sorted out in one pass: an app may have as many directories as entries. */
function childrenOf(parts: readonly QvfPart[]): Children {
  const byParent = new Map<string | undefined, QvfPart[]>();
  for (const part of parts) {
    const parent = parentOf(part.path);
    const siblings = byParent.get(parent);
    if (siblings === undefined) byParent.set(parent, [part]);
    else siblings.push(part);
  }
  return (directory) => byParent.get(directory?.path) ?? [];
}

function parentOf(path: string): string | undefined {
  return path.includes("/") ? path.slice(0, path.lastIndexOf("/")) : undefined;
}

function entryOf(part: QvfPart, inode: number): DirectoryEntry {
  const { isDirectory, time, meta, path } = part;
  return { name: path.slice(path.lastIndexOf("/") + 1), isDirectory, time, inode, meta };
}

function checkPaths(parts: readonly QvfPart[]): void {
  needs(parts.length <= MAX_QVF_ENTRIES, "QVF_VALUE", `${parts.length} entries, at most ${MAX_QVF_ENTRIES} fit`);
  const directories = new Set<string>();
  const seen = new Set<string>();
  for (const { path, isDirectory } of parts) {
    const names = path.split("/");
    const good = names.every((name) => name !== "" && name !== "." && name !== ".." && !name.includes("\0"));
    const place = { part: path };
    needs(good && path.isWellFormed(), "QVF_VALUE", `${JSON.stringify(path)} cannot be the path of a stream`, place);
    needs(names.length < MAX_QVF_DEPTH, "QVF_VALUE", `${path} is nested too deep`, place);
    needs(!seen.has(path), "QVF_VALUE", `${path} comes twice`, place);
    const parent = parentOf(path);
    needs(parent === undefined || directories.has(parent), "QVF_VALUE", `${path} comes before its directory`, place);
    seen.add(path);
    if (isDirectory) directories.add(path);
  }
}
