import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";

/** The project's root, with a slash at its end. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Files below `folder` (from the root) whose name ends so, as paths from the root with `/`. */
export function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
    .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)).replaceAll("\\", "/"))
    .filter((path) => !path.includes("node_modules/"))
    .sort();
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

export interface Import {
  /** As written, e.g. `../errors.ts` or `node:fs`. */
  readonly specifier: string;
  readonly typeOnly: boolean;
}

/** The import and re-export statements of a TypeScript file, dynamic imports of literal names included. */
export function importsOf(path: string): Import[] {
  const text = textOf(path).replace(/\/\*[\s\S]*?\*\//g, "");
  const statement = /^(?:import|export)\s+(type\s+)?(?:([\w*${}\s,]*?)\s+from\s+)?["']([^"']+)["']/gm;
  const found = [...text.matchAll(statement)].map((m) => ({
    specifier: m[3]!,
    typeOnly: m[1] !== undefined || onlyTypes(m[2] ?? ""),
  }));
  const dynamic = [...text.matchAll(/import\(\s*["']([^"']+)["']\s*\)/g)].map((m) => ({
    specifier: m[1]!,
    typeOnly: false,
  }));
  return [...found, ...dynamic];
}

/** True for `{ type A, type B }`. */
function onlyTypes(clause: string): boolean {
  const names = /^\{([\s\S]*)\}$/.exec(clause.trim())?.[1]?.split(",") ?? [];
  const kept = names.map((name) => name.trim()).filter((name) => name !== "");
  return kept.length > 0 && kept.every((name) => name.startsWith("type "));
}
