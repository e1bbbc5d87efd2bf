import { ERROR_CLASS, isQErr } from "../../src/errors.ts";
import type { Random } from "./random.ts";

/** Makes another input of one; `other` is a second one to take pieces from. */
export type Mutator = (data: Uint8Array, random: Random, other: Uint8Array) => Uint8Array | Promise<Uint8Array>;

/** Something that is fed with bytes from strangers. */
export interface Target {
  readonly name: string;
  /** Files below `src` that it is to reach; the coverage is a share of their code. */
  readonly files: readonly string[];
  /** Inputs to begin with, made by the project's own writers and fault lists. */
  seeds(): Promise<readonly Uint8Array[]>;
  /** Mutators that know the format; those for plain bytes are always tried as well. */
  readonly mutators: readonly Mutator[];
  /** Words of the format, put in anywhere. */
  readonly words?: readonly string[];
  /** Inputs are cut to this. */
  readonly maxBytes: number;
  /** Processor time allowed for an input of any length, in ms; 1000 if left out. */
  readonly maxMs?: number;
  /** Feeds it. Whatever it throws but a QErr of a known code is a find. */
  run(data: Uint8Array): void | Promise<void>;
}

/** Thrown by a target whose result is wrong: it was accepted, and should not read so. */
export class Wrong extends Error {
  override readonly name = "Wrong";
}

export function must(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Wrong(what);
}

/** The code of an error that may be: one of the closed list. */
export function refusal(error: unknown): string | undefined {
  return isQErr(error) && error.code in ERROR_CLASS ? error.code : undefined;
}

const SLIPS = [/\bundefined\b/, /\bNaN\b/, /\[object /];

/** How a run ended: `read`, or code and words of the refusal. Anything else is thrown on. */
export async function outcomeOf(target: Target, data: Uint8Array): Promise<string> {
  try {
    await target.run(data);
    return "read";
  } catch (error) {
    const code = refusal(error);
    if (code === undefined) throw error;
    const { message } = error as Error;
    // A message may quote a name of the file; what else looks like a slip is one.
    const slip = SLIPS.map((pattern) => pattern.exec(message)?.[0]).find(
      (word) => word !== undefined && !Buffer.from(data).includes(word),
    );
    must(slip === undefined, `a message with "${slip}": ${message}`);
    return `${code}: ${message.replace(/"[^"]*"|<[^>]*|[^a-z ]+/g, "#").slice(0, 60)}`;
  }
}

/** What tells one find from another: the kind of error, its words without numbers, and where in the source it came from. */
export function findKey(error: unknown): string {
  if (!(error instanceof Error)) return `thrown: ${typeof error}`;
  const frame = /[\\/]((?:src|assembly)[\\/][\w\\/.-]+?)\.[jt]s/.exec(error.stack ?? "")?.[1] ?? "?";
  // What a parser of the engine says differs with every byte.
  const words = error instanceof SyntaxError ? "" : `: ${error.message.replace(/\d+/g, "#").slice(0, 60)}`;
  return `${error.name}${words} in ${frame.replaceAll("\\", "/")}`;
}
