import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deflateRawSync, inflateRawSync } from "node:zlib";

/** Inputs of a target on disk: one file, each input deflated behind its length (u32, little endian). */
export function readPack(folder: string, target: string): Uint8Array[] {
  const path = join(folder, `${target}.pack`);
  if (!existsSync(path)) return [];
  const bytes = readFileSync(path);
  const inputs: Uint8Array[] = [];
  for (let at = 0; at < bytes.byteLength; ) {
    const length = bytes.readUInt32LE(at);
    inputs.push(new Uint8Array(inflateRawSync(bytes.subarray(at + 4, at + 4 + length))));
    at += 4 + length;
  }
  return inputs;
}

export function writePack(folder: string, target: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(folder, { recursive: true });
  const pieces = inputs.flatMap((input) => {
    const body = deflateRawSync(input, { level: 9 });
    const head = Buffer.alloc(4);
    head.writeUInt32LE(body.byteLength);
    return [head, body];
  });
  writeFileSync(join(folder, `${target}.pack`), Buffer.concat(pieces));
}

/** A find kept for ever: the input, and why it was kept, in the name. */
export interface Crash {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export function readCrashes(folder: string, target: string): Crash[] {
  const path = join(folder, target);
  if (!existsSync(path)) return [];
  return readdirSync(path)
    .filter((name) => name.endsWith(".bin"))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(path, name))) }));
}

/** Keeps a find; returns its file name. */
export function keepCrash(folder: string, target: string, key: string, bytes: Uint8Array): string {
  const path = join(folder, target);
  mkdirSync(path, { recursive: true });
  const slug = key
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .slice(0, 60)
    .replace(/^-|-$/g, "");
  const name = `${slug}-${createHash("sha256").update(bytes).digest("hex").slice(0, 8)}.bin`;
  writeFileSync(join(path, name), bytes);
  return name;
}
