import { inflateFrame, parseFrame } from "../container/qvf/frame.ts";
import { SEAL_MEMBER } from "../container/qvf/parts.ts";
import { openQvf, type QvfContainer } from "../container/qvf/reader.ts";
import { findSealMember } from "../container/qvf/seal-member.ts";
import { isQErr, needs, QErr } from "../errors.ts";
import { checkTiling } from "../seal/check-parts.ts";
import { type RegionHead, readRegionHead } from "../seal/region.ts";
import type { ByteSource } from "../source/source.ts";
import { PROPERTIES_PATH, stripped } from "./app-view.ts";
import { inflateNode } from "./inflate.ts";
import { SEAL_MARK } from "./seal-header.ts";

const HEADER_PATH = "qvapp_header";

/** True if the app has a seal where one belongs. Reads its header, root directory and one inode. */
export async function sealsApp(source: ByteSource): Promise<boolean> {
  return (await findSealMember(source)) !== undefined;
}

/**
 * Reads what can be known of a sealed app without a key, and checks that its parts fill the file.
 * @throws `SEAL_ABSENT` if it is an app and not sealed; `SEAL_STRIPPED` if it says it is, and its seal is gone;
 *   `SEAL_TRUNCATED`, `SEAL_DAMAGED`, `SEAL_VERSION`, `LIMIT_EXCEEDED`, and what opening a container throws
 */
export async function readSealedAppHead(source: ByteSource): Promise<RegionHead> {
  const place = await findSealMember(source);
  if (place === undefined) {
    const container = await openQvf(source);
    // Every app has one: without it this is no root directory, and says nothing about a seal.
    needs(container.entry(HEADER_PATH) !== undefined, "QVF_DIRECTORY", `the root directory names no ${HEADER_PATH}`, {
      part: "directory /",
      hint: "the file is damaged; fetch it again or restore it",
    });
    await requireUnmarked(container);
    throw new QErr("SEAL_ABSENT", `${source.name} is not sealed`, { hint: "open it without a key" });
  }
  const { offset, length, fileLength } = place;
  needs(
    source.size >= fileLength,
    "SEAL_TRUNCATED",
    `the file ends at byte ${source.size}; with its seal it has ${fileLength} or more`,
    { part: SEAL_MEMBER, offset: source.size, hint: "fetch the file again: its end is missing" },
  );
  const region = await readRegionHead(source, offset, length);
  needs(region.manifest.container === "qvf", "SEAL_DAMAGED", "the seal region belongs to another kind of file", {
    part: SEAL_MEMBER,
    offset,
  });
  checkTiling(region, source.size);
  return region;
}

/**
 * Makes sure that nothing in an app without a (sound) seal says that it has one.
 * @throws `SEAL_STRIPPED`, `SEAL_DAMAGED`
 */
export async function requireUnmarked(container: QvfContainer): Promise<void> {
  needs(container.entry(SEAL_MEMBER) === undefined, "SEAL_DAMAGED", "the seal of the app is not as it was written", {
    part: SEAL_MEMBER,
    hint: "the app was written again by a program that does not know the seal; restore the sealed original",
  });
  for (const path of [HEADER_PATH, PROPERTIES_PATH]) {
    if (container.entry(path) === undefined) continue;
    const bytes = await contentOf(container, path);
    if (!Buffer.from(bytes).includes(SEAL_MARK)) continue;
    throw stripped(path);
  }
}

/** What is damaged here is damaged without a seal as well, and whoever needs it will say so. */
async function contentOf(container: QvfContainer, path: string): Promise<Uint8Array> {
  try {
    const bytes = await container.read(path);
    return path === PROPERTIES_PATH ? await inflateFrame(parseFrame(bytes, path), inflateNode) : bytes;
  } catch (error) {
    if (isQErr(error) && error.errorClass === "damaged") return new Uint8Array(0);
    throw error;
  }
}
