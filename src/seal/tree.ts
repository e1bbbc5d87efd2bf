import { createCipheriv, createHash, type Hash } from "node:crypto";
import { concat } from "../bytes/concat.ts";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { hkdfExpand } from "./hkdf.ts";

/** Bytes of a leaf: damage is named to the MiB, and any leaf can be checked alone. */
export const LEAF_BYTES = 1024 * 1024;
export const DIGEST_BYTES = 32;
export const LEAF_MAC_BYTES = 16;

/** Leaves of a part: at least one, so that an empty part has a digest too. */
export function leafCount(length: number): number {
  return Math.max(1, Math.ceil(length / LEAF_BYTES));
}

/** Takes a part in pieces and gives one value for each leaf, side by side. */
export interface LeafDigest {
  push(bytes: Uint8Array): void;
  end(): Uint8Array;
}

interface OneLeaf {
  update(bytes: Uint8Array): void;
  finish(): Uint8Array;
}

function leafwise(start: (leaf: number) => OneLeaf): LeafDigest {
  const done: Uint8Array[] = [];
  let leaf = start(0);
  let filled = 0;
  return {
    push(bytes) {
      for (let at = 0; at < bytes.byteLength; ) {
        if (filled === LEAF_BYTES) {
          done.push(leaf.finish());
          leaf = start(done.length);
          filled = 0;
        }
        const piece = bytes.subarray(at, at + LEAF_BYTES - filled);
        leaf.update(piece);
        filled += piece.byteLength;
        at += piece.byteLength;
      }
    },
    end() {
      done.push(leaf.finish());
      return concat(done);
    },
  };
}

/** SHA-256(00 ‖ leaf), as RFC 6962 section 2.1 has it. */
export function hashLeaves(): LeafDigest {
  return leafwise(() => {
    const hash: Hash = createHash("sha256").update(Uint8Array.of(0));
    return { update: (bytes) => void hash.update(bytes), finish: () => new Uint8Array(hash.digest()) };
  });
}

/**
 * The root over leaf hashes: SHA-256(01 ‖ left ‖ right), left being the largest power of two smaller than the count
 * (RFC 6962 section 2.1).
 */
export function treeRoot(leaves: Uint8Array): Uint8Array {
  const count = leaves.byteLength / DIGEST_BYTES;
  if (count === 1) return leaves.slice();
  const left = 2 ** Math.floor(Math.log2(count - 1));
  const cut = left * DIGEST_BYTES;
  const hash = createHash("sha256").update(Uint8Array.of(1));
  hash.update(treeRoot(leaves.subarray(0, cut))).update(treeRoot(leaves.subarray(cut)));
  return new Uint8Array(hash.digest());
}

/**
 * GMAC over each leaf of a sealed part, under a key that every slot has: whoever can open any column can also tell
 * that the bytes of the others are as they were sealed. Nonce: number of the part, then of the leaf, both big-endian,
 * so none is used twice under the key, which belongs to one file.
 */
export function macLeaves(key: Uint8Array, part: number): LeafDigest {
  return leafwise((leaf) => {
    const nonce = new Uint8Array(12);
    const view = new DataView(nonce.buffer);
    view.setUint32(0, part);
    view.setBigUint64(4, BigInt(leaf));
    const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: LEAF_MAC_BYTES });
    return {
      // Pieces of AAD given one after the other are one AAD; there is no plaintext.
      update: (bytes) => void cipher.setAAD(bytes),
      finish() {
        cipher.final();
        return new Uint8Array(cipher.getAuthTag());
      },
    };
  });
}

/** The key of {@link macLeaves}. */
export function leafMacKey(commonKey: Uint8Array, fileId: Uint8Array): Uint8Array {
  return hkdfExpand(commonKey, concat([encodeUtf8("qvault seal/v1 leaf mac\0"), fileId]), 32);
}
