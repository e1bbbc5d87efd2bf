import { type ChildProcess, spawn } from "node:child_process";
import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import type { Duplex } from "node:stream";
import { fileURLToPath } from "node:url";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { ERROR_CLASS, type ErrorCode, needs, QErr } from "../errors.ts";
import { encodeMessage, MESSAGE, type Message, messageReader } from "./isolated-message.ts";
import { setupOf } from "./isolated-setup.ts";
import type { KeyHandle, KeyInfo, KeyStore } from "./keystore.ts";
import { narrowed, type Pkcs11StoreOptions, pkcs11Store, whereOf } from "./pkcs11-store.ts";
import type { Pkcs11Uri } from "./pkcs11-uri.ts";
import { checkRequest } from "./software.ts";
import { describeKey, pick } from "./thumbprint.ts";

export interface TokenStoreOptions extends Pkcs11StoreOptions {
  /** Run the module in a process of its own. */
  readonly isolated?: boolean | undefined;
  /** The program of that process; the built one beside this file if left out. */
  readonly child?: URL | undefined;
}

const DEFAULT_TIMEOUT_MS = 30_000;

/**
 * PINs that tokens refused, as digests of module, question and PIN, with what was said. Each reference has a process of its
 * own, which knows nothing of the others: they would each spend a try on the same wrong PIN.
 */
const refusals = new Map<string, QErr>();

/** Keys of a token, with its module in this process or, if asked for, in one of its own. */
export function tokenStore(uri: Pkcs11Uri, options: TokenStoreOptions = {}): KeyStore {
  return (options.isolated ?? uri.isolated) ? isolatedStore(uri, options) : pkcs11Store(uri, options);
}

/**
 * Keys of a token whose module runs in a process of its own: one that crashes is `KEY_DEVICE_ERROR`, one that hangs is
 * `KEY_TIMEOUT` and is ended; it is not started again, since that would try the PIN again. The PIN goes over a pipe.
 * What comes back is not trusted: certificates are read here, and an unwrapped key is only as good as the MACs under it.
 */
function isolatedStore(uri: Pkcs11Uri, options: TokenStoreOptions): KeyStore {
  const where = whereOf(uri, options);
  let link: ModuleProcess | undefined;
  let infos: Promise<readonly KeyInfo[]> | undefined;
  const connect = () => (link ??= new ModuleProcess(uri, options, where));
  const load = () =>
    (infos ??= connect()
      .request(MESSAGE.list)
      .then((fields) => infosOf(fields, where)));
  return {
    where,
    list: load,
    find: async (ref) => pick(narrowed(await load(), uri), ref, where),
    async open(ref) {
      const info = pick(narrowed(await load(), uri), ref, where);
      needs(info !== undefined, "KEY_NOT_FOUND", `${where} has no such key`);
      const id = encodeUtf8(info.spkiS256);
      const [flag] = await connect().request(MESSAGE.open, id);
      return isolatedHandle(info, id, connect(), flag && flag[0] === 1);
    },
    async close() {
      link?.end();
      link = undefined;
      infos = undefined;
    },
  };
}

function infosOf(fields: readonly Uint8Array[], where: string): readonly KeyInfo[] {
  const infos: KeyInfo[] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const bytes = Buffer.from(fields[i + 1]!);
    try {
      const source =
        fields[i]![0] === 1
          ? { certificate: new X509Certificate(bytes) }
          : { publicKey: createPublicKey({ key: bytes, format: "der", type: "spki" }) };
      infos.push(describeKey(source, where, true));
    } catch {
      throw new QErr("KEY_DEVICE_ERROR", `${where}: the module's process sent a certificate that is none`);
    }
  }
  return infos;
}

function isolatedHandle(
  info: KeyInfo,
  id: Uint8Array,
  link: ModuleProcess,
  exportable: boolean | undefined,
): KeyHandle {
  const only = ([bytes]: readonly Uint8Array[]) => {
    needs(bytes !== undefined, "KEY_DEVICE_ERROR", `${info.where}: the module's process gave no result`);
    return bytes;
  };
  return {
    info,
    exportable,
    async unwrap(request) {
      checkRequest(info, request);
      if (request.alg !== "ECDH-ES")
        return only(await link.request(MESSAGE.unwrap, id, encodeUtf8(request.alg), request.encryptedKey));
      const { curve, point } = request.ephemeral;
      return only(await link.request(MESSAGE.derive, id, encodeUtf8(request.alg), encodeUtf8(curve), point));
    },
    async sign(alg, data) {
      return only(await link.request(MESSAGE.sign, id, encodeUtf8(alg), data));
    },
    async close() {},
  };
}

interface Pending {
  readonly kind: number;
  readonly resolve: (fields: readonly Uint8Array[]) => void;
  readonly reject: (error: QErr) => void;
  timer: NodeJS.Timeout;
}

/** One process with one module, and what is asked of it. */
class ModuleProcess {
  private readonly child: ChildProcess;
  private readonly pipe: Duplex;
  private readonly pending = new Map<number, Pending>();
  private readonly options: TokenStoreOptions;
  private readonly where: string;
  private next = 1;
  private gone: QErr | undefined;
  /** Digest of the PIN that was given last. */
  private given = "";
  /** Path and parameters of the module. */
  private readonly module: string;

  constructor(uri: Pkcs11Uri, options: TokenStoreOptions, where: string) {
    this.options = options;
    this.where = where;
    this.module = `${uri.modulePath ?? options.modulePath}\0${options.parameters}`;
    const program = options.child ?? new URL("./isolated-child.js", import.meta.url);
    const { NODE_OPTIONS: _, ...env } = process.env;
    // What a module prints must not mix with our data on standard output.
    this.child = spawn(process.execPath, [fileURLToPath(program)], {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
      env,
    });
    this.pipe = this.child.stdio[3] as Duplex;
    const read = messageReader((message) => this.receive(message));
    this.pipe.on("data", (chunk: Uint8Array) => {
      try {
        read(chunk);
      } catch (error) {
        this.lose(error as QErr);
      }
    });
    this.pipe.on("error", () => {});
    this.child.on("error", (cause) => this.lose(this.deviceError("cannot be started", cause)));
    this.child.on("exit", (code, signal) => this.lose(this.deviceError(`ended (${signal ?? `exit code ${code}`})`)));
    // Nothing of it keeps this process alive but the timer of a request.
    this.child.unref();
    (this.pipe as Duplex & { unref?(): void }).unref?.();
    this.send({ kind: MESSAGE.start, request: 0, fields: [encodeUtf8(JSON.stringify(setupOf(uri, options)))] });
  }

  request(kind: number, ...fields: readonly Uint8Array[]): Promise<readonly Uint8Array[]> {
    if (this.gone) return Promise.reject(this.gone);
    const request = this.next++;
    return new Promise((resolve, reject) => {
      this.pending.set(request, { kind, resolve, reject, timer: this.clock() });
      this.send({ kind, request, fields });
    });
  }

  end(): void {
    this.lose(this.deviceError("was ended"));
  }

  private receive({ kind, request, fields }: Message): void {
    if (kind === MESSAGE.wantsPin) return void this.answerPin(fields);
    const waiting = this.pending.get(request);
    if (waiting === undefined) return;
    this.pending.delete(request);
    clearTimeout(waiting.timer);
    if (kind === MESSAGE.done) waiting.resolve(fields);
    else {
      const error = errorOf(fields);
      if (error.code === "KEY_PIN_INCORRECT") refusals.set(this.given, error);
      waiting.reject(error);
    }
  }

  /** A person may take long to type; the clocks of what waits for it start anew. */
  private async answerPin(fields: readonly Uint8Array[]): Promise<void> {
    for (const waiting of this.pending.values()) clearTimeout(waiting.timer);
    // Something must keep this process waiting meanwhile.
    const awake = setInterval(() => {}, 1 << 30);
    const question = new TextDecoder().decode(fields[0]);
    let pin: string | undefined;
    try {
      pin = await this.options.pin?.(question);
    } catch (error) {
      return this.lose(error instanceof QErr ? error : this.deviceError("got no PIN", error));
    } finally {
      clearInterval(awake);
    }
    this.given = createHash("sha256").update(`${this.module}\0${question}\0${pin}`).digest("hex");
    const before = refusals.get(this.given);
    if (before) return this.lose(before);
    for (const waiting of this.pending.values()) waiting.timer = this.clock();
    const secret = pin === undefined ? [] : [encodeUtf8(pin)];
    this.send({ kind: MESSAGE.pin, request: 0, fields: secret });
    secret[0]?.fill(0);
  }

  private clock(): NodeJS.Timeout {
    const limit = this.options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    return setTimeout(() => {
      const hint = "the token may be busy or wait for a button; try again later";
      this.lose(new QErr("KEY_TIMEOUT", `${this.where}: the module took over ${limit} ms, and was ended`, { hint }));
    }, limit);
  }

  private send(message: Message): void {
    const bytes = encodeMessage(message);
    this.pipe.write(bytes, () => bytes.fill(0));
  }

  /** Ends the process, and all that waits for it, with `error`. */
  private lose(error: QErr): void {
    this.gone ??= error;
    for (const waiting of this.pending.values()) {
      clearTimeout(waiting.timer);
      waiting.reject(this.gone);
    }
    this.pending.clear();
    this.pipe.destroy();
    this.child.kill("SIGKILL");
  }

  private deviceError(what: string, cause?: unknown): QErr {
    return new QErr("KEY_DEVICE_ERROR", `${this.where}: the process of the PKCS#11 module ${what}`, {
      cause,
      hint: "it is not started again by itself, because that would try the PIN again",
    });
  }
}

function errorOf([code, message, hint]: readonly Uint8Array[]): QErr {
  const [name, words, advice] = [code, message, hint].map((bytes) => new TextDecoder().decode(bytes));
  const known = Object.hasOwn(ERROR_CLASS, name!) ? (name as ErrorCode) : "KEY_DEVICE_ERROR";
  return new QErr(known, words!, { hint: advice || undefined });
}
