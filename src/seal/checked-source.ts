import { createHash } from "node:crypto";
import { equalBytes } from "../bytes/concat.ts";
import { needs, QErr } from "../errors.ts";
import type { ByteSource } from "../source/source.ts";
import type { PlainPart } from "./manifest.ts";
import { DIGEST_BYTES, LEAF_BYTES } from "./tree.ts";

/**
 * A source that gives only bytes that were checked: each read fetches the leaves that hold it, compares their SHA-256
 * with the authenticated manifest, and keeps the last one. Bytes outside the plain parts cannot be read.
 * @throws `SEAL_DAMAGED` naming the part and the leaf's place in the file
 */
export function checkedSource(inner: ByteSource, plain: readonly PlainPart[]): ByteSource {
  let kept: { readonly start: number; readonly bytes: Uint8Array } | undefined;

  async function leafAt(
    part: PlainPart,
    leaf: number,
  ): Promise<{ readonly start: number; readonly bytes: Uint8Array }> {
    const start = part.offset + leaf * LEAF_BYTES;
    if (kept?.start === start) return kept;
    const length = Math.min(LEAF_BYTES, part.offset + part.length - start);
    const bytes = await inner.read(start, length);
    checkLeaf(part, leaf, bytes);
    kept = { start, bytes };
    return kept;
  }

  async function readInto(offset: number, target: Uint8Array): Promise<void> {
    for (let done = 0; done < target.byteLength; ) {
      const at = offset + done;
      const part = plain.find((p) => at >= p.offset && at < p.offset + p.length);
      needs(part !== undefined, "SOURCE_RANGE", () => `byte ${at} of ${inner.name} is in no plain part`);
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
