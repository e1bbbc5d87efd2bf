import { createHash } from "node:crypto";
import { equalBytes } from "../bytes/concat.ts";
import { needs, QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import type { PlainPart } from "./manifest.ts";
import { DIGEST_BYTES, LEAF_BYTES } from "./tree.ts";

/** A part whose bytes have digests. */
export type DigestedPart = Pick<PlainPart, "name" | "offset" | "length" | "leaves">;

/**
 * A source that gives only bytes that were checked: each read fetches the leaves that hold it, compares their SHA-256
 * with the authenticated manifest, and keeps the last `keep`. Bytes outside the parts cannot be read.
 * @throws `SEAL_DAMAGED` naming the part and the leaf's place in the file
 */
export function checkedSource(inner: ByteSource, parts: readonly DigestedPart[], keep = 1): ByteSource {
  /** By their place, the one that was asked for last at the end. */
  const kept = new Map<number, Uint8Array>();

  async function leafAt(
    part: DigestedPart,
    leaf: number,
  ): Promise<{ readonly start: number; readonly bytes: Uint8Array }> {
    const start = part.offset + leaf * LEAF_BYTES;
    let bytes = kept.get(start);
    if (bytes === undefined) {
      bytes = await inner.read(start, Math.min(LEAF_BYTES, part.offset + part.length - start));
      checkLeaf(part, leaf, bytes);
    }
    kept.delete(start);
    kept.set(start, bytes);
    for (const oldest of kept.keys()) if (kept.size > keep) kept.delete(oldest);
    return { start, bytes };
  }

  async function readInto(offset: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.byteLength; ) {
      const at = offset + done;
      const part = parts.find((p) => at >= p.offset && at < p.offset + p.length);
      needs(part !== undefined, "SOURCE_RANGE", () => `byte ${at} of ${inner.name} is in no part that has digests`);
      const { start, bytes } = await leafAt(part, Math.floor((at - part.offset) / LEAF_BYTES));
      const piece = bytes.subarray(at - start, at - start + target.byteLength - done);
      target.set(piece, done);
      done += piece.byteLength;
    }
  }

  return {
    size: inner.size,
    name: inner.name,
    async read(offset, length) {
      const target = new Uint8Array(length);
      await readInto(offset, target);
      return target;
    },
    readInto,
    close: () => inner.close(),
  };
}

type PartLeaves = Pick<PlainPart, "name" | "offset" | "leaves">;

/** Compares one leaf with the manifest. Throws `SEAL_DAMAGED`. */
export function checkLeaf(part: PartLeaves, leaf: number, bytes: Uint8Array): void {
  const damage = leafDamage(part, leaf, bytes);
  if (damage) throw damage;
}

/** What is wrong with a leaf, if it is not the one in the manifest. */
export function leafDamage(part: PartLeaves, leaf: number, bytes: Uint8Array): QErr | undefined {
  const hash = createHash("sha256").update(Uint8Array.of(0)).update(bytes).digest();
  if (equalBytes(hash, part.leaves.subarray(leaf * DIGEST_BYTES, (leaf + 1) * DIGEST_BYTES))) return undefined;
  const message = `${part.name} is not what was sealed: a byte within one MiB of it was changed`;
  const [offset, length] = [part.offset + leaf * LEAF_BYTES, bytes.byteLength];
  return new QErr("SEAL_DAMAGED", message, { part: part.name, offset, length });
}
