import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readSealHead } from "../../src/engine/seal-head.ts";
import { slotMac } from "../../src/seal/macs.ts";
import { slotKeys } from "../../src/seal/suite.ts";
import { memorySource } from "../../src/source/memory.ts";
import { runCli } from "../helpers/cli.ts";
import { missing } from "../helpers/missing.ts";
import { goodImage } from "../helpers/qvf-image.ts";
import { person } from "./people.ts";
import { plainQvd, sealBytes } from "./sealed.ts";

const TYPES = ["p256", "p384", "p521", "rsa-2048", "rsa-2048-sha1"] as const;

const LONG = Boolean(process.env.QVAULT_LONG);
const OF_TABLE = LONG ? TYPES : (["p256", "rsa-2048", "rsa-2048-sha1"] as const);
const OF_APP = LONG ? TYPES : (["p384"] as const);

describe("recover", () => {
  const absent = ["openssl", "base64"].filter((program) => spawnSync(program, ["version"]).error !== undefined);
  if (absent.length > 0) {
    missing(`the programs ${absent.join(", ")}`);
    return;
  }
  const dir = mkdtempSync(join(tmpdir(), "qvault-recover-"));
  const at = (name: string) => join(dir, name);
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  beforeAll(async () => {
    writeFileSync(at("in.qvd"), await plainQvd({ a: [1, 2], b: ["x", "y"] }));
    writeFileSync(at("in.qvf"), await goodImage());
    for (const type of TYPES) {
      const args = ["--type", type.replace("-sha1", ""), "--name", type];
      expect((await runCli(["keys", "generate", at(type), ...args])).code).toBe(0);
    }
  });

  /** Does what is printed for the first slot, line by line, and gives what comes of it. */
  function doAsPrinted(text: string, name: string): Uint8Array {
    const work = mkdtempSync(at("work-"));
    const lines = text.split("\n");
    const own = lines.slice(lines.findIndex((line) => line.startsWith(`# Slot "${name}"`)) + 1);
    writeFileSync(join(work, `${name}.jwe`), own[0]!);
    copyFileSync(at(`${name}.key`), join(work, "private.pem"));
    const end = own.indexOf("");
    const script = own.slice(0, end < 0 ? undefined : end).filter((line) => /^(printf|openssl|node) /.test(line));
    execFileSync("sh", ["-e", "-c", script.join("\n")], { cwd: work, stdio: "pipe" });
    return new Uint8Array(readFileSync(join(work, "slot.key")));
  }

  it.each(["in.qvd", "in.qvf"])(
    "prints commands that give each slot key of a sealed %s, with openssl and node alone",
    async (file) => {
      const sealed = at(`sealed-${file}`);
      for (const type of file === "in.qvd" ? OF_TABLE : OF_APP) {
        const sha1 = type === "rsa-2048-sha1" ? ["--oaep-sha1"] : [];
        const fields = file === "in.qvd" ? "a" : "Text";
        const args = ["--slot", `${type}=${at(`${type}.crt`)}`, "--fields", fields, "--force", ...sha1];
        expect((await runCli(["encrypt", at(file), "-o", sealed, ...args])).code).toBe(0);
        const said = await runCli(["recover", sealed, "--print"]);
        expect([said.code, said.err]).toEqual([0, ""]);
        const slotKey = doAsPrinted(said.out, type);
        // The key is the right one if the slot's MAC is made with it.
        const head = await readSealHead(memorySource(new Uint8Array(readFileSync(sealed))));
        const { mac } = slotKeys(slotKey, head.manifest.fileId);
        const found = slotMac(mac, head.prefix, head.manifestBytes, head.entryBytes[0]!);
        expect(Buffer.from(found).toString("hex"), type).toBe(Buffer.from(head.proofs.macs[0]!).toString("hex"));
      }
    },
  );

  it("keeps to the slot that is asked for, and to files that are sealed", async () => {
    const slots = ["p256", "rsa-2048"].flatMap((name) => ["--slot", `${name}=${at(`${name}.crt`)}`]);
    const fields = ["--slot-fields", "p256=a", "--slot-fields", "rsa-2048=b"];
    expect((await runCli(["encrypt", at("in.qvd"), "-o", at("two.qvd"), ...slots, ...fields])).code).toBe(0);
    const { out } = await runCli(["recover", at("two.qvd"), "--slot", "rsa-2048"]);
    expect(out).toContain('Slot "rsa-2048"');
    expect(out).not.toContain('Slot "p256"');
    expect(doAsPrinted((await runCli(["recover", at("two.qvd")])).out, "rsa-2048")).toHaveLength(32);
    expect(await runCli(["recover", at("two.qvd"), "--slot", "nobody"])).toMatchObject({ code: 2 });
    expect(await runCli(["recover", at("in.qvd")])).toMatchObject({
      code: 2,
      err: expect.stringContaining("SEAL_ABSENT"),
    });
  });

  it("says that a recipient is damaged whose ephemeral key is no point, which whoever writes the file can make", async () => {
    const sealed = at("no-point.qvd");
    const to = ["--fields", "a", "--to", at("p256.crt")];
    expect((await runCli(["encrypt", at("in.qvd"), "-o", sealed, ...to])).code).toBe(0);
    const bytes = readFileSync(sealed);
    const { offset, headLength } = await readSealHead(memorySource(new Uint8Array(bytes)));
    bytes.write("A".repeat(42), bytes.indexOf('"x":"') + 5);
    const end = offset + headLength - 32;
    createHash("sha256").update(bytes.subarray(offset, end)).digest().copy(bytes, end);
    writeFileSync(sealed, bytes);
    expect(await runCli(["recover", sealed])).toMatchObject({
      code: 4,
      err: expect.stringContaining("SEAL_DAMAGED"),
    });
  });

  it("keeps a recipient's label, which whoever writes the file chooses, to its comment", async () => {
    const owner = person("owner");
    const label = "x\n rm -rf ~ #\r\u2028\u0085\u202e";
    const slots = [{ name: "one", recipients: [{ ...owner.recipient(), label }], fields: ["a"] }];
    writeFileSync(at("label.qvd"), await sealBytes(await plainQvd({ a: [1] }), { slots }));
    const { out } = await runCli(["recover", at("label.qvd")]);
    const lines = out.trimEnd().split(/[\n\r\u2028\u0085]/);
    expect(lines.filter((line) => line.includes("rm -rf"))).toEqual([expect.stringMatching(/^# Recipient x\? rm -rf/)]);
    expect(lines.filter((line) => !/^(#|\{|printf |openssl |node -e |$)/.test(line))).toEqual([]);
  });
});
