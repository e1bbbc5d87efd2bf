import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { ExitCode } from "../../src/cli/exit-codes.ts";
import { run } from "../../src/cli/run.ts";
import type { Terminal } from "../../src/cli/terminal.ts";

export interface CliResult {
  readonly code: number;
  readonly out: string;
  readonly outBytes: Uint8Array;
  readonly err: string;
}

export interface FakeTerminal {
  readonly stdin?: Uint8Array;
  readonly tty?: boolean;
  readonly signal?: AbortSignal;
}

/** Runs a command line in this process on a terminal that is only memory. */
export async function runCli(args: readonly string[], fake: FakeTerminal = {}): Promise<CliResult> {
  const out: Uint8Array[] = [];
  let err = "";
  const terminal: Terminal = {
    async out(data) {
      out.push(typeof data === "string" ? new TextEncoder().encode(data) : data.slice());
    },
    err: (line) => {
      err += `${line}\n`;
    },
    stdin: (async function* () {
      if (fake.stdin) yield fake.stdin;
    })(),
    stdoutIsTty: fake.tty ?? false,
    stderrIsTty: fake.tty ?? false,
    color: false,
    status: (text) => {
      if (fake.tty) err += `\r\u001b[K${text}`;
    },
    outlivePipe: () => {},
    signal: fake.signal ?? new AbortController().signal,
  };
  const code: ExitCode = await run(args, terminal);
  const outBytes = new Uint8Array(Buffer.concat(out));
  return { code, out: new TextDecoder().decode(outBytes), outBytes, err };
}

const MAIN = fileURLToPath(new URL("../../dist/src/cli/main.js", import.meta.url));

export interface ChildResult extends CliResult {
  /** The greatest resident set of the process, in MiB. */
  readonly maxRssMiB: number;
  /** Processor time of the process, all threads, in ms; 0 if it was killed. */
  readonly cpuMs: number;
}

/**
 * Makes a process say on leaving how much memory it had at the most, in KiB, and its processor time in µs. Linux counts into `maxRSS` what the parent had
 * when it forked, so the high-water mark of the process itself is taken where there is one.
 */
const REPORT_RSS = `import{readFileSync,writeSync}from"node:fs";
const own=()=>{try{return /VmHWM:\\s*(\\d+)/.exec(readFileSync("/proc/self/status","utf8"))[1]}catch{return process.resourceUsage().maxRSS}};
const spent=()=>{const{user,system}=process.cpuUsage();return user+system};
process.on("exit",()=>writeSync(3,own()+" "+spent()))`;

export interface ChildOptions {
  readonly stdin?: Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Killed after so long by the wall clock. */
  readonly timeoutMs?: number;
}

/** Runs the built command in a process of its own. */
export function spawnCli(args: readonly string[], options: ChildOptions = {}): Promise<ChildResult> {
  if (!existsSync(MAIN)) throw new Error("dist is missing: run npm run build first, as npm test does");
  const preload = `data:text/javascript,${encodeURIComponent(REPORT_RSS)}`;
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ["--import", preload, MAIN, ...args], {
      stdio: ["pipe", "pipe", "pipe", "pipe"],
      env: { ...process.env, ...options.env },
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
    });
    const pieces: Buffer[][] = [[], [], [], []];
    for (const fd of [1, 2, 3]) {
      child.stdio[fd]!.on("data", (piece: Buffer) => pieces[fd]!.push(piece));
    }
    child.on("error", reject);
    // A command that does not read its standard input may be gone before it is written.
    child.stdin!.on("error", () => {});
    child.stdin!.end(options.stdin);
    child.on("close", (code) => {
      const [, out, err, report] = pieces.map((list) => Buffer.concat(list));
      const [kib, micros] = report!.toString().split(" ");
      resolve({
        code: code ?? -1,
        out: out!.toString("utf8"),
        outBytes: new Uint8Array(out!),
        err: err!.toString("utf8"),
        maxRssMiB: Number(kib) / 1024,
        cpuMs: Number(micros ?? 0) / 1000,
      });
    });
  });
}
