import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import type { Manifest } from "../../src/seal/manifest.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { memorySource } from "../../src/source/memory.ts";
import { type Person, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

/** Whom the file below is sealed to, and who may sign it. */
export const hr = person("hr");
export const fin = person("fin");
export const writer = person("writer");

/** A small file with a slot `hr` (for `more` too) and a slot `fin`, one field each. */
export async function twoSlots(signer?: Person, more: readonly Person[] = []): Promise<Uint8Array> {
  const qvd = await plainQvd({ id: [1, 2, 3], name: ["Ann", "Bob", null], pay: [10, 20, 30] });
  return sealBytes(qvd, {
    slots: [
      { name: "hr", recipients: [hr, ...more].map((p) => p.recipient()), fields: ["name"] },
      { name: "fin", recipients: [fin.recipient()], fields: ["pay"] },
    ],
    signer: signer?.handle,
  });
}

export async function headOf(bytes: Uint8Array): Promise<RegionHead> {
  return (await readSealedHead(memorySource(bytes))).region;
}

export function withManifest(head: RegionHead, change: Partial<Manifest>): RegionHead {
  return { ...head, manifest: { ...head.manifest, ...change } };
}

export function flippedAt(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((b, i) => (i === at ? b ^ 1 : b));
}
