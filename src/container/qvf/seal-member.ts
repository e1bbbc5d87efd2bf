import { equalBytes } from "../../bytes/concat.ts";
import { cursor, readU64 } from "../../bytes/cursor.ts";
import { isQErr } from "../../errors.ts";
import { MAX_QVF_DIRECTORY_BYTES } from "../../limits.ts";
import type { ByteSource } from "../../source/source.ts";
import { parseDirectory } from "./directory.ts";
import { parseHeader, SECTOR } from "./header.ts";
import { encodeInode } from "./inode.ts";
import { SEAL_MEMBER } from "./parts.ts";
import { FILE_STEP } from "./writer.ts";

/** Where the seal region of an app lies. */
export interface SealPlace {
  readonly offset: number;
  readonly length: number;
  /** Bytes that the file must have; where the inode itself is missing, the least there can be. */
  readonly fileLength: number;
}

/**
 * Finds the seal of an app from the header, the root directory and one inode, in files cut off behind these as well:
 * so that a file that was cut is told from one that was changed.
 * @returns undefined if there is none, or not in the form that a sealing writer gives a file
 */
export async function findSealMember(source: ByteSource): Promise<SealPlace | undefined> {
  try {
    const { root } = parseHeader(await source.read(0, SECTOR));
    const directory = await oneExtent(source, root, true);
    if (directory === undefined || directory.size > MAX_QVF_DIRECTORY_BYTES) return undefined;
    const entries = parseDirectory(await source.read(directory.offset, directory.size), "");
    const entry = entries.find(({ name, isDirectory }) => name === SEAL_MEMBER && !isDirectory);
    if (entry === undefined || entry.inode % SECTOR !== 0) return undefined;
    const isCut = entry.inode > source.size - SECTOR;
    if (isCut) return { offset: entry.inode + SECTOR, length: 0, fileLength: entry.inode + 2 * SECTOR };
    const extent = await oneExtent(source, entry.inode, false);
    if (extent === undefined) return undefined;
    const end = extent.offset + extent.allocated;
    return { offset: extent.offset, length: extent.size, fileLength: Math.ceil(end / FILE_STEP) * FILE_STEP };
  } catch (error) {
    // Too short a file is one without a seal; a disk that fails is another matter.
    if (isQErr(error) && (error.errorClass === "damaged" || error.code === "SOURCE_RANGE")) return undefined;
    throw error;
  }
}

/** The one extent behind an inode, if the inode is bit for bit what a writer makes for a stream in one piece. */
async function oneExtent(
  source: ByteSource,
  inode: number,
  isRoot: boolean,
): Promise<{ readonly offset: number; readonly size: number; readonly allocated: number } | undefined> {
  const sector = await source.read(inode, SECTOR);
  const c = cursor(sector, "inode");
  const size = readU64(c);
  const allocated = readU64(c);
  const extent = { offset: inode + SECTOR, length: allocated };
  if (size > allocated) return undefined;
  const expected = encodeInode(inode, size, extent, isRoot);
  return equalBytes(sector, expected) ? { offset: extent.offset, size, allocated } : undefined;
}
