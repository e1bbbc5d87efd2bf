import { withoutSecrets } from "../engine/address.ts";

/** All that a command sees of the outside; tests bring their own. Stdout is data, stderr is talk. */
export interface Terminal {
  /** Writes data to standard output and waits until it was taken. */
  out(data: string | Uint8Array): Promise<void>;
  /** Writes one line to standard error, as it is. */
  err(line: string): void;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly stdoutIsTty: boolean;
  readonly stderrIsTty: boolean;
  /** False if `NO_COLOR` is set or standard output is not a terminal. */
  readonly color: boolean;
  /** Rewrites the last line of a terminal's standard error; an empty text clears it. */
  status(text: string): void;
  /** From here on there is more to do than to write data: whoever closes the pipe no longer ends the process. */
  outlivePipe(): void;
  /** Aborted by the first interrupt. */
  readonly signal: AbortSignal;
}

/**
 * The process's own terminal. The first interrupt aborts the signal, the second ends the process at once, as does what a
 * supervisor sends or a terminal that is closed.
 */
export function processTerminal(): Terminal {
  const controller = new AbortController();
  process.on("SIGINT", () => {
    if (controller.signal.aborted) process.exit(130);
    controller.abort(new Error("interrupted"));
  });
  // What is half made is removed at exit; without this the system would end the process and leave it.
  for (const [signal, number] of [
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const)
    process.on(signal, () => process.exit(128 + number));
  let outlives = false;
  // A reader that closes the pipe early, such as head(1), is no error.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE" && outlives) return;
    process.exit(error.code === "EPIPE" ? 0 : 10);
  });
  // Nobody listens to the talk: no reason to stop half way.
  process.stderr.on("error", () => {});
  const stderrIsTty = process.stderr.isTTY === true;
  return {
    out: (data) =>
      new Promise((resolve, reject) => {
        process.stdout.write(data, (error) => (error && !outlives ? reject(error) : resolve()));
      }),
    err: (line) => {
      process.stderr.write(`${line}\n`);
    },
    stdin: process.stdin,
    stdoutIsTty: process.stdout.isTTY === true,
    stderrIsTty,
    color: process.stdout.isTTY === true && !process.env.NO_COLOR,
    status: (text) => {
      if (stderrIsTty) process.stderr.write(`\r\u001b[K${text}`);
    },
    outlivePipe() {
      outlives = true;
    },
    signal: controller.signal,
  };
}

/** C0, DEL, C1, what turns the reading direction, and line ends that only some know. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the characters that a terminal would obey are meant
const OBEYED = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/**
 * A text for one line of a terminal: control characters, which could move the cursor or hide what follows, become
 * `\u00XX`; so do the characters that turn the reading direction.
 */
export function printable(text: string): string {
  return text.replace(OBEYED, escaped);
}

/** The same for text that has lines, and for JSON, which means the same afterwards. */
export function printableLines(text: string): string {
  return text.replace(OBEYED, (c) => (c === "\n" || c === "\t" ? c : escaped(c)));
}

function escaped(c: string): string {
  return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

/** Presigned addresses and passwords in them are for nobody's log, whichever message names what was asked for. */
function bareAddresses(text: string): string {
  return text.replace(/https?:\/\/[^\s"]*[^\s":,.)]/gi, (address) => {
    if (!URL.canParse(address)) return address;
    const { username, password, search, hash } = new URL(address);
    return username + password + search + hash === "" ? address : withoutSecrets(address);
  });
}

/**
 * A terminal that obeys nothing in a text, whatever command wrote it: the last gate, behind those who escape names where
 * they print them. Bytes pass as they are into a file or pipe, since they are data; a terminal is shown them as text.
 */
export function guarded(terminal: Terminal): Terminal {
  // Keeps the first bytes of a character whose last are in the next piece.
  const decoder = new TextDecoder();
  const shown = (bytes: Uint8Array) => printableLines(decoder.decode(bytes, { stream: true }).replaceAll("\r\n", "\n"));
  return {
    ...terminal,
    out: (data) =>
      terminal.out(typeof data === "string" ? printableLines(data) : terminal.stdoutIsTty ? shown(data) : data),
    err: (line) => terminal.err(printableLines(bareAddresses(line))),
    status: (text) => terminal.status(printable(bareAddresses(text))),
  };
}
