import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BaseApp, openApp } from "../../src/engine/access-app.ts";
import { type LoadedApp, loadApp } from "../../src/engine/access-load.ts";
import { newAppParts, writeApp } from "../../src/engine/app-write.ts";
import type { AuditEvent } from "../../src/engine/audit.ts";
import { isQErr } from "../../src/errors.ts";
import { MAX_ACCESS_JSON_BYTES } from "../../src/limits.ts";
import { memorySource } from "../../src/source/memory.ts";
import { memorySink } from "../../src/source/sink.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { readRows } from "../../src/table/read-rows.ts";
import { SHOP, SHOP_ACCESS, shopFolder, temporaryFolder, writeQvds } from "./access-folder.ts";

let folder: string;
let loaded: LoadedApp;
beforeAll(async () => {
  folder = await shopFolder();
  loaded = await loadApp(folder);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function recorded() {
  const events: AuditEvent[] = [];
  const audit = { append: async (e: AuditEvent) => void events.push(e) };
  return { events, app: new BaseApp(loaded, { audit, denyAfterMs: 0 }) };
}

describe("opening an app as a user", () => {
  it("leaves the rows and fields of that user and nothing else", async () => {
    const app = await openApp(folder, { user: { userid: "post\\eva" }, prove: true });
    expect(app.tables.map((t) => [t.name, t.fields.map((f) => f.name), t.rows])).toEqual([
      ["Clients", ["CLIENT", "ZONE"], 1],
      ["Items", ["ITEM", "Label"], 2],
      ["Orders", ["CLIENT", "ITEM", "Pieces"], 2],
    ]);
    expect(await readRows(app.tables[2]!)).toEqual([
      ["c1", "i1", 1],
      ["c1", "i2", 3],
    ]);
    expect(app.omitted).toEqual(["Phone"]);
    const held = JSON.stringify(app.model, (_, v) => (v instanceof Uint8Array ? Buffer.from(v).toString("latin1") : v));
    for (const secret of ["c2", "EAST", "555", "Phone", "Bell", "EVA"]) expect(held).not.toContain(secret);
  });

  it("shares one model among users who see the same", async () => {
    const { app, events } = recorded();
    const eva = await app.openAs({ user: { userid: "POST\\EVA" } });
    const ada = await app.openAs({ user: { userid: "POST\\ADA" } });
    const bob = await app.openAs({ user: { userid: "POST\\BOB" } });
    expect(ada.model).toBe(eva.model);
    expect(bob.model).not.toBe(eva.model);
    expect(app.cache.size).toBe(2);
    expect(events.map((e) => e.reduction === events[0]!.reduction)).toEqual([true, true, false]);
  });

  it("drops the reduction that was used longest ago when the cache is full", async () => {
    const app = new BaseApp(loaded, { cacheBytes: 1 });
    const first = await app.openAs({ user: { userid: "POST\\EVA" } });
    expect((await app.openAs({ user: { userid: "POST\\ADA" } })).model).toBe(first.model);
    await app.openAs({ user: { userid: "POST\\BOB" } });
    expect(app.cache.size).toBe(1);
    expect((await app.openAs({ user: { userid: "POST\\EVA" } })).model).not.toBe(first.model);
  });

  it("denies in one shape whatever the reason, and tells the audit only", async () => {
    const { app, events } = recorded();
    const shapes = new Set<string>();
    for (const userid of ["POST\\NOBODY", "POST\\LOST"]) {
      const error = await app.openAs({ user: { userid } }).catch((e: unknown) => e);
      if (!isQErr(error)) throw new Error("no denial");
      shapes.add(JSON.stringify([error.code, error.message, error.hint, error.part, error.offset, error.cause]));
    }
    expect([...shapes]).toEqual([
      JSON.stringify(["ACCESS_DENIED", "access denied", "ask the owner of the app", null, null, null]),
    ]);
    expect(events.map((e) => [e.outcome, e.reasons])).toEqual([
      ["denied", ["NO_ACCESS_LEVEL"]],
      ["denied", ["NO_REDUCTION_MATCH:ZONE"]],
    ]);
  });

  it("answers a denial no sooner than it was told to", async () => {
    const app = new BaseApp(loaded, { denyAfterMs: 60 });
    const before = performance.now();
    await app.openAs({ user: { userid: "POST\\NOBODY" } }).catch(() => undefined);
    // setTimeout may fire a millisecond early.
    expect(performance.now() - before).toBeGreaterThan(58);
  });

  it("opens without data for anybody and shows no value and no count", async () => {
    const { app, events } = recorded();
    const empty = await app.openAs({ user: { userid: "POST\\NOBODY" }, noData: true });
    expect(empty.tables.map((t) => t.rows)).toEqual([0, 0, 0]);
    expect(empty.model.domains.every((d) => d.count === 0)).toBe(true);
    expect(events[0]!.outcome).toBe("no-data");
  });

  it("does not open what cannot be written down", async () => {
    const app = new BaseApp(loaded, { audit: { append: () => Promise.reject(new Error("disk full")) } });
    await expect(app.openAs({ user: { userid: "POST\\EVA" } })).rejects.toThrow("disk full");
  });

  it("writes no value, no password and no other user into the audit", async () => {
    const { app, events } = recorded();
    await app.openAs({ user: { userid: "POST\\EVA", password: "hush" } });
    expect(events[0]).toMatchObject({
      outcome: "opened",
      rows: { Orders: 2, Clients: 1, Items: 2 },
      omitted: ["Phone"],
      mode: "qlik-sense",
    });
    for (const secret of ["hush", "WEST", "BOB", "c1"]) expect(JSON.stringify(events)).not.toContain(secret);
  });
});

describe("opening an app from bytes", () => {
  const bytesOf = (name: string) => memorySource(new Uint8Array(readFileSync(join(folder, name))), name);

  it("takes several QVDs and section access from memory, and leaves them open", async () => {
    const open = ["Orders.qvd", "Clients.qvd", "Items.qvd"].map((name) => {
      let closed = 0;
      const source = { ...bytesOf(name), close: async () => void closed++, closed: () => closed };
      return source;
    });
    const app = await openApp(open, { user: { userid: "POST\\EVA" }, access: bytesOf("section-access.json") });
    expect(app.tables.map((t) => [t.name, t.rows])).toEqual([
      ["Orders", 2],
      ["Clients", 1],
      ["Items", 2],
    ]);
    expect(open.map((source) => source.closed())).toEqual([0, 0, 0]);
    await expect(openApp([], { user: {} })).rejects.toThrow(expect.objectContaining({ code: "USAGE" }));
    await expect(openApp(open, { user: {} })).rejects.toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("takes a QVF from a source that is no object literal, and reads ranges of it", async () => {
    const parts = await newAppParts({
      title: "Shop",
      script: "",
      tables: [await appTable(memoryTable("T", ["ZONE"], [["WEST", "EAST"]]))],
      access: [await appTable(memoryTable("SA", ["ACCESS", "USERID", "ZONE"], [["USER"], ["EVA"], ["EAST"]]))],
    });
    const sink = memorySink();
    await writeApp(sink, parts);
    await sink.commit();
    const inner = memorySource(sink.result(), "shop.qvf");
    class Ranges implements ByteSource {
      readonly name = inner.name;
      get size() {
        return inner.size;
      }
      read(offset: number, length: number) {
        return inner.read(offset, length);
      }
      readInto(offset: number, target: Uint8Array) {
        return inner.readInto(offset, target);
      }
      async close() {
        throw new Error("closed");
      }
    }
    const app = await openApp(new Ranges(), { user: { userid: "eva" } });
    expect([app.name, await readRows(app.tables[0]!)]).toEqual(["shop.qvf", [["EAST"]]]);
  });

  it("reads no section access that is too long to be held", async () => {
    expect(MAX_ACCESS_JSON_BYTES).toBe(256 * 1024 * 1024);
    const claims = (size: number) => ({ ...memorySource(new Uint8Array(64)), name: "long.json", size });
    // At the limit it is read, and found to have fewer bytes.
    await expect(
      openApp(bytesOf("Items.qvd"), { user: {}, access: claims(MAX_ACCESS_JSON_BYTES) }),
    ).rejects.toMatchObject({ code: "SOURCE_RANGE" });
    const access = claims(MAX_ACCESS_JSON_BYTES + 1);
    await expect(openApp(bytesOf("Items.qvd"), { user: {}, access })).rejects.toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });
});

describe("loading an app of QVDs", () => {
  it("refuses an app without section access unless told that it has none", async () => {
    const bare = temporaryFolder();
    await writeQvds(bare, SHOP);
    await expect(loadApp(bare)).rejects.toThrow(expect.objectContaining({ code: "USAGE" }));
    expect((await loadApp(bare, { withoutAccess: true })).access).toBeUndefined();
    rmSync(bare, { recursive: true });
  });

  it("reads section access from QVDs in a folder of its own", async () => {
    const other = temporaryFolder();
    await writeQvds(other, SHOP);
    await writeQvds(join(other, "section-access"), [
      {
        name: "SA",
        fields: ["access", "userid", "zone"],
        rows: [
          ["user", "eva", "*"],
          ["user", "bob", "East"],
        ],
      },
    ]);
    const app = await openApp(other, { user: { userid: "EVA" } });
    expect(await readRows(app.tables[0]!)).toEqual([["c2", "EAST", "555-2"]]);
    rmSync(other, { recursive: true });
  });

  it("has one version for the same content, another for another row or right", async () => {
    expect((await loadApp(folder)).version).toBe(loaded.version);
    const other = temporaryFolder();
    await writeQvds(other, SHOP);
    writeFileSync(
      join(other, "section-access.json"),
      JSON.stringify({ ...SHOP_ACCESS, rows: SHOP_ACCESS.rows.slice(1) }),
    );
    expect((await loadApp(other)).version).not.toBe(loaded.version);
    rmSync(other, { recursive: true });
  });

  it("refuses a folder without a QVD, section access that is not there, and a file that is no section access", async () => {
    const empty = temporaryFolder();
    await expect(loadApp(empty)).rejects.toThrow(expect.objectContaining({ code: "SOURCE_NOT_FOUND" }));
    await expect(loadApp(folder, { access: join(empty, "no.json") })).rejects.toThrow(
      expect.objectContaining({ code: "SOURCE_NOT_FOUND" }),
    );
    mkdirSync(join(empty, "x"));
    writeFileSync(join(empty, "bad.json"), "{");
    await expect(loadApp(folder, { access: join(empty, "bad.json") })).rejects.toThrow(
      expect.objectContaining({ code: "ACCESS_CASE" }),
    );
    writeFileSync(join(empty, "null.json"), "null");
    await expect(loadApp(folder, { access: join(empty, "null.json") })).rejects.toThrow(
      expect.objectContaining({ code: "ACCESS_CASE" }),
    );
    rmSync(empty, { recursive: true });
  });

  it("leaves the files as they were", () => {
    expect(readFileSync(join(folder, "section-access.json"), "utf8")).toBe(JSON.stringify(SHOP_ACCESS));
  });
});
