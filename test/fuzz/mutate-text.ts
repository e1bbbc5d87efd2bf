import { isUtf8 } from "../../src/bytes/utf8.ts";
import { packMessage, unpackMessage } from "../../src/seal/msgpack.ts";
import { mutateBytes } from "./mutate-bytes.ts";
import type { Random } from "./random.ts";
import type { Mutator } from "./target.ts";

/** A value of JSON or MessagePack. */
type Tree = null | boolean | number | string | Uint8Array | Tree[] | { [key: string]: Tree };

const LEAVES: readonly Tree[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  0.5,
  2 ** 31,
  2 ** 32,
  2 ** 53,
  -(2 ** 53),
  1e308,
  "",
  "*",
  "a",
  "0",
  "\u0000",
  "\ud800",
  "ADMIN",
  "USER",
  "__proto__",
  "constructor",
  "x".repeat(300),
  [],
  {},
  [[]],
  [null],
];

interface Place {
  readonly holder: Tree[] | { [key: string]: Tree };
  readonly key: string;
}

function places(tree: Tree, found: Place[] = []): Place[] {
  if (typeof tree !== "object" || tree === null || tree instanceof Uint8Array) return found;
  for (const key of Object.keys(tree)) {
    if (found.length > 3000) return found;
    found.push({ holder: tree, key });
    places((tree as { [key: string]: Tree })[key]!, found);
  }
  return found;
}

const get = ({ holder, key }: Place): Tree => (holder as { [key: string]: Tree })[key]!;
const set = ({ holder, key }: Place, value: Tree) => {
  (holder as { [key: string]: Tree })[key] = value;
};

async function changedLeaf(value: Tree, random: Random): Promise<Tree> {
  if (random.oneIn(3)) return structuredClone(random.pick(LEAVES));
  if (typeof value === "number")
    return random.oneIn(2) ? value + random.below(9) - 4 : value * random.pick([-1, 2, 256, 0.5]);
  if (value instanceof Uint8Array) return mutateBytes(value, random, value);
  if (typeof value === "string") {
    const bytes = new TextEncoder().encode(value);
    return new TextDecoder().decode(await mutateBytes(bytes, random, bytes));
  }
  return structuredClone(random.pick(LEAVES));
}

/** Changes a value in place, somewhere: another leaf, one more, one fewer, two exchanged, one inside another. */
export async function mutateTree(root: Tree, random: Random): Promise<Tree> {
  const top = [root];
  for (let left = 1 + random.below(random.pick([1, 2, 4])); left > 0; left--) {
    const all = places(top);
    const place = random.pick(all);
    const value = get(place);
    switch (random.below(7)) {
      case 0:
        if (Array.isArray(place.holder)) place.holder.splice(Number(place.key), 1);
        else delete place.holder[place.key];
        break;
      case 1:
        if (Array.isArray(place.holder) && place.holder !== top) {
          const times = random.oneIn(10) ? 100 : 1;
          for (let i = 0; i < times; i++) place.holder.push(structuredClone(value));
        } else if (place.holder !== top) set({ ...place, key: String(random.pick(LEAVES)) }, structuredClone(value));
        break;
      case 2:
        set(place, structuredClone(get(random.pick(all))));
        break;
      case 3:
        set(place, random.oneIn(2) ? [value] : { a: value });
        break;
      default:
        set(place, await changedLeaf(value, random));
    }
    if (top.length === 0) top.push(null);
  }
  return top[0]!;
}

/** Parses, changes a value and prints again; what is no JSON is changed as bytes. */
export const mutateJson: Mutator = async (data, random, other) => {
  try {
    const tree = JSON.parse(new TextDecoder().decode(data)) as Tree;
    return new TextEncoder().encode(JSON.stringify(await mutateTree(tree, random)));
  } catch {
    return mutateBytes(data, random, other);
  }
};

/** Changes one line of JSON lines. */
export const mutateJsonLines: Mutator = async (data, random, other) => {
  if (!isUtf8(data)) return mutateBytes(data, random, other);
  const lines = new TextDecoder().decode(data).split("\n");
  const at = random.below(lines.length);
  lines[at] = new TextDecoder().decode(await mutateJson(new TextEncoder().encode(lines[at]), random, other));
  return new TextEncoder().encode(lines.join("\n"));
};

/** Unpacks, changes a value and packs again; what is no message is changed as bytes. */
export const mutateMessage: Mutator = async (data, random, other) => {
  if (random.oneIn(3)) return mutateBytes(data, random, other);
  try {
    return packMessage((await mutateTree(unpackMessage(data, "seed") as Tree, random)) as never);
  } catch {
    return mutateBytes(data, random, other);
  }
};

/** Changes elements of XML text as elements: text, copies, losses, exchanges, depth. */
export const mutateXml: Mutator = async (data, random) => {
  const text = new TextDecoder().decode(data);
  const elements = [...text.matchAll(/<(\w+)>([^<]*)<\/\1>/g)];
  const blocks = [...text.matchAll(/<(\w+)>[\s\S]*?<\/\1>/g)];
  if (elements.length === 0) return mutateBytes(data, random, data);
  const element = random.pick(elements);
  const other = random.pick(random.oneIn(2) ? elements : blocks);
  const replace = (match: RegExpExecArray, by: string) =>
    text.slice(0, match.index) + by + text.slice(match.index + match[0].length);
  const changed = async () => {
    const bytes = new TextEncoder().encode(element[2]);
    return new TextDecoder().decode(await mutateBytes(bytes, random, data));
  };
  const wrap = `<${element[1]}>`.repeat(random.pick([1, 4, 40]));
  const made = [
    async () => replace(element, ""),
    async () => replace(other, other[0].repeat(2)),
    async () => replace(element, other[0]),
    async () => replace(element, `<${element[1]}>${other[2] ?? ""}</${element[1]}>`),
    async () => replace(element, `<${element[1]}>${await changed()}</${element[1]}>`),
    async () => replace(element, `<${element[1]}/>`),
    async () => replace(element, wrap + element[2] + wrap.replaceAll("<", "</")),
    async () => replace(element, `<!--${element[0]}-->${element[0]}`),
    async () =>
      replace(
        element,
        `<${element[1]}>&${random.pick(["amp", "lt", "#65", "#x110000", "#0", "x", "quot"])};</${element[1]}>`,
      ),
  ];
  return new TextEncoder().encode(await random.pick(made)());
};
