import { type DerValue, der, readDer } from "../../src/keys/der.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import type { Random } from "./random.ts";
import type { Mutator } from "./target.ts";

/** The value split into its members, or nothing if it has none. Octet strings often hold DER again. */
function members(value: DerValue): readonly DerValue[] | undefined {
  if ((value.tag & 0x20) === 0 && value.tag !== 4) return undefined;
  const found: DerValue[] = [];
  try {
    for (let rest = value.content; rest.byteLength > 0; ) {
      const next = readDer(rest);
      found.push(next);
      rest = next.rest;
    }
  } catch {
    return undefined;
  }
  return found.length > 0 ? found : undefined;
}

/** Walks down at random and changes one value; every length around it is written anew. */
async function change(value: DerValue, random: Random, depth: number): Promise<Uint8Array> {
  const inner = members(value);
  if (inner === undefined || depth > 20 || random.oneIn(12)) {
    const content = random.oneIn(6) ? new Uint8Array(0) : await mutateBytes(value.content, random, value.content);
    const tag = random.oneIn(6)
      ? random.pick([0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x24, 0x30, 0x31, 0x80, 0xa0])
      : value.tag;
    return der(tag, content);
  }
  const pieces = inner.map((member) => member.all);
  const at = random.below(pieces.length);
  const what = random.below(10);
  if (what === 0) pieces.splice(at, 1);
  else if (what === 1) pieces.splice(at, 0, ...Array.from({ length: random.pick([1, 1, 2, 50]) }, () => pieces[at]!));
  else if (what === 2) pieces[at] = pieces[random.below(pieces.length)]!;
  else pieces[at] = await change(inner[at]!, random, depth + 1);
  return der(value.tag, ...pieces);
}

export const mutateDer: Mutator = async (data, random, other) => {
  try {
    return await change(readDer(data), random, 0);
  } catch {
    return mutateBytes(data, random, other);
  }
};

/** Changes the DER inside one PEM block. */
export const mutatePem: Mutator = async (data, random, other) => {
  const text = new TextDecoder().decode(data);
  const blocks = [...text.matchAll(/(-----BEGIN [A-Z0-9 ]+-----\n)([\s\S]*?)(\n-----END)/g)];
  if (blocks.length === 0 || random.oneIn(4)) return mutateBytes(data, random, other);
  const block = random.pick(blocks);
  const bytes = await mutateDer(new Uint8Array(Buffer.from(block[2]!, "base64")), random, other);
  const base64 = Buffer.from(bytes).toString("base64").replace(/.{64}/g, "$&\n");
  const from = block.index + block[1]!.length;
  return new TextEncoder().encode(text.slice(0, from) + base64 + text.slice(from + block[2]!.length));
};
