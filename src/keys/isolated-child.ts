/**
 * The process that runs a PKCS#11 module for another one (`isolated-store.ts`). It knows a handful of requests on one
 * pipe and ends with it; a module that crashes or hangs takes this process along and no other.
 */
import { Socket } from "node:net";
import { encodeUtf8 } from "../bytes/utf8.ts";
import { isQErr } from "../errors.ts";
import { encodeMessage, MESSAGE, type Message, messageReader } from "./isolated-message.ts";
import { type IsolatedSetup, uriOf } from "./isolated-setup.ts";
import type { Curve, KeyHandle, KeyStore, SignAlg, UnwrapRequest } from "./keystore.ts";
import { pkcs11Store } from "./pkcs11-store.ts";

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);

/** Serves one pipe until it ends. */
export function serve(pipe: Socket): void {
  const handles = new Map<string, KeyHandle>();
  const questions: ((pin: string | undefined) => void)[] = [];
  let store: KeyStore | undefined;

  const send = (message: Message) => {
    const bytes = encodeMessage(message);
    pipe.write(bytes, () => bytes.fill(0));
  };
  const ask = (request: number, question: string): Promise<string | undefined> =>
    new Promise((resolve) => {
      questions.push(resolve);
      send({ kind: MESSAGE.wantsPin, request, fields: [encodeUtf8(question)] });
    });
  const handleOf = (name: Uint8Array | undefined): KeyHandle => {
    const handle = handles.get(text(name));
    if (handle === undefined) throw new Error("a key that was not opened");
    return handle;
  };

  async function answer({ kind, fields }: Message): Promise<readonly Uint8Array[]> {
    const [first, second, third, fourth] = fields;
    if (kind === MESSAGE.list) {
      return (await store!.list()).flatMap(({ certificate, publicKey }) => [
        Uint8Array.of(certificate ? 1 : 0),
        new Uint8Array(certificate?.raw ?? publicKey.export({ type: "spki", format: "der" })),
      ]);
    }
    if (kind === MESSAGE.open) {
      const handle = await store!.open({ spkiS256: text(first) });
      handles.set(text(first), handle);
      return handle.exportable === undefined ? [] : [Uint8Array.of(handle.exportable ? 1 : 0)];
    }
    if (kind === MESSAGE.unwrap || kind === MESSAGE.derive) {
      const request =
        kind === MESSAGE.unwrap
          ? { alg: text(second), encryptedKey: third! }
          : { alg: "ECDH-ES", ephemeral: { curve: text(third) as Curve, point: fourth! } };
      return [await handleOf(first).unwrap(request as UnwrapRequest)];
    }
    return [await handleOf(first).sign(text(second) as SignAlg, third!)];
  }

  const receive = (message: Message) => {
    const { kind, request, fields } = message;
    if (kind === MESSAGE.start) {
      const setup = JSON.parse(text(fields[0])) as IsolatedSetup;
      store = pkcs11Store(uriOf(setup), {
        ...setup.options,
        // Whoever started this process decides how long it waits, and ends it.
        timeoutMs: 2 ** 31 - 1,
        pin: (question) => ask(request, question),
      });
      return;
    }
    if (kind === MESSAGE.pin) {
      const pin = fields[0] && text(fields[0]);
      fields[0]?.fill(0);
      questions.shift()?.(pin);
      return;
    }
    answer(message).then(
      (result) => {
        send({ kind: MESSAGE.done, request, fields: result });
        if (kind !== MESSAGE.list) for (const bytes of result) bytes.fill(0);
      },
      (error: unknown) => {
        const [code, words, hint] = isQErr(error)
          ? [error.code, error.message, error.hint ?? ""]
          : ["KEY_DEVICE_ERROR", "the module's process does not understand", ""];
        send({ kind: MESSAGE.failed, request, fields: [code, words, hint].map(encodeUtf8) });
      },
    );
  };
  pipe.on("data", messageReader(receive));
  pipe.on("close", () => process.exit(0));
  pipe.on("error", () => process.exit(0));
}

/** The pipe to the process that started this one. */
const PIPE = 3;
serve(new Socket({ fd: PIPE }));
