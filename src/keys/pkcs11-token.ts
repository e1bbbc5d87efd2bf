import { createHash } from "node:crypto";
import { needs, QErr } from "../errors.ts";
import { MAX_TOKEN_OBJECTS } from "../limits.ts";
import { pkcs11Error, worthReopening } from "./pkcs11-errors.ts";
import { returnValue } from "./pkcs11-guard.ts";
import type { Attribute, Pkcs11Api, Pkcs11Module } from "./pkcs11-module.ts";
import { CKU_CONTEXT_SPECIFIC } from "./pkcs11-numbers.ts";
import type { SecretSource } from "./secret.ts";
import { withTimeLimit } from "./time-limit.ts";

/** Sessions of one token. Tokens serialise or not as they like; more than the cores of a soft token gain nothing. */
const POOL_SIZE = 4;
const CKF_SERIAL_SESSION = 4;
const CKF_PIN_FINAL_TRY = 0x20000;
const CKF_PIN_LOCKED = 0x40000;
const CKF_LOGIN_REQUIRED = 4;
const CKU_USER = 1;
const ALREADY_LOGGED_IN = 0x100;

export interface TokenOptions {
  readonly pin?: SecretSource | undefined;
  /** Milliseconds that one operation may take; a call into a module cannot be stopped, only given up. */
  readonly timeoutMs?: number | undefined;
}

/**
 * One token: its sessions and its login. A wrong PIN is never tried a second time, whoever asks; a token that says that
 * the next wrong PIN locks it gets none at all.
 */
export class Pkcs11Token {
  readonly module: Pkcs11Module;
  readonly label: string;
  private readonly slot: Buffer;
  private readonly options: TokenOptions;
  private readonly idle: Buffer[] = [];
  private readonly waiting: (() => void)[] = [];
  private opened = 0;
  private login: Promise<void> | undefined;
  private refused: QErr | undefined;

  constructor(module: Pkcs11Module, slot: Buffer, label: string, options: TokenOptions) {
    this.module = module;
    this.slot = slot;
    this.label = label;
    this.options = options;
  }

  /** Runs `work` with a session; logged in if `user`. A lost session is replaced and the work done again, once. */
  async use<T>(
    what: string,
    user: boolean,
    work: (api: Pkcs11Api, session: Buffer) => Promise<T>,
    unwrapping = false,
  ): Promise<T> {
    try {
      return await this.once(what, user, work);
    } catch (error) {
      if (!worthReopening(error)) throw pkcs11Error(error, `${what} on token ${this.label}`, unwrapping);
    }
    this.forgetSessions();
    try {
      return await this.once(what, user, work);
    } catch (error) {
      throw pkcs11Error(error, `${what} on token ${this.label}`, unwrapping);
    }
  }

  /**
   * Logs in for one operation, for keys that want the PIN each time; the operation was begun with `init`. The PIN is
   * fetched before, so that nothing is begun that cannot go on.
   */
  async contextLogin(session: Buffer, init: () => void): Promise<void> {
    const pin = await this.pinFor(`a key of token ${this.label} wants its PIN at every use`);
    init();
    this.tryPin(session, CKU_CONTEXT_SPECIFIC, pin);
  }

  /** Closes the sessions; the module stays. */
  close(): void {
    this.forgetSessions();
  }

  private async once<T>(
    what: string,
    user: boolean,
    work: (api: Pkcs11Api, session: Buffer) => Promise<T>,
  ): Promise<T> {
    const session = await this.take();
    let keep = false;
    let running = false;
    try {
      if (user) await this.ensureLogin(session);
      const result = await withTimeLimit(
        `${what} on token ${this.label}`,
        this.options.timeoutMs,
        work(this.module.api, session),
      );
      keep = true;
      return result;
    } catch (error) {
      // After an error of the operation itself the session is sound; after a timeout or the loss of it it is not.
      running = error instanceof QErr && error.code === "KEY_TIMEOUT";
      keep = !running && !worthReopening(error) && !leavesOperation(error);
      throw error;
    } finally {
      this.giveBack(session, keep, running);
    }
  }

  private async take(): Promise<Buffer> {
    const free = this.idle.pop();
    if (free) return free;
    if (this.opened >= POOL_SIZE) {
      await new Promise<void>((resolve) => this.waiting.push(resolve));
      return this.take();
    }
    this.opened += 1;
    try {
      return this.module.api.C_OpenSession(this.slot, CKF_SERIAL_SESSION);
    } catch (error) {
      this.opened -= 1;
      throw error;
    }
  }

  private giveBack(session: Buffer, keep: boolean, running: boolean): void {
    if (keep) this.idle.push(session);
    else this.opened -= 1;
    // A session whose call still runs is left to it.
    if (!keep && !running) this.closeSession(session);
    this.waiting.shift()?.();
  }

  private forgetSessions(): void {
    for (const session of this.idle.splice(0)) {
      this.opened -= 1;
      this.closeSession(session);
    }
    this.login = undefined;
  }

  private closeSession(session: Buffer): void {
    try {
      this.module.api.C_CloseSession(session);
    } catch {
      // It was lost already; that is why it is forgotten.
    }
  }

  private ensureLogin(session: Buffer): Promise<void> {
    if (this.refused) return Promise.reject(this.refused);
    this.login ??= this.doLogin(session).catch((error: unknown) => {
      this.login = undefined;
      throw error;
    });
    return this.login;
  }

  private async doLogin(session: Buffer): Promise<void> {
    const { flags } = this.module.api.C_GetTokenInfo(this.slot);
    if ((flags & CKF_LOGIN_REQUIRED) === 0) return;
    if ((flags & CKF_PIN_LOCKED) !== 0) throw pkcs11Error({ code: 0xa4 }, `login to token ${this.label}`);
    if ((flags & CKF_PIN_FINAL_TRY) !== 0) {
      throw new QErr("KEY_PIN_FINAL_TRY", `token ${this.label} locks at the next wrong PIN, so none is tried`, {
        hint: "log in once with the token's own tools, which resets the count",
      });
    }
    this.tryPin(session, CKU_USER, await this.pinFor(`token ${this.label} wants a PIN`));
  }

  private async pinFor(why: string): Promise<string> {
    const pin = await this.options.pin?.(`PIN of token ${this.label}`);
    // No user's PIN is empty, and trying it would cost one of the few tries: a variable or file has nothing in it.
    needs(pin !== undefined && pin !== "", "KEY_PIN_REQUIRED", why, {
      hint: "say where it comes from with pin-source=env:NAME, or --pin",
    });
    return pin;
  }

  /** The only place where a PIN goes to a token: once for each PIN, whichever store and key asked. */
  private tryPin(session: Buffer, user: number, pin: string): void {
    const id = createHash("sha256")
      .update(`${this.slot.toString("hex")}\0${pin}`)
      .digest("hex");
    const before = this.refused ?? this.module.refusals.get(id);
    if (before) throw before;
    try {
      this.module.api.C_Login(session, user, pin);
    } catch (error) {
      if (user === CKU_USER && returnValue(error) === ALREADY_LOGGED_IN) return;
      this.refused = pkcs11Error(error, `login to token ${this.label}`);
      if (this.refused.code === "KEY_PIN_INCORRECT") this.module.refusals.set(id, this.refused);
      throw this.refused;
    }
  }
}

/** True if the operation goes on in the session: BUFFER_TOO_SMALL. */
function leavesOperation(error: unknown): boolean {
  return returnValue(error) === 0x150;
}

/** Objects that match a template. */
export function findObjects(api: Pkcs11Api, session: Buffer, template: readonly Attribute[]): readonly Buffer[] {
  api.C_FindObjectsInit(session, template);
  const found: Buffer[] = [];
  try {
    for (;;) {
      const some = api.C_FindObjects(session, 64);
      found.push(...some);
      needs(found.length <= MAX_TOKEN_OBJECTS, "LIMIT_EXCEEDED", `the token has over ${MAX_TOKEN_OBJECTS} objects`);
      if (some.length === 0) return found;
    }
  } finally {
    api.C_FindObjectsFinal(session);
  }
}

/** Attributes of an object, those that it does not have or show left out. */
export function attributes(
  api: Pkcs11Api,
  session: Buffer,
  object: Buffer,
  types: readonly number[],
): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (const type of types) {
    try {
      const value = api.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
      if (Buffer.isBuffer(value) && value.byteLength > 0) found.set(type, value);
    } catch (error) {
      // ATTRIBUTE_SENSITIVE, ATTRIBUTE_TYPE_INVALID: not for us.
      if (returnValue(error) !== 0x11 && returnValue(error) !== 0x12) throw error;
    }
  }
  return found;
}
