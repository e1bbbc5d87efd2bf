import type { ByteSource } from "../source/source.ts";
import { type Verification, type VerifyOptions, verifyQvd } from "../table/qvd-verify.ts";
import { requireQvd } from "./open.ts";

export type { Finding, Verification } from "../table/qvd-verify.ts";

/**
 * Checks the structure of a container. Damage is a finding, not an error.
 * @throws `SOURCE_…`, `CONTAINER_UNKNOWN`, `CANCELLED`
 */
export async function verify(source: ByteSource, options: VerifyOptions = {}): Promise<Verification> {
  await requireQvd(source);
  return verifyQvd(source, options);
}
