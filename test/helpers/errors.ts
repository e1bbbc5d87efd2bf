import { expect } from "vitest";
import { type ErrorCode, isQErr, type QErr } from "../../src/errors.ts";

/** Runs `work`, which must fail with a QErr of that code, and returns the error. */
export async function failure(code: ErrorCode, work: () => unknown): Promise<QErr> {
  let caught: unknown;
  try {
    await work();
  } catch (error) {
    caught = error;
  }
  if (caught === undefined) throw new Error(`${code} was expected, but nothing failed`);
  if (!isQErr(caught)) throw caught;
  expect(`${caught.code}: ${caught.message}`).toMatch(new RegExp(`^${code}: `));
  return caught;
}
