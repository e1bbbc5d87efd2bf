import type { ErrorClass } from "../errors.ts";

/** What the exit codes of `qvault` mean (SPEC 9). */
export const EXIT = {
  DONE: 0,
  FINDING: 1,
  USAGE: 2,
  CANNOT_READ: 3,
  DAMAGED: 4,
  NOT_AUTHENTIC: 5,
  NO_KEY: 6,
  KEY_STORE: 7,
  DENIED: 8,
  SOME_FAILED: 9,
  CANNOT_WRITE: 10,
  INTERRUPTED: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

export const EXIT_OF_CLASS: Readonly<Record<ErrorClass, ExitCode>> = {
  usage: EXIT.USAGE,
  read: EXIT.CANNOT_READ,
  damaged: EXIT.DAMAGED,
  unsupported: EXIT.DAMAGED,
  data: EXIT.CANNOT_WRITE,
  write: EXIT.CANNOT_WRITE,
  cancelled: EXIT.INTERRUPTED,
  seal: EXIT.NOT_AUTHENTIC,
  key: EXIT.NO_KEY,
  keystore: EXIT.KEY_STORE,
  denied: EXIT.DENIED,
};

export const EXIT_HELP = `Exit codes:
  0 done · 1 finding · 2 wrong use · 3 cannot read · 4 damaged, or not a file of Qlik
  5 not authentic: a signature is missing, wrong or not trusted, or the key is the wrong one
  6 no usable key for this file · 7 the key store, token or module cannot be used
  8 access denied · 9 some of many failed · 10 cannot write · 130 interrupted`;
