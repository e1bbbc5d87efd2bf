import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reportError } from "../../src/cli/report.ts";
import { readSealedHead } from "../../src/engine/open-seal-head.ts";
import { authenticate } from "../../src/seal/authenticate.ts";
import { memorySource } from "../../src/source/memory.ts";
import { writeQvds } from "../engine/access-folder.ts";
import { runCli } from "../helpers/cli.ts";
import { keysOf, person } from "../seal/people.ts";
import { plainQvd, sealBytes } from "../seal/sealed.ts";

const folder = mkdtempSync(join(tmpdir(), "qvault-leaks-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string) => join(folder, name);

const CELL = "CANARY-CELL-7f3a";
const NUMBER = 918273645546;
const PIN = "CANARY-PIN-51c2";
const WRONG_PIN = "CANARY-PIN-wrong";
const owner = person("owner");
let sealed: Uint8Array;
let secrets: readonly string[];

beforeAll(async () => {
  const qvd = await plainQvd({ secret: [`${CELL}-1`, `${CELL}-2`], figure: [NUMBER, 2], open: ["x", "y"] });
  sealed = await sealBytes(qvd, {
    slots: [{ name: "one", recipients: [owner.recipient()], fields: ["secret", "figure"] }],
  });
  writeFileSync(at("plain.qvd"), qvd);
  writeFileSync(at("sealed.qvd"), sealed);
  const pem = owner.key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PIN });
  writeFileSync(at("owner.pem"), `${owner.certificate}${pem}`, { mode: 0o600 });
  writeFileSync(at("pin"), PIN, { mode: 0o600 });
  writeFileSync(at("wrong-pin"), WRONG_PIN, { mode: 0o600 });
  const { region } = await readSealedHead(memorySource(sealed));
  const opened = await authenticate(region, keysOf(owner));
  const keys = [opened.slots[0]!.slotKey, opened.slots[0]!.contentKey, opened.commonKey, opened.dataKey(0)!];
  secrets = [
    CELL,
    String(NUMBER),
    PIN,
    WRONG_PIN,
    ...keys.flatMap((key) => (["hex", "base64", "latin1"] as const).map((form) => Buffer.from(key).toString(form))),
  ];
});

const leaked = (text: string) => secrets.filter((secret) => text.includes(secret));
const KEY = () => ["--key", at("owner.pem"), "--pin", `file:${at("pin")}`];

describe("what is said", () => {
  it("when files are damaged at any of 200 places holds no cell, key or PIN", async () => {
    for (let i = 0; i < 200; i++) {
      const source = new Uint8Array(readFileSync(i % 2 === 0 ? at("plain.qvd") : at("sealed.qvd")));
      const place = Math.floor((i / 200) * source.length);
      source[place]! ^= 1 << (i % 8);
      writeFileSync(at("damaged.qvd"), source);
      for (const args of [
        ["verify", at("damaged.qvd"), ...(i % 4 === 1 ? KEY() : [])],
        ["export", at("damaged.qvd"), "-o", at("out.parquet"), "--force"],
      ]) {
        const { err } = await runCli(args);
        expect(leaked(err), `byte ${place}: ${args[0]}`).toEqual([]);
      }
    }
  });

  it("when keys, PINs, values or users are wrong holds none of them", async () => {
    writeFileSync(at("bad.csv"), `a,b\n"${CELL}" ${CELL},1\n`);
    writeFileSync(at("bad.json"), `[{"a": "${CELL}", "a": ${NUMBER}e999}]`);
    writeFileSync(at("bad.ndjson"), `{"a": "${CELL}"}\n{"a": ${CELL}}\n`);
    await writeQvds(at("shop"), [{ name: "t", fields: ["KEY"], rows: [[CELL]] }]);
    const access = { fields: ["ACCESS", "USERID", "KEY"], rows: [["USER", "ANN", `${CELL}x`]] };
    writeFileSync(at("shop/section-access.json"), JSON.stringify(access));
    const wrong = ["--key", at("owner.pem"), "--pin", `file:${at("wrong-pin")}`];
    const failing = [
      ["decrypt", at("sealed.qvd"), "-o", at("o.qvd"), ...wrong],
      ["keys", "check", at("owner.pem"), "--pin", `file:${at("wrong-pin")}`],
      ["rotate", at("sealed.qvd"), "--from", at("owner.pem"), "--remove", "--yes", "--pin", `file:${at("pin")}`],
      ["import", at("bad.csv"), "-o", at("i.qvd")],
      ["import", at("bad.json"), "-o", at("i.qvd")],
      ["import", at("bad.ndjson"), "-o", at("i.qvd")],
      ["reduce", at("shop"), "--user", "ANN", "-o", at("r.qvf"), "--audit", at("audit.jsonl")],
      ["reduce", at("shop"), "--user", "BOB", "-o", at("r.qvf"), "--audit", at("audit.jsonl")],
    ];
    for (const args of failing) {
      const { code, err } = await runCli(args);
      expect(code, args.join(" ")).not.toBe(0);
      expect(leaked(err), args.join(" ")).toEqual([]);
    }
    expect(readFileSync(at("audit.jsonl"), "utf8").trim().split("\n").length).toBe(2);
    expect(leaked(readFileSync(at("audit.jsonl"), "utf8"))).toEqual([]);
  });

  it("of an address that cannot be read has neither its password nor its query", async () => {
    const address = `http://user:${PIN}@127.0.0.1:1/x.qvd?sig=${CELL}`;
    for (const command of ["inspect", "verify", "digest", "head"]) {
      const { code, err } = await runCli([command, address]);
      expect({ code, err }).toEqual({ code: 3, err: expect.stringContaining("http://127.0.0.1:1/x.qvd") });
      expect(leaked(err), command).toEqual([]);
    }
  });

  it("of a bug in qvault is where it is, and not what it choked on", () => {
    let said = "";
    const terminal = { status: () => {}, err: (line: string) => (said += line) };
    try {
      JSON.parse(`${CELL}`);
    } catch (error) {
      reportError(error, terminal as unknown as Parameters<typeof reportError>[1]);
    }
    expect(said).toContain("SyntaxError");
    expect(said).toContain("leaks.test");
    expect(leaked(said)).toEqual([]);
  });
});

describe("what is left on the disk", () => {
  it("is no temporary file, also of an import that needed room, and a key is its owner's alone", async () => {
    const before = process.env.TMPDIR;
    mkdirSync(at("tmp"));
    process.env.TMPDIR = at("tmp");
    try {
      writeFileSync(at("many.csv"), `a\n${Array.from({ length: 70_000 }, (_, i) => `${CELL}-${i}`).join("\n")}\n`);
      expect((await runCli(["import", at("many.csv"), "-o", at("many.qvd")])).code).toBe(0);
      expect((await runCli(["keys", "generate", at("made"), "--type", "p256"])).code).toBe(0);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
    expect(readdirSync(at("tmp"))).toEqual([]);
    expect(readdirSync(folder).filter((name) => name.startsWith("."))).toEqual([]);
    if (process.platform !== "win32") {
      expect(statSync(at("made.key")).mode & 0o777).toBe(0o600);
      expect(statSync(at("audit.jsonl")).mode & 0o777).toBe(0o600);
    }
  });
});

describe("what the heap holds when commands are done", () => {
  it("is no cell, no PIN and no key as text", { timeout: 120_000 }, () => {
    expect(existsSync(new URL("../../dist/src/cli/run.js", import.meta.url)), "npm test builds dist first").toBe(true);
    const commands = [
      ["decrypt", at("sealed.qvd"), "-o", at("heap.qvd"), ...KEY()],
      ["export", at("heap.qvd"), "-o", at("heap.csv")],
      ["verify", at("sealed.qvd"), ...KEY()],
      ["decrypt", at("sealed.qvd"), "-o", at("none.qvd"), "--key", at("owner.pem"), "--pin", `file:${at("wrong-pin")}`],
    ];
    const job = JSON.stringify({ commands, snapshot: at("heap.heapsnapshot") });
    const child = spawnSync(process.execPath, [new URL("heap-child.mjs", import.meta.url).pathname, job], {
      encoding: "utf8",
    });
    expect(child.stderr).toBe("");
    const codes = JSON.parse(child.stdout) as number[];
    expect(codes.slice(0, 3)).toEqual([0, 0, 0]);
    expect(codes[3]).not.toBe(0);
    expect(readFileSync(at("heap.csv"), "utf8")).toContain(CELL);
    const heap = readFileSync(at("heap.heapsnapshot"), "utf8");
    expect(heap).toContain("CANARY-PLANTED");
    expect(leaked(heap)).toEqual([]);
  });
});
