import { copyFile, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { writeOrders } from "../../src/demo/orders.ts";
import { fileSink } from "../../src/source/file-sink.ts";
import { qvault, shellWords } from "../helpers/command.ts";
import { filesBelow, ROOT, textOf } from "./tree.ts";

const readme = textOf("README.md");

/** Lines of the fenced blocks of one language. */
function blocks(language: string): string[] {
  return [...readme.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map((m) => m[1]!);
}

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "qvault-readme-"));
  const sink = await fileSink(join(folder, "sales.qvd"));
  await writeOrders(sink, 100);
  await sink.commit();
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe("the README", () => {
  it("names the two commands, and they are scripts", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { readonly scripts: Record<string, string> };
    expect(readme).toContain("npm ci && npm run demo");
    expect(readme).toContain("npm ci && npm test");
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["demo", "test", "build", "lint", "types", "bench"]));
  });

  it("shows commands that run, in the order shown", { timeout: 240_000 }, async () => {
    const lines = blocks("sh").flatMap((block) => block.split("\n").filter((line) => line.startsWith("qvault ")));
    expect(lines.length).toBeGreaterThan(3);
    for (const line of lines) {
      const { code, stderr } = await qvault(shellWords(line.replace(/\s+#.*$/, "")).slice(1), { cwd: folder });
      expect({ line, code, stderr }).toMatchObject({ code: 0 });
    }
  });

  it("shows library code that runs", async () => {
    const code = blocks("js");
    expect(code.length).toBeGreaterThan(0);
    for (const [i, block] of code.entries()) {
      const script = join(folder, `example-${i}.mjs`);
      const entry = new URL("dist/src/index.js", `file://${ROOT}`).href;
      await writeFile(script, block.replaceAll('from "qvault"', `from ${JSON.stringify(entry)}`));
      await copyFile(join(folder, "sales.qvd"), join(folder, `copy-${i}.qvd`));
      const { execFile } = await import("node:child_process");
      const failure = await new Promise((resolve) => {
        execFile(process.execPath, [script], { cwd: folder }, (error, _out, stderr) => resolve(error ? stderr : ""));
      });
      expect(failure).toBe("");
    }
  });

  it("lists every command that there is", async () => {
    const { stdout } = await qvault(["--help"]);
    const commands = [...stdout.matchAll(/^ {2}([a-z]+) /gm)]
      .map((m) => m[1]!)
      .filter((name) => name !== "help" && name !== "qvault");
    expect(commands.length).toBeGreaterThan(4);
    expect(commands.filter((name) => !readme.includes(`| \`${name}`))).toEqual([]);
  });
});

describe("SPEC.md", () => {
  it("has every section that code cites", () => {
    const sections = new Set([...textOf("SPEC.md").matchAll(/^(?:#+ )?(\d+(?:\.\d+)*)[ \n]/gm)].map((m) => m[1]!));
    const files = [...filesBelow("src", ".ts"), ...filesBelow("test", ".ts"), ...filesBelow("assembly", ".ts")];
    const cited = files.flatMap((file) => [...textOf(file).matchAll(/SPEC (\d+(?:\.\d+)*)/g)].map((m) => m[1]!));
    expect(cited.length).toBeGreaterThan(8);
    expect(cited.filter((section) => !sections.has(section))).toEqual([]);
  });
});

describe("--help", () => {
  it("shows examples first", async () => {
    const { code, stdout } = await qvault(["--help"]);
    expect(code).toBe(0);
    expect(stdout.startsWith("Examples:\n  qvault ")).toBe(true);
  });

  it("names every exit code", async () => {
    const { stdout } = await qvault(["--help"]);
    const { EXIT } = await import("../../src/cli/exit-codes.ts");
    for (const code of Object.values(EXIT)) expect(stdout).toMatch(new RegExp(`\\b${code} [a-z]`));
  });
});
