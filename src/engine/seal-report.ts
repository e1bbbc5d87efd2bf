import type { RegionHead } from "../seal/region.ts";
import { treeRoot } from "../seal/tree.ts";
import type { ByteSource } from "../source/source.ts";
import { readSealHead } from "./seal-head.ts";
import { STREAM_ITEMS } from "./seal-qvf-meta.ts";

/** What a sealed file says of itself without a key. Names, sizes and thumbprints; nothing of it is proved. */
export interface SealReport {
  readonly fileId: string;
  readonly mode: "open" | "closed";
  readonly createdAt: string;
  readonly writer: string;
  readonly signer: string | undefined;
  readonly slots: readonly {
    readonly name: string;
    readonly epoch: number;
    readonly fields: readonly string[];
    /** Sealed as a whole: the original header of a QVD, streams of an app. */
    readonly streams: readonly string[];
    readonly recipients: readonly {
      readonly alg: string;
      readonly label: string;
      readonly x5t: string | undefined;
      readonly x5tS256: string | undefined;
      readonly spkiS256: string;
    }[];
  }[];
  readonly sealed: readonly {
    readonly name: string;
    readonly mask: string;
    readonly slot: string;
    readonly bytes: number;
  }[];
  readonly plain: readonly { readonly name: string; readonly bytes: number; readonly root: string }[];
  /** Bytes left for more recipients. */
  readonly spareKeyBytes: number;
}

/** Reads the report of a sealed file; errors as {@link readSealHead}. */
export async function inspectSealed(source: ByteSource): Promise<SealReport> {
  return reportOf(await readSealHead(source));
}

export function reportOf(region: RegionHead): SealReport {
  const { manifest, entries } = region;
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
  return {
    fileId: hex(manifest.fileId),
    mode: manifest.mode,
    createdAt: manifest.createdAt,
    writer: manifest.writer,
    signer: manifest.signer ? hex(manifest.signer).toUpperCase() : undefined,
    slots: entries.map((entry) => ({
      name: manifest.slots[entry.slot]!,
      epoch: entry.epoch,
      fields: manifest.items
        .filter((item, i) => item.ordinal < STREAM_ITEMS && entry.deks.has(i))
        .map((item) => item.name),
      streams: manifest.items
        .filter((item, i) => item.ordinal >= STREAM_ITEMS && entry.deks.has(i))
        .map((item) => item.name),
      recipients: entry.recipients.map(({ alg, label, x5t, x5tS256, spkiS256 }) => ({
        alg,
        label,
        x5t,
        x5tS256,
        spkiS256,
      })),
    })),
    sealed: manifest.items.map((item) => ({
      name: item.name,
      mask: item.mask,
      slot: manifest.slots[item.slot]!,
      bytes: item.parts.reduce((n, p) => n + p.length, 0),
    })),
    plain: manifest.plain.map((p) => ({ name: p.name, bytes: p.length, root: hex(treeRoot(p.leaves)) })),
    spareKeyBytes:
      region.keyArea.byteLength - 4 - new DataView(region.keyArea.buffer, region.keyArea.byteOffset).getUint32(0, true),
  };
}
