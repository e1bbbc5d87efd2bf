import { describe, expect, it } from "vitest";
import { reseal } from "../../src/engine/reseal.ts";
import { readSealHead } from "../../src/engine/seal-head.ts";
import { unwrapKey } from "../../src/seal/aes-kw.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { contextOf, placeOf } from "../../src/seal/check-parts.ts";
import { openMessage } from "../../src/seal/cobblestone.ts";
import { openJwe } from "../../src/seal/jwe.ts";
import { rewrapHead } from "../../src/seal/rewrap.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import { runCli } from "../helpers/cli.ts";
import { keysOf, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

const [old, next] = [person("old"), person("next")];
const slots = [{ name: "one", recipients: [old.recipient()], fields: ["a"] }];

/** What somebody kept of a file that he could open opens of another: the content key, the slot's keys, the data keys. */
async function openedWithOld(before: Uint8Array, after: Uint8Array): Promise<readonly string[]> {
  const region = await authenticate(await readSealHead(memorySource(before)), keysOf(old));
  const head = await readSealHead(memorySource(after));
  const [{ contentKey, keys }] = region.slots as [(typeof region.slots)[number]];
  const item = head.manifest.items[0]!;
  const attempts: Readonly<Record<string, () => unknown>> = {
    "the slot key": () => openJwe(head.entries[0]!.jwe, contentKey),
    "wrapped keys": () => unwrapKey(keys.wrap, head.entries[0]!.deks.get(0)!),
    data: () => {
      const { offset, length } = placeOf(head, item, item.parts[0]!);
      openMessage(region.dataKey(0)!, contextOf(head, item, item.parts[0]!), after.subarray(offset, offset + length));
    },
  };
  const works = (attempt: () => unknown) => {
    try {
      attempt();
      return true;
    } catch {
      return false;
    }
  };
  return Object.keys(attempts).filter((name) => works(attempts[name]!));
}

/** The file with new keys in its head. */
async function rewrapped(file: Uint8Array, rekey: boolean): Promise<Uint8Array> {
  const head = await readSealHead(memorySource(file));
  const region = await authenticate(head, keysOf(old));
  const remove = [old.recipient().spkiS256];
  const out = file.slice();
  out.set(await rewrapHead(region, { add: [next.recipient()], remove, rekey }), head.offset);
  return out;
}

describe("who kept the keys of a file from before its rotation", () => {
  it("opens it with them after a rewrap and its data after a rekey; after a reseal nothing of it", async () => {
    const sealed = await sealBytes(await plainQvd({ a: ["x", "y"] }), { slots });
    expect(await openedWithOld(sealed, await rewrapped(sealed, false))).toEqual([
      "the slot key",
      "wrapped keys",
      "data",
    ]);
    expect(await openedWithOld(sealed, await rewrapped(sealed, true))).toEqual(["data"]);
    const sink = { ...memorySink(), temporary: "" };
    const source = memorySource(sealed);
    const plan = { slots: [{ slot: 0, recipients: [next.recipient()] }] };
    await reseal(source, await readSealHead(source), keysOf(old), plan, {}, sink);
    await sink.commit();
    expect(await openedWithOld(sealed, sink.result())).toEqual([]);
  });

  it("is told of in the help of rotate", async () => {
    const help = (await runCli(["rotate", "--help"])).out.replace(/\s+/g, " ");
    expect(help).toContain("Only --reseal makes the new file unreadable with what was known");
  });
});
