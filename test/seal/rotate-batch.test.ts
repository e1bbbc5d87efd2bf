import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type BatchOptions, rotateBatch } from "../../src/engine/rotate.ts";
import { openRotateCrew, type RotateCrew, type RotateOne } from "../../src/engine/rotate-crew.ts";
import { rotateFile } from "../../src/engine/rotate-file.ts";
import { inspectSealed } from "../../src/engine/seal-report.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr, QErr } from "../../src/errors.ts";
import type { KeyHandle } from "../../src/keys/keystore.ts";
import type { FindKey } from "../../src/seal/authenticate.ts";
import {
  type FileOperations,
  type OpenFile,
  SYSTEM_OPERATIONS,
  withFileOperations,
} from "../../src/source/file-operations.ts";
import { memorySource } from "../../src/source/memory.ts";
import { spawnCli } from "../helpers/cli.ts";
import { failure } from "../helpers/errors.ts";
import { keysOf, type Person, person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

/** The built one: Node 20 does not start a thread with TypeScript. */
const worker = new URL("../../dist/src/engine/rotate-worker.js", import.meta.url);
const root = mkdtempSync(join(tmpdir(), "qvault-batch-"));
const files = Array.from({ length: 5 }, (_, i) => join(root, `b${i}.qvd`));
const old = person("old");
const next = person("next");
const writer = person("writer");
const toNext = { from: { x5t: old.handle.info.x5t }, to: [next.recipient()] };
let crew: RotateCrew;
let sealed: Uint8Array;

const sealedQvd = async (signer?: KeyHandle) =>
  sealBytes(await plainQvd({ a: [1, 2, 3], b: ["x", "y", null] }), {
    slots: [{ name: "one", recipients: [old.recipient()], fields: ["a"] }],
    signer,
  });
const bytesOf = (path: string) => new Uint8Array(readFileSync(path));

async function opens(path: string, ...people: readonly Person[]): Promise<string> {
  try {
    const { findings } = await verifySealed(memorySource(bytesOf(path)), keysOf(...people));
    return findings.length === 0 ? "ok" : "damaged";
  } catch (error) {
    if (isQErr(error)) return error.code;
    throw error;
  }
}

beforeAll(async () => {
  crew = await openRotateCrew(2, worker);
  sealed = await sealedQvd();
});
beforeEach(() => {
  for (const name of readdirSync(root)) rmSync(join(root, name));
  for (const file of files) writeFileSync(file, sealed);
});
afterAll(async () => {
  await crew.close();
  rmSync(root, { recursive: true, force: true });
});

describe.each(["one thread", "several threads"])("a batch in %s", (how) => {
  const batch = (find: FindKey, options: BatchOptions, names = files) =>
    rotateBatch(names, find, how === "one thread" ? options : { ...options, jobs: 2, rotate: crew.rotate });

  it("gives every file to the new key, with one private-key operation each, and leaves nothing beside them", async () => {
    const keys = keysOf(old);
    const results = await batch(keys, toNext);
    expect(results.map((r) => [r.file, r.state, r.plan?.action])).toEqual(files.map((f) => [f, "done", "rewrap"]));
    expect(keys.unwraps()).toBe(5);
    for (const file of files)
      expect([await opens(file, next), await opens(file, old)]).toEqual(["ok", "SEAL_NO_IDENTITY"]);
    expect(readdirSync(root)).toHaveLength(5);
    expect((await batch(keysOf(next), toNext)).map((r) => r.state)).toEqual(files.map(() => "unchanged"));
  });

  it("goes on past a file that fails, and where it was interrupted", async () => {
    writeFileSync(files[2]!, "no qvd");
    const journal = join(root, "rotate.jsonl");
    const options = { ...toNext, rekey: true, journal };
    const keys = keysOf(old);
    const first = await batch(keys, options);
    expect(first.map((r) => r.state)).toEqual(["done", "done", "failed", "done", "done"]);
    expect(keys.unwraps()).toBe(4);
    writeFileSync(files[2]!, sealed);
    // Cut off in the middle of a line, as a crash does.
    writeFileSync(journal, `${readFileSync(journal, "utf8")}{"job":"x`);
    const second = await batch(keysOf(old, next), options);
    expect(second.map((r) => r.state)).toEqual(["skipped", "skipped", "done", "skipped", "skipped"]);
    // A job that came to its end is over: the next one with the same words is a new one.
    for (const f of files) writeFileSync(f, sealed);
    const third = await batch(keysOf(old), options);
    expect(third.every((r) => r.state === "done")).toBe(true);
    for (const f of files) expect(await opens(f, next)).toBe("ok");
  });

  it("does not take another file under a journalled name for one that is done", async () => {
    writeFileSync(files[1]!, "no qvd");
    for (const more of [{}, { rekey: true }, { reseal: true }]) {
      const options = { ...toNext, ...more, journal: join(root, "rotate.jsonl") };
      writeFileSync(files[0]!, sealed);
      expect((await batch(keysOf(old, next), options)).map((r) => r.state).slice(0, 2)).toEqual(["done", "failed"]);
      // A reload, a restored backup, or a run in another folder.
      writeFileSync(files[0]!, sealed);
      const again = await batch(keysOf(old, next), options);
      expect(again.map((r) => r.state)).toEqual(["done", "failed", "skipped", "skipped", "skipped"]);
      expect([await opens(files[0]!, next), await opens(files[0]!, old)]).toEqual(["ok", "SEAL_NO_IDENTITY"]);
      for (const file of files.slice(2)) writeFileSync(file, sealed);
      rmSync(options.journal);
    }
  });

  it("does not write its journal into a file that is none", async () => {
    const notes = join(root, "notes.txt");
    for (const [path, bytes] of [
      [files[0]!, sealed],
      [notes, Buffer.from("mine")],
    ] as const) {
      writeFileSync(path, bytes);
      await expect(batch(keysOf(old), { ...toNext, journal: path })).rejects.toMatchObject({ code: "SINK_EXISTS" });
      expect(readFileSync(path).equals(bytes)).toBe(true);
    }
  });

  it("brings the files that are being rotated to their end where the journal cannot be written", async () => {
    let [begun, ended] = [0, 0];
    const rotate: RotateOne = async (file, find, options) => {
      begun += 1;
      const plan = await rotateFile(file, find, options);
      // The other file is long done, and its line was refused.
      if (file !== files[0]) await new Promise((resolve) => setTimeout(resolve, 100));
      ended += 1;
      return plan;
    };
    const options = { ...toNext, journal: join(root, "j"), jobs: 2, rotate };
    let lines = 0;
    const open: FileOperations["open"] = async (...args) => {
      const opened = await SYSTEM_OPERATIONS.open(...args);
      if (args[1] !== "a") return opened;
      const sync = async () => {
        if (++lines > 1) throw Object.assign(new Error("no room"), { code: "ENOSPC" });
      };
      return { write: opened.write.bind(opened), sync, close: () => opened.close() } as unknown as OpenFile;
    };
    await failure("SINK_WRITE", () =>
      withFileOperations({ ...SYSTEM_OPERATIONS, open }, () => rotateBatch(files, keysOf(old), options)),
    );
    expect([begun, ended]).toEqual([2, 2]);
  });

  it("says of each file what is wrong with it, and where", async () => {
    const damaged = sealed.slice();
    const at = Buffer.from(damaged).indexOf("QSEAL1") + 50;
    damaged[at]! ^= 1;
    writeFileSync(files[1]!, damaged);
    writeFileSync(files[3]!, await plainQvd({ a: [1] }));
    const results = await batch(keysOf(old), toNext);
    expect(results[1]!.error).toMatchObject({
      name: "QErr",
      code: "SEAL_DAMAGED",
      part: "seal region",
      offset: expect.any(Number),
      hint: expect.stringContaining("fetch the file again"),
    });
    expect(results[3]).toEqual({ file: files[3], state: "unsealed" });
    expect(Buffer.from(damaged).equals(readFileSync(files[1]!))).toBe(true);
  });

  it("stops when the key store is the trouble", async () => {
    let tries = 0;
    const locked: FindKey = async () => {
      tries += 1;
      throw new QErr("KEY_PIN_LOCKED", "locked");
    };
    await expect(batch(locked, toNext)).rejects.toMatchObject({ code: "KEY_PIN_LOCKED" });
    expect(tries).toBeLessThanOrEqual(how === "one thread" ? 1 : 2);
  });

  it("proves the new key where it is given, and signs anew what is resealed", async () => {
    const wrong = { ...toNext, confirm: keysOf(person("wrong")) };
    expect((await batch(keysOf(old), wrong)).map((r) => r.error?.code)).toEqual(files.map(() => "SEAL_NO_IDENTITY"));
    expect((await batch(keysOf(old), { ...toNext, confirm: keysOf(next) })).every((r) => r.state === "done")).toBe(
      true,
    );
    const signed = await sealedQvd(writer.handle);
    writeFileSync(files[0]!, signed);
    const reseal = { ...toNext, reseal: true };
    const [unsigned] = await batch(keysOf(old), reseal, [files[0]!]);
    expect(unsigned!.error?.code).toBe("SEAL_UNSIGNED");
    await batch(keysOf(old), { ...reseal, signer: writer.handle }, [files[0]!]);
    const bytes = memorySource(bytesOf(files[0]!));
    const policy = { signature: { trusted: [writer.certificate] } };
    expect((await verifySealed(bytes, keysOf(next), policy)).findings).toEqual([]);
    expect((await inspectSealed(bytes)).fileId).not.toBe((await inspectSealed(memorySource(signed))).fileId);
  });

  it("works more files at a time than there are threads", async () => {
    const options = { ...toNext, jobs: 4, rotate: how === "one thread" ? undefined : crew.rotate };
    expect((await rotateBatch(files, keysOf(old), options)).map((r) => r.state)).toEqual(files.map(() => "done"));
  });
});

describe("threads that rotate", () => {
  it("hand what was unwrapped over: nothing of it is left where the keys are", async () => {
    const answers: Uint8Array[] = [];
    const keys = keysOf(old);
    const watched: FindKey = async (ref) => {
      const handle = await keys(ref);
      return (
        handle && {
          ...handle,
          async unwrap(request) {
            const answer = await handle.unwrap(request);
            answers.push(answer);
            return answer;
          },
        }
      );
    };
    await crew.rotate(files[0]!, watched, toNext);
    expect(answers.map((bytes) => [bytes.byteLength, bytes.every((byte) => byte === 0)])).toEqual([[32, true]]);
  });

  it("that cannot start, or are gone, are an error and not a wait", async () => {
    const broken = new URL("data:text/javascript,throw new Error('broken')");
    await expect(openRotateCrew(2, broken)).rejects.toThrow("broken");
    const over = await openRotateCrew(1, worker);
    await over.close();
    await expect(over.rotate(files[0]!, keysOf(old), toNext)).rejects.toThrow("ended before its time");
    const mute: FindKey = () => new Promise(() => {});
    const dying = await openRotateCrew(1, worker);
    const lost = dying.rotate(files[0]!, mute, toNext);
    const seen = expect(lost).rejects.toThrow("ended before its time");
    await new Promise((resolve) => setTimeout(resolve, 100));
    await dying.close();
    await seen;
    expect(await opens(files[0]!, old)).toBe("ok");
  });

  it("are what --jobs starts", async () => {
    const pem = (who: Person) => `${who.certificate}${who.key.export({ type: "pkcs8", format: "pem" })}`;
    writeFileSync(join(root, "old.pem"), pem(old), { mode: 0o600 });
    writeFileSync(join(root, "next.crt"), next.certificate.toString());
    const names = ["--from", join(root, "old.pem"), "--to", join(root, "next.crt"), "--yes", "--jobs", "2"];
    const { code, out, err } = await spawnCli(["rotate", root, ...names]);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toContain("5 rotated, 0 had nothing to do");
    for (const file of files) expect(await opens(file, next)).toBe("ok");
  });
});
