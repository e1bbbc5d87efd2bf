// Compiles the kernel and embeds its bytes in src/kernel/code.gen.ts, so that no build of qvault needs a file beside it.
//
//   node assembly/embed.mjs           writes the file
//   node assembly/embed.mjs --check   ends with 1 if it is not what the sources make

import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";

const root = new URL("..", import.meta.url);
const target = new URL("src/kernel/code.gen.ts", root);

async function compile(build) {
  let binary;
  const { error, stderr } = await asc.main(
    ["--config", "asconfig.json", "--target", build, "--outFile", "kernel.wasm", "--baseDir", fileURLToPath(root)],
    {
      readFile: (name, base) => readFile(new URL(name, new URL(`file://${base.replace(/\/?$/, "/")}`)), "utf8").catch(() => null),
      writeFile: (_name, contents) => {
        binary = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
  return Buffer.from(binary);
}

function lines(name, comment, binary) {
  const text = binary.toString("base64").replace(/.{1,112}/g, (line) => `  "${line}" +\n`);
  return `/** ${comment}, ${binary.byteLength} bytes. */\nexport const ${name}: string =\n${text.replace(/ \+\n$/, ";\n")}`;
}

/** The text of code.gen.ts as the sources make it now. */
export async function generate() {
  const scalar = await compile("scalar");
  const simd = await compile("simd");
  return [
    "// Made by assembly/embed.mjs from assembly/*.ts; a test compares it with what they make. Base64.\n",
    lines("SCALAR_CODE", "Build without SIMD", scalar),
    lines("SIMD_CODE", "Build with SIMD", simd),
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const made = await generate();
  if (!process.argv.includes("--check")) await writeFile(target, made);
  else if ((await readFile(target, "utf8").catch(() => "")) !== made) {
    console.error("src/kernel/code.gen.ts is not what assembly/ makes: run node assembly/embed.mjs");
    process.exitCode = 1;
  }
}
