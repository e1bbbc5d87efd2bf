import type { ErrorCode, QErr } from "../errors.ts";
import { MAX_DAMAGE_FINDINGS } from "../limits.ts";

/** A piece of a sealed file that is not what was sealed. */
export interface SealFinding {
  readonly level: "damage";
  readonly code: ErrorCode;
  readonly part: string;
  readonly message: string;
  readonly offset?: number | undefined;
  readonly length?: number | undefined;
}

export interface SealFindings {
  /**
   * Pieces of a part that follow each other become one finding. What lies over a piece that was found before is dropped:
   * come with the closest check first.
   */
  add(error: QErr): void;
  readonly list: readonly SealFinding[];
  /** Pieces that were added, dropped ones too. */
  readonly seen: number;
  /** Findings beyond `MAX_DAMAGE_FINDINGS`: counted, and not kept. */
  readonly left: number;
}

export function sealFindings(): SealFindings {
  const list: SealFinding[] = [];
  let seen = 0;
  let left = 0;
  return {
    list,
    get seen() {
      return seen;
    },
    get left() {
      return left;
    },
    add(error) {
      seen += 1;
      const { code, part = "file", message, offset, length } = error;
      const last = list.at(-1);
      if (list.some((known) => known.part === part && overlap(known, error))) return;
      if (last?.part === part && last.code === code && endOf(last) === offset && length !== undefined) {
        const whole = last.length! + length;
        list[list.length - 1] = {
          ...last,
          length: whole,
          message: `${whole} bytes of ${part} are not what was sealed`,
        };
      } else if (list.length < MAX_DAMAGE_FINDINGS) list.push({ level: "damage", code, part, message, offset, length });
      else left += 1;
    },
  };
}

type Place = Pick<SealFinding, "offset" | "length">;

function endOf({ offset, length }: Place): number | undefined {
  return offset === undefined || length === undefined ? undefined : offset + length;
}

function overlap(a: Place, b: Place): boolean {
  const [endOfA, endOfB] = [endOf(a), endOf(b)];
  return endOfA !== undefined && endOfB !== undefined && a.offset! < endOfB && b.offset! < endOfA;
}
