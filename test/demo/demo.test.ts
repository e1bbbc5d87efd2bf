import { mkdir, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { realData, sharedFolder } from "../../src/demo/data.ts";
import { runDemo } from "../../src/demo/demo.ts";
import { writeOrders } from "../../src/demo/orders.ts";
import { checkAudiences, checkNothingLeft } from "../../src/demo/seal-steps.ts";
import { type DemoContext, demoSteps } from "../../src/demo/steps.ts";
import { fileSink } from "../../src/source/file-sink.ts";
import { runCli, spawnCli } from "../helpers/cli.ts";
import { hasShared } from "../helpers/shared.ts";
import { SOFTHSM } from "../keys/tokens.ts";

let folder: string;
let said: string[];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-demo-test-"));
  said = [];
});

afterEach(() => rm(folder, { recursive: true, force: true }));

function context(run: DemoContext["run"]): DemoContext {
  const say = async (text: string) => {
    said.push(text);
  };
  return { folder, file: undefined, shared: join(folder, "no-such-folder"), say, run };
}

const inProcess = async (args: readonly string[]) => (await runCli(args)).code;

describe("the demo", () => {
  it("holds as a command, on real files where they are, and leaves nothing", async () => {
    const temporary = join(folder, "tmp");
    await mkdir(temporary);
    const before = process.env.TMPDIR;
    process.env.TMPDIR = temporary;
    try {
      const { code, out } = await spawnCli(["demo"]);
      expect(out).toContain("── Everything held");
      expect(code).toBe(0);
      const real = hasShared();
      expect(realData(sharedFolder()) !== undefined).toBe(real);
      expect(out).toContain(real ? "a real QVD and a real app" : "There are no real files beside the project");
      const claims = out.split("\n").filter((line) => line.startsWith("── Checked: "));
      expect(claims.some((line) => line.includes("HR gets every ContactName and no Phone"))).toBe(real);
      expect(claims.some((line) => line.includes("Ann has the 20 rows of customer info"))).toBe(real);
      const token = SOFTHSM !== undefined;
      expect(out).toContain(token ? "The token opens it with the new key" : "Nothing of PKCS#11 is shown: ");
      expect(await readdir(temporary)).toEqual([]);
    } finally {
      if (before === undefined) delete process.env.TMPDIR;
      else process.env.TMPDIR = before;
    }
  });

  it("holds on generated files, as in a fresh clone, through every step of the main job", async () => {
    const commands: string[] = [];
    const held = await runDemo(
      context((args) => {
        commands.push(args[0]!);
        return inProcess(args);
      }),
    );
    expect(said.at(-1)).toBe("\n── Everything held\n");
    expect(held).toBe(true);
    expect(said.join("")).toContain("Ann has the 250 rows of Orders with Region North, of 1000, and no other");
    expect(said.join("")).toContain("Ben has the 500 rows with Region South, West");
    expect(said.join("")).toContain(
      "4 of 4 values of Customer are found in the bytes of the plain file, 0 in the sealed",
    );
    for (const name of ["keys", "encrypt", "head", "rotate", "status", "verify", "decrypt", "reduce", "access"]) {
      expect(commands).toContain(name);
    }
  });
});

describe("a step that does not hold", () => {
  it("makes the demo fail: a command's exit code", async () => {
    const steps = demoSteps(context(async () => 0));
    await steps.command("a finding", ["status"], 1);
    expect(steps.failures()).toEqual(["a finding: exit 0 instead of 1"]);
  });

  it("makes the demo fail: a file that is not sealed", async () => {
    const file = join(folder, "orders.qvd");
    const sink = await fileSink(file);
    await writeOrders(sink, 50);
    await sink.commit();
    const subject = { file, hr: "Customer", finance: "Amount" };
    await runCli(["keys", "generate", join(folder, "k"), "--type", "p256"]);
    const steps = demoSteps(context(inProcess));
    const key = join(folder, "k.key");
    await checkAudiences(steps, subject, file, { hr: key, finance: key });
    await checkNothingLeft(steps, subject, file, file);
    expect(steps.failures()).toHaveLength(4);
  });
});
