// Writes sources and tests as JavaScript to build/mutation: types are taken away, nothing is checked.
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import ts from "typescript";

const FOLDERS = ["src", "test", "fixtures", "bench"];
const LEFT_OUT = /(^|\/)(node_modules|mutation|results|peers)(\/|$)/;
const compilerOptions = {
  target: ts.ScriptTarget.ES2023,
  module: ts.ModuleKind.ESNext,
  rewriteRelativeImportExtensions: true,
  verbatimModuleSyntax: true,
};
const outOf = (root, file) => `${root}build/mutation/${file.replace(/\.ts$/, ".js")}`;
const timeOf = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

/** Every file that is newer than what was made of it; and, for the name `vitest`, what collects the tests. */
export function transpileProject(root) {
  for (const file of FOLDERS.flatMap((folder) => [...filesIn(root, folder)])) {
    if (!/\.(ts|mjs|json)$/.test(file) || file.endsWith(".d.ts")) continue;
    if (timeOf(outOf(root, file)) >= timeOf(root + file)) continue;
    if (file.endsWith(".ts")) transpileTo(root, file, readFileSync(root + file, "utf8"));
    else cpSync(root + file, outOf(root, file));
  }
  const stub = `${root}build/mutation/node_modules/vitest/`;
  mkdirSync(stub, { recursive: true });
  writeFileSync(`${stub}package.json`, '{ "name": "vitest", "type": "module", "exports": "./index.js" }\n');
  writeFileSync(`${stub}index.js`, `export * from ${JSON.stringify(new URL("collect.mjs", import.meta.url).href)};\n`);
}

function* filesIn(root, folder) {
  for (const entry of readdirSync(root + folder, { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (LEFT_OUT.test(path)) continue;
    if (entry.isDirectory()) yield* filesIn(root, path);
    else yield path;
  }
}

export function transpileTo(root, file, text) {
  const out = outOf(root, file);
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, ts.transpileModule(text, { compilerOptions, fileName: file }).outputText);
}
