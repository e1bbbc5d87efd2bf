import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BaseApp, openApp } from "../../src/engine/access-app.ts";
import { type LoadedApp, loadApp } from "../../src/engine/access-load.ts";
import type { AuditEvent } from "../../src/engine/audit.ts";
import { isQErr } from "../../src/errors.ts";
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
