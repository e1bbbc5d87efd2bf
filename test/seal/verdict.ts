import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr } from "../../src/errors.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import { memorySource } from "../../src/source/memory.ts";

/** What verifying says: `ok`, the codes of damage found, or the code of an error. */
export async function verdict(
  bytes: Uint8Array,
  find: FindKey,
  options: Parameters<typeof verifySealed>[2] = {},
): Promise<string> {
  try {
    const { findings } = await verifySealed(memorySource(bytes), find, options);
    return findings.length === 0 ? "ok" : findings.map((f) => f.code).join(" ");
  } catch (error) {
    if (isQErr(error)) return error.code;
    throw error;
  }
}
