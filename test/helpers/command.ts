import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The built command; `npm test` builds it first. */
export const QVAULT = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the built `qvault` as a user would, in its own process. */
export function qvault(
  args: readonly string[],
  options: { readonly cwd?: string; readonly stdin?: Uint8Array | string; readonly env?: Record<string, string> } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...options.env };
    const child = execFile(
      process.execPath,
      [QVAULT, ...args],
      { cwd: options.cwd, env, encoding: "utf8", maxBuffer: 256 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === "number" ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.on("error", () => {});
    child.stdin?.end(options.stdin ?? "");
  });
}

/** A shell line of the README as words: only plain words and quotes are used there. */
export function shellWords(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map((m) => m[1] ?? m[2] ?? m[3]!);
}

export const ROOT = join(fileURLToPath(new URL("../../", import.meta.url)));
