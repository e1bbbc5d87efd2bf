import { beforeAll, describe, expect, it } from "vitest";
import { QErr } from "../../src/errors.ts";
import { authenticate, type OpenedRegion } from "../../src/seal/authenticate.ts";
import type { RegionHead } from "../../src/seal/region.ts";
import { readRegionHead } from "../../src/seal/region.ts";
import { planSlot, type RewrapOptions, rewrapHead } from "../../src/seal/rewrap.ts";
import { memorySource } from "../../src/source/memory.ts";
import { keysOf, type Person, person } from "./people.ts";
import { fin, headOf, hr, twoSlots } from "./two-slots.ts";

const [second, next, more] = [person("second"), person("next"), person("more", "rsa-2048")];
const id = (p: Person) => p.handle.info.spkiS256;
let file: Uint8Array;
let head: RegionHead;

beforeAll(async () => {
  file = await twoSlots(undefined, [second]);
  head = await headOf(file);
});

describe("the plan for a slot", () => {
  const plan = (options: RewrapOptions) => {
    const { slot, recipients, added, removed } = planSlot(head.entries[0]!, options);
    const names = (list: readonly { readonly label: string }[]) => list.map((r) => r.label);
    return { slot, recipients: names(recipients), added: names(added), removed: names(removed) };
  };
  const as = { slot: 0, recipients: ["hr", "second"], added: [], removed: [] };

  it("adds who is not there, once, and removes who is", () => {
    expect(plan({})).toEqual(as);
    expect(plan({ add: [], remove: [] })).toEqual(as);
    const both = { ...as, recipients: ["hr", "second", "next", "more"], added: ["next", "more"] };
    expect(plan({ add: [next.recipient(), more.recipient()] })).toEqual(both);
    expect(plan({ add: [next.recipient(), next.recipient(), hr.recipient()] })).toEqual({
      ...as,
      recipients: ["hr", "second", "next"],
      added: ["next"],
    });
    expect(plan({ remove: [id(hr)] })).toEqual({ ...as, recipients: ["second"], removed: ["hr"] });
    expect(plan({ remove: [id(next)] })).toEqual(as);
    expect(plan({ add: [next.recipient()], remove: [id(hr), id(second)] })).toEqual({
      slot: 0,
      recipients: ["next"],
      added: ["next"],
      removed: ["hr", "second"],
    });
    expect(planSlot(head.entries[1]!, {}).slot).toBe(1);
  });

  it("gives a new entry to who goes and comes at once", () => {
    const again = { ...as, recipients: ["second", "hr"], added: ["hr"], removed: ["hr"] };
    expect(plan({ add: [hr.recipient()], remove: [id(hr)] })).toEqual(again);
  });

  it("leaves nobody out of a slot that nobody else opens", () => {
    try {
      plan({ remove: [id(hr), id(second)] });
      expect.fail("an empty slot was planned");
    } catch (error) {
      if (!(error instanceof QErr)) throw error;
      expect([error.code, error.hint]).toEqual(["USAGE", "give the new certificate with --to"]);
    }
  });
});

/** The file's head after a change of the slots that open, read again. */
async function changed(region: OpenedRegion, options: RewrapOptions): Promise<RegionHead> {
  const bytes = await rewrapHead(region, options);
  expect(bytes.byteLength).toBe(head.headLength);
  const whole = file.slice();
  whole.set(bytes, head.offset);
  return readRegionHead(memorySource(whole), head.offset, head.regionLength);
}
const opens = async (of: RegionHead, ...people: readonly Person[]) => {
  try {
    const region = await authenticate(of, keysOf(...people));
    return region.slots.map((s) => of.manifest.slots[s.slot]);
  } catch (error) {
    if (!(error instanceof QErr)) throw error;
    return error.code;
  }
};
const dataKeys = async (of: RegionHead, ...people: readonly Person[]) => {
  const region = await authenticate(of, keysOf(...people));
  return of.manifest.items.map((_, i) => region.dataKey(i));
};

describe.each([
  ["rewrap", false],
  ["rekey", true],
])("%s", (_, rekey) => {
  it("opens for who came and no more for who went; the other slot's entry stays, byte for byte", async () => {
    const region = await authenticate(head, keysOf(hr));
    const after = await changed(region, { add: [next.recipient(), more.recipient()], remove: [id(hr)], rekey });
    expect(await opens(after, next)).toEqual(["hr"]);
    expect(await opens(after, more)).toEqual(["hr"]);
    expect(await opens(after, second)).toEqual(["hr"]);
    expect(await opens(after, hr)).toBe("SEAL_NO_IDENTITY");
    expect(await opens(after, fin)).toEqual(["fin"]);
    expect(after.entryBytes[1]).toEqual(head.entryBytes[1]);
    expect(after.proofs.macs[1]).toEqual(head.proofs.macs[1]);
    expect(after.proofs.macs[0]).not.toEqual(head.proofs.macs[0]);
    expect([after.prefix, after.manifestBytes]).toEqual([head.prefix, head.manifestBytes]);
    expect(after.entries.map((e) => e.epoch)).toEqual([head.entries[0]!.epoch + 1, head.entries[1]!.epoch]);
    expect(after.entries[0]!.recipients.map((r) => r.label)).toEqual(["second", "next", "more"]);
  });

  it("leaves the data keys as they are, and wraps them anew only with a new slot key", async () => {
    const region = await authenticate(head, keysOf(hr, fin));
    const after = await changed(region, { add: [next.recipient()], rekey });
    expect(await dataKeys(after, next)).toEqual(await dataKeys(head, hr, fin));
    const [before, now] = [head.entries[0]!, after.entries[0]!];
    const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
    expect(same([...before.deks], [...now.deks])).toBe(!rekey);
    expect(same([...before.common], [...now.common])).toBe(!rekey);
    expect(before.jwe.ciphertext === now.jwe.ciphertext).toBe(!rekey);
    expect(before.jwe.recipients[0]!.encrypted_key === now.jwe.recipients[0]!.encrypted_key).toBe(!rekey);
    const old = await authenticate(head, keysOf(hr));
    const opened = await authenticate(after, keysOf(second));
    expect(same([...old.slots[0]!.slotKey], [...opened.slots[0]!.slotKey])).toBe(!rekey);
  });

  it("changes no key of the region that it is given", async () => {
    const region = await authenticate(head, keysOf(hr, fin));
    const keys = () =>
      [region.commonKey, ...region.slots.flatMap((s) => [s.slotKey, s.contentKey, s.keys.wrap, s.keys.mac])].map(
        (k) => [...k],
      );
    const before = keys();
    await changed(region, { add: [next.recipient()], rekey });
    expect(keys()).toEqual(before);
    expect(before.every((key) => key.some((byte) => byte !== 0))).toBe(true);
  });

  it("wraps with the WebCrypto that is given", async () => {
    const region = await authenticate(head, keysOf(hr));
    const failing = new Proxy({} as never, {
      get() {
        throw new Error("was asked");
      },
    });
    const provider = { subtle: failing };
    await expect(rewrapHead(region, { add: [next.recipient()], rekey, provider })).rejects.toThrow("was asked");
  });

  it("is refused where the keys do not fit the room that there is", async () => {
    const region = await authenticate(head, keysOf(hr));
    const crowd = Array.from({ length: 60 }, (_, i) => person(`p${i}`).recipient());
    await expect(rewrapHead(region, { add: crowd, rekey })).rejects.toMatchObject({ code: "SEAL_KEYS_FULL" });
  });
});
