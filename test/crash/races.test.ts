import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { openSealedQvd } from "../../src/engine/open-sealed.ts";
import { rotateFile } from "../../src/engine/rotate-file.ts";
import { verifySealed } from "../../src/engine/seal-verify.ts";
import { isQErr } from "../../src/errors.ts";
import { fileSource } from "../../src/source/file.ts";
import { type FileOperations, SYSTEM_OPERATIONS, withFileOperations } from "../../src/source/file-operations.ts";
import { ownerHere, ownerText } from "../../src/source/process-owner.ts";
import { runCli } from "../helpers/cli.ts";
import { failure } from "../helpers/errors.ts";
import { keysOf, person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";

const root = mkdtempSync(join(tmpdir(), "qvault-races-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const ROUNDS = process.env.QVAULT_LONG ? 1000 : 20;
const [old, next] = [person("old"), person("next")];
const fromOld = { x5t: old.handle.info.x5t };
const there = { from: fromOld, to: [next.recipient()] };
const back = { from: { x5t: next.handle.info.x5t }, to: [old.recipient()] };
const file = join(root, "f.qvd");
const victim = join(root, "victim");
const keys = keysOf(old, next);
let sealed: Uint8Array;

beforeEach(async () => {
  sealed ??= await sealBytes(await plainQvd({ a: [1, 2, 3], b: ["x", "y", null] }), {
    slots: [{ name: "one", recipients: [old.recipient()], fields: ["a"] }],
  });
  for (const name of readdirSync(root)) rmSync(join(root, name), { recursive: true, force: true });
  writeFileSync(file, sealed);
  writeFileSync(victim, "precious");
});

/** The system's operations, and `work` just before the first rename. */
function beforeRename(work: () => void): FileOperations {
  let done = false;
  return {
    ...SYSTEM_OPERATIONS,
    async open(...args) {
      const opened = await SYSTEM_OPERATIONS.open(...args);
      if (!done && args[1] === "wx") {
        done = true;
        work();
      }
      return opened;
    },
  };
}

const code = async (work: () => Promise<unknown>) =>
  work().then(
    () => "done",
    (error: unknown) => (isQErr(error) ? error.code : `${error}`),
  );
const opensWith = (who: typeof old) =>
  code(async () => {
    const { findings } = await verifySealed(await fileSource(file), keysOf(who));
    if (findings.length > 0) throw new Error(JSON.stringify(findings));
  });

function replace(bytes: Uint8Array): void {
  writeFileSync(`${file}.new`, bytes);
  renameSync(`${file}.new`, file);
}

describe("a file that changes while it is rotated", () => {
  it.each([
    ["replaced", replace],
    ["written over", (bytes: Uint8Array) => writeFileSync(file, bytes)],
    ["removed", () => rmSync(file)],
  ] as const)("because it is %s keeps what came, and the rotation is refused", async (what, change) => {
    const newer = await sealBytes(await plainQvd({ a: [9], b: ["newer"] }), {
      slots: [{ name: "one", recipients: [old.recipient()], fields: ["a"] }],
    });
    for (const more of [{}, { rekey: true }, { reseal: true }]) {
      writeFileSync(file, sealed);
      const disk = beforeRename(() => change(newer));
      await failure("SOURCE_CHANGED", () =>
        withFileOperations(disk, () => rotateFile(file, keys, { ...there, ...more })),
      );
      const left = readdirSync(root).sort();
      expect(left).toEqual(what === "removed" ? ["victim"] : ["f.qvd", "victim"]);
      if (what !== "removed") expect(new Uint8Array(readFileSync(file))).toEqual(newer);
    }
  });
});

describe("a file that changes while a new one is made to take its place", () => {
  it("keeps what came, whichever command it is", async () => {
    const [pem, crt] = [join(root, "old.pem"), join(root, "old.crt")];
    const plain = await plainQvd({ a: [1, 2, 3], b: ["x", "y", null] });
    const newer = await plainQvd({ a: [9], b: ["newer"] });
    writeFileSync(pem, `${old.certificate}${old.key.export({ type: "pkcs8", format: "pem" })}`);
    writeFileSync(crt, old.certificate.toString());
    const link = join(root, "link.qvd");
    symlinkSync("f.qvd", link);
    const before = readdirSync(root).sort();
    for (const [bytes, args] of [
      [plain, ["encrypt", file, "--fields", "a", "--to", crt]],
      [plain, ["encrypt", link, "--fields", "a", "--to", crt]],
      [sealed, ["decrypt", file, "--key", pem]],
      [plain, ["export", file, "--fields", "a"]],
    ] as const) {
      writeFileSync(file, bytes);
      const disk = beforeRename(() => replace(newer));
      const { code, err } = await withFileOperations(disk, () => runCli([...args, "-o", file, "--force"]));
      expect([code, err], args[0]).toEqual([3, expect.stringContaining("SOURCE_CHANGED")]);
      expect(new Uint8Array(readFileSync(file))).toEqual(newer);
      expect(readdirSync(root).sort()).toEqual(before);
      writeFileSync(file, bytes);
      expect((await runCli([...args, "-o", file, "--force"])).code, args[0]).toBe(0);
    }
  });
});

describe("symbolic links", () => {
  it("are followed to the file that is rotated, and stay links", async () => {
    const link = join(root, "link.qvd");
    symlinkSync("f.qvd", link);
    expect((await rotateFile(link, keys, there)).action).toBe("rewrap");
    expect(readlinkSync(link)).toBe("f.qvd");
    expect([await opensWith(next), await opensWith(old)]).toEqual(["done", "SEAL_NO_IDENTITY"]);
    expect(readdirSync(root).sort()).toEqual(["f.qvd", "link.qvd", "victim"]);
  });

  it("in the lock's place are not written through", async () => {
    symlinkSync(victim, join(root, ".f.qvd.lock"));
    await failure("SINK_WRITE", () => rotateFile(file, keys, there));
    expect(readFileSync(victim, "utf8")).toBe("precious");
    expect(new Uint8Array(readFileSync(file))).toEqual(sealed);
  });

  it("swapped into the target's place are replaced, not written through", async () => {
    for (const args of [["export", file, "--fields", "b", "-o", join(root, "out.qvd"), "--force"]]) {
      writeFileSync(join(root, "out.qvd"), "old");
      const disk = beforeRename(() => {
        rmSync(join(root, "out.qvd"));
        symlinkSync(victim, join(root, "out.qvd"));
      });
      expect((await withFileOperations(disk, () => runCli(args))).code).toBe(0);
      expect(readFileSync(victim, "utf8")).toBe("precious");
      expect(lstatSync(join(root, "out.qvd")).isFile()).toBe(true);
    }
    // A key never goes where a link leads.
    symlinkSync(victim, join(root, "k.key"));
    expect((await runCli(["keys", "generate", join(root, "k"), "--type", "p256"])).code).toBe(10);
    expect(readFileSync(victim, "utf8")).toBe("precious");
  });
});

describe("what a killed rotation left", () => {
  it("is cleared away by the next, however long the file's name", async () => {
    const gone = { ...(await ownerHere()), pid: 2 ** 22 + 1 };
    const folder = join(root, "long");
    mkdirSync(folder);
    for (const length of [5, 150, 151, 200, 255]) {
      const name = `${"x".repeat(length - 4)}.qvd`;
      const path = join(folder, name);
      writeFileSync(path, sealed);
      // Killed when it had all but replaced the file.
      let left: string | undefined;
      const rename = async (from: string) => {
        left = from;
        throw new Error("killed");
      };
      const unlink = async () => {};
      await withFileOperations({ ...SYSTEM_OPERATIONS, rename, unlink }, () => rotateFile(path, keys, there)).catch(
        () => {},
      );
      expect(readdirSync(folder).length, `${length}`).toBe(3);
      const lock = readdirSync(folder).find((other) => other.endsWith("lock"))!;
      const { temporary } = JSON.parse(readlinkSync(join(folder, lock))) as { readonly temporary: string };
      expect(temporary).toBe(left);
      rmSync(join(folder, lock));
      symlinkSync(JSON.stringify({ owner: ownerText(gone), temporary }), join(folder, lock));
      expect((await rotateFile(path, keys, there)).action).toBe("rewrap");
      expect(readdirSync(folder), `${length}`).toEqual([name]);
      rmSync(path);
    }
  });

  it("is told from a lock that could not be written, where locks are files", async () => {
    const symlink = async () => {
      throw Object.assign(new Error("no links here"), { code: "EPERM" });
    };
    const full = Object.assign(new Error("no room"), { code: "ENOSPC" });
    const open: FileOperations["open"] = async (...args) => {
      const opened = await SYSTEM_OPERATIONS.open(...args);
      const write = () => Promise.reject(full);
      return { ...opened, write: write as typeof opened.write, close: () => opened.close() } as typeof opened;
    };
    await failure("SINK_WRITE", () =>
      withFileOperations({ ...SYSTEM_OPERATIONS, symlink, open }, () => rotateFile(file, keys, there)),
    );
    expect(readdirSync(root).sort()).toEqual(["f.qvd", "victim"]);
  });

  it("names the lock that cannot be removed, and is no bug", async () => {
    const unlink = async () => {
      throw Object.assign(new Error("read-only"), { code: "EROFS" });
    };
    const said = await withFileOperations({ ...SYSTEM_OPERATIONS, unlink }, () =>
      failure("SINK_WRITE", () => rotateFile(file, keys, there)),
    );
    expect(said.hint).toBe(`remove ${join(root, ".f.qvd.lock")}`);
    expect(await opensWith(next)).toBe("done");
  });
});

describe("several at once", () => {
  it("rotate a file one after the other or not at all, while readers see it whole", async () => {
    let turning = true;
    let reads = 0;
    const reader = async () => {
      while (turning) {
        const table = await openSealedQvd(await fileSource(file), keys);
        expect(table.rows).toBe(3);
        await table.close();
        reads += 1;
      }
    };
    const readers = [reader(), reader()];
    for (let round = 0; round < ROUNDS; round++) {
      const plan = round % 2 === 0 ? there : back;
      const said = await Promise.all([1, 2, 3, 4].map(() => code(() => rotateFile(file, keys, plan))));
      expect(
        said.every((s) => s === "done" || s === "SINK_WRITE"),
        said.join(" "),
      ).toBe(true);
      expect(said).toContain("done");
      const [by, not] = round % 2 === 0 ? [next, old] : [old, next];
      expect([await opensWith(by), await opensWith(not)]).toEqual(["done", "SEAL_NO_IDENTITY"]);
      expect(readdirSync(root).sort()).toEqual(["f.qvd", "victim"]);
    }
    turning = false;
    await Promise.all(readers);
    expect(reads).toBeGreaterThan(ROUNDS);
  }, 600_000);

  it("write one name: without --force the first one wins, with it the last, and each is whole", async () => {
    const out = join(root, "out.csv");
    const args = ["export", file, "--fields", "b", "-o", out];
    const first = await Promise.all([1, 2, 3, 4, 5, 6].map(() => runCli(args)));
    expect(first.map((r) => r.code).sort((a, b) => a - b)).toEqual([0, 10, 10, 10, 10, 10]);
    const whole = readFileSync(out, "utf8");
    expect(whole).toBe("\ufeffb\r\nx\r\ny\r\n\r\n");
    const all = await Promise.all([1, 2, 3, 4, 5, 6].map(() => runCli([...args, "--force"])));
    expect(all.map((r) => r.code)).toEqual([0, 0, 0, 0, 0, 0]);
    expect(readFileSync(out, "utf8")).toBe(whole);
    expect(readdirSync(root).sort()).toEqual(["f.qvd", "out.csv", "victim"]);
  });
});

describe("a key pair that was made, but for the end of a killed run", () => {
  it("is refused another time, and what the run left is cleared away", async () => {
    const pair = join(root, "made");
    expect((await runCli(["keys", "generate", pair, "--type", "p256"])).code).toBe(0);
    const gone = ownerText({ ...(await ownerHere()), pid: 2 ** 22 + 1 });
    for (const name of ["made.key", "made.crt"]) writeFileSync(join(root, `.${name}.${gone}.01234567.tmp`), "half");
    const again = await runCli(["keys", "generate", pair, "--type", "p256"]);
    expect(again.err).toContain("SINK_EXISTS");
    expect(readdirSync(root).sort()).toEqual(["f.qvd", "made.crt", "made.key", "victim"]);
  });
});
