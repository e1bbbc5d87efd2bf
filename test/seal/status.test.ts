import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { newAppParts } from "../../src/engine/app-write.ts";
import { keyUseOf } from "../../src/engine/rotate.ts";
import { memorySource } from "../../src/source/memory.ts";
import type { ByteSource } from "../../src/source/source.ts";
import { memoryTable } from "../../src/table/memory-table.ts";
import { appTable } from "../../src/table/qvf-draft.ts";
import { runCli } from "../helpers/cli.ts";
import { writtenBytes } from "../helpers/qvf.ts";
import { person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";
import { sealAppBytes } from "./sealed-app.ts";

const hr = person("hr");
const boss = person("boss");
const slots = [
  { name: "hr", recipients: [hr.recipient(), boss.recipient()], fields: ["a"] },
  { name: "boss", recipients: [boss.recipient()], fields: ["b"] },
];
/** Texts that no packing makes short. */
const columns = (rows: number) => ({
  a: Array.from({ length: rows }, (_, i) => `${Math.sin(i)} ${Math.cos(i)}`),
  b: Array.from({ length: rows }, (_, i) => Math.tan(i)),
  c: Array.from({ length: rows }, (_, i) => `${Math.sqrt(i)}`),
});

/** A source that counts what is read. */
function counted(bytes: Uint8Array): ByteSource & { readonly bytesRead: () => number } {
  const source = memorySource(bytes);
  let sum = 0;
  return {
    ...source,
    async read(offset, length) {
      sum += length;
      return source.read(offset, length);
    },
    async readInto(offset, target) {
      sum += target.byteLength;
      return source.readInto(offset, target);
    },
    bytesRead: () => sum,
  };
}

async function sealedApp(rows: number): Promise<Uint8Array> {
  const { a, b, c } = columns(rows);
  const parts = await newAppParts({
    title: "Big",
    script: "LOAD 1;",
    tables: [await appTable(memoryTable("T", ["a", "b", "c"], [a, b, c]))],
    access: [],
    created: new Date("2026-01-02T03:04:05Z"),
  });
  return sealAppBytes(await writtenBytes(parts), { slots });
}

describe("which certificate a file needs", () => {
  it.each([
    ["QVD", async (rows: number) => sealBytes(await plainQvd(columns(rows)), { slots })],
    ["app", sealedApp],
  ] as const)("is read from the head of a sealed %s, however long it is", async (_, make) => {
    for (const rows of [1000, 15_000]) {
      const file = await make(rows);
      const source = counted(file);
      expect(await keyUseOf(source, { spkiS256: boss.handle.info.spkiS256 })).toMatchObject({
        slots: ["hr", "boss"],
        only: ["boss"],
      });
      if (rows > 1000) expect(file.byteLength).toBeGreaterThan(2 ** 19);
      // One fetch of 64 KiB for the header of a QVD, and the head of the seal region.
      expect(source.bytesRead()).toBeLessThan(96 * 1024);
    }
  });
});

describe("status", () => {
  let folder: string;
  const at = (name: string) => join(folder, name);
  const status = (...args: readonly string[]) => runCli(["status", ...args, "--key", at("boss.crt")]);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "qvault-status-"));
    await mkdir(at("more"));
    await writeFile(at("boss.crt"), boss.certificate.toString());
    await writeFile(at("plain.qvd"), await plainQvd(columns(3)));
    await writeFile(at("more/sealed.qvd"), await sealBytes(await plainQvd(columns(3)), { slots }));
    await writeFile(at("more/app.qvf"), await sealedApp(3));
    const others = [{ ...slots[0]!, recipients: [hr.recipient()] }];
    await writeFile(at("more/others.qvd"), await sealBytes(await plainQvd(columns(3)), { slots: others }));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it("names files of both kinds, the slots, and those that nobody else opens", async () => {
    const line = (name: string) => `${at(name)}: hr, boss; nobody else opens boss\n`;
    const { code, out, err } = await status(folder);
    expect([code, out, err]).toEqual([1, line("more/app.qvf") + line("more/sealed.qvd"), ""]);
    const json = await status("--json", at("more/sealed.qvd"));
    const use = { schemaVersion: 1, file: at("more/sealed.qvd"), slots: ["hr", "boss"], only: ["boss"] };
    expect(JSON.parse(json.out)).toEqual(use);
    expect(await status(at("plain.qvd"), at("more/others.qvd"))).toMatchObject({ code: 0, out: "", err: "" });
  });

  it("follows links to files, each file once, and names the links that it does not follow", async () => {
    const linked = at("linked");
    await mkdir(linked);
    await writeFile(join(linked, "own.qvd"), await sealBytes(await plainQvd(columns(3)), { slots }));
    await symlink("own.qvd", join(linked, "again.qvd"));
    await symlink(at("more/sealed.qvd"), join(linked, "far.qvd"));
    await symlink(at("more/sealed.qvd"), join(linked, "further.qvd"));
    await symlink("nowhere.qvd", join(linked, "lost.qvd"));
    await symlink("nowhere.txt", join(linked, "other.txt"));
    await symlink(at("more"), join(linked, "shared"));
    const { code, out, err } = await status(linked);
    const files = out.split("\n").map((line) => line.split(":")[0]);
    expect([code, files]).toEqual([9, [join(linked, "far.qvd"), join(linked, "own.qvd"), ""]]);
    expect(err.trim().split("\n")).toEqual([
      `qvault: warning: ${linked}/lost.qvd is a link to no file`,
      `qvault: warning: ${linked}/shared is a link to a folder, which is not followed: name that folder too`,
    ]);
    await rm(linked, { recursive: true });
  });

  it("does not take a file that it cannot read for one that needs nothing", async () => {
    const whole = await sealBytes(await plainQvd(columns(3)), { slots });
    const cut = whole.subarray(0, Buffer.from(whole).indexOf("QSEAL1") + 60);
    await writeFile(at("cut.qvd"), cut);
    const some = await status(folder);
    expect([some.code, some.out.split("\n").length]).toEqual([9, 3]);
    expect(some.err).toContain(at("cut.qvd"));
    expect(some.err).toContain("SEAL_TRUNCATED");
    expect((await status(at("cut.qvd"))).code).toBe(4);
    expect((await status(at("gone.qvd"))).code).toBe(3);
  });
});
