import { spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { keyUse, planBatch, rotateBatch } from "../../src/engine/rotate.ts";
import { rotateFile } from "../../src/engine/rotate-file.ts";
import { inspectSealed } from "../../src/engine/seal-report.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr } from "../../src/errors.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { withFileOperations } from "../../src/source/file-operations.ts";
import { memorySource } from "../../src/source/memory.ts";
import { ownerHere, ownerText } from "../../src/source/process-owner.ts";
import { disown, faultyDisk } from "../helpers/faulty-disk.ts";
import { missing } from "../helpers/missing.ts";
import { withoutStream } from "../helpers/qvf-image.ts";
import { recordPart } from "../helpers/record.ts";
import { keysOf, type Person, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";
import { sealAppBytes } from "./sealed-app.ts";

const root = mkdtempSync(join(tmpdir(), "qvault-rotate-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const old = person("old");
const next = person("next");
const other = person("other");
const file = join(root, "f.qvd");
const fromOld = { x5t: old.handle.info.x5t };
const toNext = { from: fromOld, to: [next.recipient()] };
const LONG = process.env.QVAULT_LONG !== undefined;
const leftOver = () => readdirSync(root).filter((name) => name.endsWith(".tmp") || name.endsWith(".lock"));
let sealed: Uint8Array;

async function sealFor(...people: readonly Person[]): Promise<Uint8Array> {
  const qvd = await plainQvd({ a: [1, 2, 3], b: ["x", "y", null], c: [1, 1, 1] });
  return sealBytes(qvd, {
    slots: [
      { name: "one", recipients: people.map((p) => p.recipient()), fields: ["a"] },
      { name: "two", recipients: [other.recipient()], fields: ["b"] },
    ],
  });
}

/** A tiny app. The files keep their name: what a file is, its bytes tell. */
async function sealedApp(): Promise<Uint8Array> {
  const qvf = await withoutStream("media/a.png");
  return sealAppBytes(qvf, {
    sectionAccess: true,
    slots: [{ name: "one", recipients: [old.recipient()], fields: ["Text", "Name"] }],
  });
}

beforeEach(async () => {
  sealed = await sealFor(old);
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
  writeFileSync(file, sealed, { mode: 0o640 });
});

async function opens(path: string, ...people: readonly Person[]): Promise<string> {
  try {
    const { findings } = await verifySealed(memorySource(new Uint8Array(readFileSync(path))), keysOf(...people));
    return findings.length === 0 ? "ok" : "damaged";
  } catch (error) {
    if (isQErr(error)) return error.code;
    throw error;
  }
}

describe("rotating a file", () => {
  it("replaces a recipient, keeps everything else to the bit, and needs one private-key operation", async () => {
    const keys = keysOf(old);
    const plan = await rotateFile(file, keys, toNext);
    expect(plan).toMatchObject({ action: "rewrap", slots: [{ name: "one", left: 1 }], single: ["one"] });
    expect(keys.unwraps()).toBe(1);
    expect([await opens(file, next), await opens(file, old), await opens(file, other)]).toEqual([
      "ok",
      "SEAL_NO_IDENTITY",
      "ok",
    ]);
    const after = new Uint8Array(readFileSync(file));
    const { region } = await readSealedHead(memorySource(sealed));
    expect(
      Buffer.from(after.subarray(region.offset + region.headLength)).equals(
        sealed.subarray(region.offset + region.headLength),
      ),
    ).toBe(true);
    expect(Buffer.from(after.subarray(0, region.offset)).equals(sealed.subarray(0, region.offset))).toBe(true);
    expect(statSync(file).mode & 0o777).toBe(0o640);
    expect(readdirSync(root)).toEqual(["f.qvd"]);
  });

  it("in two phases adds first and removes later, and a second run finds nothing to do", async () => {
    await rotateFile(file, keysOf(old), { ...toNext, add: true });
    expect([await opens(file, next), await opens(file, old)]).toEqual(["ok", "ok"]);
    expect((await rotateFile(file, keysOf(old), { ...toNext, add: true })).action).toBe("none");
    await rotateFile(file, keysOf(next), { from: fromOld, to: [] });
    expect([await opens(file, next), await opens(file, old)]).toEqual(["ok", "SEAL_NO_IDENTITY"]);
    expect((await rotateFile(file, keysOf(next), { from: fromOld, to: [] })).action).toBe("none");
    expect((await inspectSealed(memorySource(new Uint8Array(readFileSync(file))))).slots[0]!.epoch).toBe(2);
  });

  it("refuses to leave a slot that nobody can open", async () => {
    await expect(rotateFile(file, keysOf(old), { from: fromOld, to: [] })).rejects.toMatchObject({ code: "USAGE" });
    expect(await opens(file, old)).toBe("ok");
  });

  it("with rekey makes a slot key that the old one does not help with", async () => {
    const before = (await readSealedHead(memorySource(sealed))).region;
    const oldSlot = (await authenticate(before, keysOf(old))).slots[0]!;
    const oldKey = Buffer.from(oldSlot.slotKey);
    await rotateFile(file, keysOf(old), { ...toNext, rekey: true });
    const after = (await readSealedHead(memorySource(new Uint8Array(readFileSync(file))))).region;
    const newSlot = (await authenticate(after, keysOf(next))).slots[0]!;
    expect(oldKey.equals(newSlot.slotKey)).toBe(false);
    const [a, b] = [before, after].map((r) => Buffer.from(r.entries[0]!.deks.values().next().value!));
    expect(a!.equals(b!)).toBe(false);
    expect(await opens(file, next)).toBe("ok");
  });

  it("with reseal makes a new file for the same content, and needs every slot's key", async () => {
    await expect(rotateFile(file, keysOf(old), { ...toNext, reseal: true })).rejects.toMatchObject({
      code: "SEAL_NO_IDENTITY",
    });
    const before = await inspectSealed(memorySource(sealed));
    await rotateFile(file, keysOf(old, other), { ...toNext, reseal: true });
    const after = await inspectSealed(memorySource(new Uint8Array(readFileSync(file))));
    expect(after.fileId).not.toBe(before.fileId);
    expect(after.slots.map((s) => [s.name, s.fields])).toEqual(before.slots.map((s) => [s.name, s.fields]));
    expect([await opens(file, next), await opens(file, other), await opens(file, old)]).toEqual([
      "ok",
      "ok",
      "SEAL_NO_IDENTITY",
    ]);
  });

  it.each(["token", "const"] as const)("with reseal keeps mask %s and what it shows", async (mask) => {
    const qvd = await plainQvd({ a: ["p", "q"], b: [1, 2] });
    const slots = [{ name: "one", recipients: [old.recipient()], fields: ["a"] }];
    const masked = await sealBytes(qvd, { slots, mask, constText: "hidden" });
    writeFileSync(file, masked);
    await rotateFile(file, keysOf(old), { ...toNext, reseal: true });
    // Texts of symbol tables: behind the type byte 4, before a NUL.
    const shown = (bytes: Uint8Array) =>
      Buffer.from(bytes)
        .toString("latin1")
        .split("\u0004")
        .flatMap((piece) => /^[\w-]{6,22}(?=\0)/.exec(piece) ?? []);
    expect(shown(new Uint8Array(readFileSync(file)))).toEqual(shown(masked));
    expect(shown(masked).length).toBe(mask === "token" ? 2 : 1);
  });

  it("keeps the writer's signature, which reseal cannot without a key to sign", async () => {
    const qvd = await plainQvd({ a: [1], b: [2] });
    const signed = await sealBytes(qvd, {
      signer: other.handle,
      slots: [{ name: "one", recipients: [old.recipient()], fields: ["a"] }],
    });
    writeFileSync(file, signed);
    await rotateFile(file, keysOf(old), { ...toNext, rekey: true });
    const policy = { signature: { trusted: [other.certificate] } };
    expect(
      (await verifySealed(memorySource(new Uint8Array(readFileSync(file))), keysOf(next), policy)).findings,
    ).toEqual([]);
    await expect(
      rotateFile(file, keysOf(next), { from: { x5t: next.handle.info.x5t }, to: [old.recipient()], reseal: true }),
    ).rejects.toMatchObject({ code: "SEAL_UNSIGNED" });
  });

  it("proves the new key first where it is given, and keeps the old file if it does not open", async () => {
    await rotateFile(file, keysOf(old), { ...toNext, confirm: keysOf(next) });
    expect(await opens(file, next)).toBe("ok");
    await expect(
      rotateFile(file, keysOf(next), {
        from: { x5t: next.handle.info.x5t },
        to: [old.recipient()],
        confirm: keysOf(person("wrong")),
      }),
    ).rejects.toMatchObject({ code: "SEAL_NO_IDENTITY" });
    expect(await opens(file, next)).toBe("ok");
  });

  it("says when the room for keys is full, and reseal makes more", async () => {
    const many = Array.from({ length: 40 }, (_, i) => person(`p${i}`).recipient());
    await expect(rotateFile(file, keysOf(old), { ...toNext, to: many, add: true })).rejects.toMatchObject({
      code: "SEAL_KEYS_FULL",
    });
    expect(await opens(file, old)).toBe("ok");
    await rotateFile(file, keysOf(old, other), { ...toNext, to: many, add: true, reseal: true });
    expect(await opens(file, old)).toBe("ok");
  });

  it("tells who needs a certificate, without any key", async () => {
    expect(await keyUse(file, fromOld)).toMatchObject({ slots: ["one"], only: ["one"] });
    expect(await keyUse(file, { x5t: next.handle.info.x5t })).toMatchObject({ slots: [], only: [] });
    writeFileSync(join(root, "plain.qvd"), await plainQvd({ a: [1] }));
    const plans = await planBatch([file, join(root, "plain.qvd")], toNext);
    expect(plans.map((p) => [p.state, p.error?.code])).toEqual([
      ["done", undefined],
      ["unsealed", undefined],
    ]);
    expect(await opens(file, old)).toBe("ok");
  });

  it("is refused while another process has the file, and takes over from a dead one", async () => {
    const lock = join(root, ".f.qvd.lock");
    const me = await ownerHere();
    symlinkSync(JSON.stringify({ owner: ownerText(me) }), lock);
    await expect(rotateFile(file, keysOf(old), toNext)).rejects.toMatchObject({ code: "SINK_WRITE" });
    rmSync(lock);
    const left = join(root, ".f.qvd.abc.tmp");
    writeFileSync(left, "half");
    const gone = ownerText({ ...me, pid: 2 ** 22 + 1 });
    symlinkSync(JSON.stringify({ owner: gone, temporary: left }), lock);
    await rotateFile(file, keysOf(old), toNext);
    expect(readdirSync(root)).toEqual(["f.qvd"]);
    // A lock is anybody's to write: what it names is removed only if it could be ours.
    writeFileSync(join(root, "precious.tmp"), "x");
    symlinkSync(JSON.stringify({ owner: gone, temporary: join(root, "precious.tmp") }), lock);
    await rotateFile(file, keysOf(next), { from: { x5t: next.handle.info.x5t }, to: [old.recipient()] });
    expect(readdirSync(root).sort()).toEqual(["f.qvd", "precious.tmp"]);
  });
});

const indexesOf = (calls: readonly string[], name: string) => calls.flatMap((call, i) => (call === name ? [i] : []));

describe("a rotation that fails at any step", () => {
  it.each([
    ["QVD", false],
    ["QVD", true],
    ["app", true],
  ] as const)(
    "leaves a sealed %s that opens with the old key or the new one, and a second run finishes (rekey: %s)",
    async (kind, rekey) => {
      if (kind === "app") {
        sealed = await sealedApp();
        writeFileSync(file, sealed);
      }
      const clean = faultyDisk();
      await withFileOperations(clean, () => rotateFile(file, keysOf(old), { ...toNext, rekey }));
      const renamed = clean.calls.indexOf("rename") + 1;
      expect(clean.calls[0]).toBe("symlink");
      expect(renamed).toBeGreaterThanOrEqual(7);
      for (const [i, call] of clean.calls.entries()) {
        // The lock goes last, when everything is done; a chown that is refused is no fault.
        if (call === "unlink" || call === "chown") continue;
        writeFileSync(file, sealed);
        const disk = faultyDisk({ kind: "ENOSPC", at: i + 1 });
        const work = () => rotateFile(file, keysOf(old), { ...toNext, rekey });
        await expect(withFileOperations(disk, work)).rejects.toMatchObject({ code: "SINK_WRITE" });
        const said = [await opens(file, old), await opens(file, next)];
        // Only making the rename durable comes after the rename.
        const before = i + 1 <= renamed;
        expect(said, `${call}, ${i}`).toEqual(before ? ["ok", "SEAL_NO_IDENTITY"] : ["SEAL_NO_IDENTITY", "ok"]);
        if (before) expect(Buffer.from(readFileSync(file)).equals(sealed)).toBe(true);
        expect(readdirSync(root)).toEqual(["f.qvd"]);
        await rotateFile(file, keysOf(old, next), { ...toNext, rekey });
        expect(await opens(file, next)).toBe("ok");
      }
    },
  );

  it("or seems to die there, leaves a file that opens with the old key or the new one, and a second run finishes", async () => {
    const clean = faultyDisk();
    await withFileOperations(clean, () => rotateFile(file, keysOf(old), { ...toNext, rekey: true }));
    const kinds = { kill: clean.calls.map((_, i) => i), torn: indexesOf(clean.calls, "write") };
    expect(kinds.torn.length).toBeGreaterThan(0);
    for (const [kind, steps] of Object.entries(kinds)) {
      for (const i of steps) {
        writeFileSync(file, sealed);
        const disk = faultyDisk({ kind: kind as "kill" | "torn", at: i + 1 });
        const work = () => rotateFile(file, keysOf(old), { ...toNext, rekey: true });
        // What comes behind the rename is not worth an error.
        await withFileOperations(disk, work).catch((error: unknown) => expect(error).toBeInstanceOf(Error));
        const said = [await opens(file, old), await opens(file, next)];
        const before = i <= clean.calls.indexOf("rename");
        expect(said, `${kind}: ${clean.calls[i]}, ${i}`).toEqual(
          before ? ["ok", "SEAL_NO_IDENTITY"] : ["SEAL_NO_IDENTITY", "ok"],
        );
        disown(root);
        await rotateFile(file, keysOf(old, next), { ...toNext, rekey: true });
        expect([await opens(file, next), await opens(file, old)]).toEqual(["ok", "SEAL_NO_IDENTITY"]);
        // Where nothing was left to do, nobody took the lock, nor looked for what was left.
        if (before) expect(leftOver()).toEqual([]);
        for (const name of leftOver()) rmSync(join(root, name));
      }
    }
  });

  it("because the folder is read-only leaves the original untouched", async () => {
    if (process.getuid?.() === 0) {
      // Root writes everywhere; the same path is taken with the error that others would get.
      const disk = faultyDisk({ kind: "EACCES", at: 1, forEver: true });
      const work = () => rotateFile(file, keysOf(old), toNext);
      await expect(withFileOperations(disk, work)).rejects.toMatchObject({ code: "SINK_WRITE" });
    } else {
      chmodSync(root, 0o555);
      await expect(rotateFile(file, keysOf(old), toNext)).rejects.toMatchObject({ code: "SINK_WRITE" });
      chmodSync(root, 0o755);
    }
    expect(Buffer.from(readFileSync(file)).equals(sealed)).toBe(true);
  });
});

describe("a rotation that is killed", () => {
  const built = new URL("../../dist/src/engine/rotate.js", import.meta.url);
  if (!existsSync(built)) {
    missing("the built package (npm run build)");
    return;
  }

  interface Run {
    readonly killed: boolean;
    readonly output: string;
  }

  function child(
    files: readonly string[],
    more: { readonly dieAt?: number; readonly killAfter?: number },
  ): Promise<Run> {
    const job = {
      files,
      key: join(root, "old.pem"),
      from: old.handle.info.x5t,
      to: join(root, "next.crt"),
      journal: join(root, "j.jsonl"),
      rekey: true,
      ...more,
    };
    const process_ = spawn(process.execPath, [
      new URL("rotate-child.mjs", import.meta.url).pathname,
      JSON.stringify(job),
    ]);
    let output = "";
    process_.stderr.on("data", (data) => (output += data));
    process_.stdout.on("data", (data) => {
      output += data;
      if (String(data).includes("ready") && more.killAfter !== undefined)
        setTimeout(() => process_.kill("SIGKILL"), more.killAfter);
    });
    return new Promise((resolve) =>
      process_.on("close", (_, signal) => resolve({ killed: signal === "SIGKILL", output })),
    );
  }

  function prepare(count: number): readonly string[] {
    const both = `${old.certificate}${old.key.export({ type: "pkcs8", format: "pem" })}${next.key.export({ type: "pkcs8", format: "pem" })}`;
    writeFileSync(join(root, "old.pem"), both, { mode: 0o600 });
    writeFileSync(join(root, "next.crt"), next.certificate.toString());
    return Array.from({ length: count }, (_, i) => {
      const path = join(root, `k${i}.qvd`);
      writeFileSync(path, sealed);
      return path;
    });
  }

  async function eachOpens(files: readonly string[]): Promise<void> {
    for (const path of files) {
      const said = [await opens(path, old), await opens(path, next)];
      expect(
        said.filter((s) => s === "ok"),
        `${path}: ${said}`,
      ).toHaveLength(1);
    }
  }

  // Each step is a process of its own. Without QVAULT_LONG only some steps are, those round the rename among them: what
  // dies at any other was played above.
  it.each(LONG ? ["QVD", "app"] : ["QVD"])(
    "of a sealed %s, at each write, fsync and rename, leaves every file whole, and a second run finishes the job",
    {
      timeout: 300_000,
    },
    async (kind) => {
      if (kind === "app") sealed = await sealedApp();
      const dry = await child(prepare(1), {});
      const { calls } = JSON.parse(dry.output.split("\n").find((l) => l.startsWith("{"))!) as { calls: string[] };
      expect(calls.length).toBeGreaterThanOrEqual(7);
      const steps = LONG ? [...calls.keys()] : someSteps(calls);
      expect(steps.length).toBeGreaterThanOrEqual(LONG ? 7 : 4);
      for (const step of steps) {
        rmSync(join(root, "j.jsonl"), { force: true });
        const files = prepare(1);
        expect((await child(files, { dieAt: step + 1 })).killed).toBe(true);
        await eachOpens(files);
        const options = { ...toNext, rekey: true, journal: join(root, "j.jsonl") };
        const again = await rotateBatch(files, keysOf(old, next), options);
        expect(again.map((r) => r.state)).not.toContain("failed");
        expect([await opens(files[0]!, next), await opens(files[0]!, old)]).toEqual(["ok", "SEAL_NO_IDENTITY"]);
        if (again[0]!.state === "done") expect(leftOver()).toEqual([]);
      }
    },
  );

  /** The first write, and what stands beside the rename of the file. */
  function someSteps(calls: readonly string[]): readonly number[] {
    const rename = calls.lastIndexOf("rename");
    return [calls.indexOf("write"), rename - 1, rename, rename + 1];
  }

  it.each(LONG ? ["QVD", "app"] : ["QVD"])(
    "of sealed %ss, at any moment, leaves every file whole",
    { timeout: 900_000 },
    async (kind) => {
      if (kind === "app") sealed = await sealedApp();
      const count = { finished: false, killed: 0, runs: 0 };
      onTestFinished(() => {
        const command = "QVAULT_LONG=1 npx vitest run test/seal/rotate.test.ts -t moment";
        if (LONG) recordPart("moments", command, kind, count);
      });
      // A quick machine ends some runs before they are killed: those do not count.
      const kills = LONG ? 200 : 3;
      while (count.killed < kills && count.runs < 4 * kills) {
        rmSync(join(root, "j.jsonl"), { force: true });
        const files = prepare(LONG ? 4 : 12);
        const run = await child(files, { killAfter: Math.random() * 150 });
        count.runs += 1;
        count.killed += run.killed ? 1 : 0;
        await eachOpens(files);
      }
      expect(count.killed).toBe(kills);
      count.finished = true;
      console.info(`${count.killed} of ${count.runs} runs were killed before their end`);
    },
  );
});
