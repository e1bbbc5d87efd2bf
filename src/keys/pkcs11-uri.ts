import { needs, QErr } from "../errors.ts";
import { PASTED } from "./thumbprint.ts";

/** A `pkcs11:` URI taken apart (RFC 7512). Attributes that are not known are kept by name and ignored. */
export interface Pkcs11Uri {
  readonly token?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
  readonly serial?: string | undefined;
  readonly slotId?: number | undefined;
  readonly object?: string | undefined;
  readonly id?: Uint8Array | undefined;
  readonly type?: string | undefined;
  /** Loads code, so it must come from the user or local configuration, never from a data file. */
  readonly modulePath?: string | undefined;
  readonly pinSource?: string | undefined;
  /** Our own attribute `x-isolated`: run the module in a process of its own. */
  readonly isolated?: boolean | undefined;
  /** A thumbprint: our own attribute, since no PKCS#11 attribute holds one. */
  readonly thumbprint?: string | undefined;
}

/**
 * Reads a `pkcs11:` URI.
 * @throws `KEY_REFERENCE` for another scheme, an attribute given twice, broken percent-encoding, both kinds of PIN, or
 *   a PIN in the URI itself
 */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  needs(text.startsWith("pkcs11:"), "KEY_REFERENCE", "a PKCS#11 key is named by a pkcs11: URI");
  // A thumbprint comes by copy and paste, with blanks and marks that no URI may have.
  const plain = text.replace(/(?<=[?&]thumbprint=)[^&?]*/, (pasted) => pasted.replace(PASTED, ""));
  const [path = "", query = "", ...rest] = plain.slice("pkcs11:".length).split("?");
  needs(rest.length === 0, "KEY_REFERENCE", "a pkcs11: URI has one ? at the most");
  const attributes = new Map([...pairs(path, ";"), ...pairs(query, "&")].map((pair) => pair));
  needs(
    attributes.size === pairs(path, ";").length + pairs(query, "&").length,
    "KEY_REFERENCE",
    "an attribute of the pkcs11: URI is given twice",
  );
  // RFC 7512 has pin-value, and every process list would show it.
  needs(!attributes.has("pin-value"), "KEY_REFERENCE", "a PIN in the URI can be read by other users; use pin-source");
  const textOf = (name: string) => {
    const bytes = attributes.get(name);
    return bytes === undefined ? undefined : new TextDecoder().decode(bytes);
  };
  const isolated = yesOrNo(textOf("x-isolated"));
  const slotId = textOf("slot-id");
  needs(slotId === undefined || /^\d{1,10}$/.test(slotId), "KEY_REFERENCE", "slot-id is not a number");
  return {
    token: textOf("token"),
    manufacturer: textOf("manufacturer"),
    model: textOf("model"),
    serial: textOf("serial"),
    slotId: slotId === undefined ? undefined : Number(slotId),
    object: textOf("object"),
    id: attributes.get("id"),
    type: textOf("type"),
    modulePath: textOf("module-path"),
    pinSource: textOf("pin-source"),
    thumbprint: textOf("thumbprint"),
    isolated,
  };
}

/** An attribute that is `yes` or `no`. Throws `KEY_REFERENCE` for anything else. */
export function yesOrNo(text: string | undefined): boolean | undefined {
  needs(text === undefined || text === "yes" || text === "no", "KEY_REFERENCE", "x-isolated is yes or no");
  return text === undefined ? undefined : text === "yes";
}

function pairs(text: string, separator: string): readonly (readonly [string, Uint8Array])[] {
  if (text === "") return [];
  return text.split(separator).map((piece) => {
    const equals = piece.indexOf("=");
    needs(equals > 0, "KEY_REFERENCE", "an attribute of the pkcs11: URI has no value");
    return [piece.slice(0, equals), percentDecode(piece.slice(equals + 1))] as const;
  });
}

/** Any byte can be written %xx; the rest must be ASCII. */
function percentDecode(text: string): Uint8Array {
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (text[i] === "%") {
      const hex = text.slice(i + 1, i + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(hex))
        throw new QErr("KEY_REFERENCE", "the pkcs11: URI has a broken percent-encoding");
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      needs(
        code > 0x20 && code < 0x7f,
        "KEY_REFERENCE",
        "the pkcs11: URI has a character that must be percent-encoded",
      );
      bytes.push(code);
    }
  }
  return Uint8Array.from(bytes);
}
