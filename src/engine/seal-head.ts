import { sniff } from "../container/sniff.ts";
import type { RegionHead } from "../seal/region.ts";
import type { ByteSource } from "../source/source.ts";
import { readSealedHead } from "./open-seal-head.ts";
import { readSealedAppHead } from "./seal-qvf-head.ts";

/**
 * What can be known of a sealed file without a key, whatever its container.
 * @throws what `readSealedHead` and `readSealedAppHead` throw, `CONTAINER_UNKNOWN`
 */
export async function readSealHead(source: ByteSource): Promise<RegionHead> {
  if ((await sniff(source)) === "qvf") return readSealedAppHead(source);
  return (await readSealedHead(source)).region;
}
