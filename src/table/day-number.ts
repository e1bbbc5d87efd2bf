/**
 * Qlik's time: days since 1899-12-30, the fraction is the time of day, no time zone. Day 25569 is 1970-01-01.
 * Calendar years are proleptic Gregorian; real files hold days down to -52593 (1756-01-01).
 */
export const UNIX_EPOCH_DAY = 25569;

/** Days 0001-01-01 and 9999-12-31: what is outside is shown and typed as a number, not as a date. */
export const FIRST_DAY = -693593;
export const LAST_DAY = 2958465;

/** A day number cut into a whole day and ticks of that day. */
export interface DayTicks {
  readonly day: number;
  readonly ticks: number;
}

/**
 * Cuts a day number into day and ticks, `perSecond` ticks a second. Rounds to the nearest tick and carries, so that a
 * time stored a little below the full second (0.49999999999 days) is that second and the last tick of a day is followed
 * by the next day. The subtraction is exact; the tick is at least 20 times the spacing of doubles at today's dates if
 * `perSecond` is at most 10,000.
 */
export function dayTicks(value: number, perSecond: number): DayTicks {
  const day = Math.floor(value);
  const perDay = 86_400 * perSecond;
  const ticks = Math.round((value - day) * perDay);
  return ticks === perDay ? { day: day + 1, ticks: 0 } : { day, ticks };
}

export interface CivilDate {
  readonly year: number;
  /** 1-12. */
  readonly month: number;
  /** 1-31. */
  readonly day: number;
  /** 0 = Monday to 6 = Sunday. */
  readonly weekday: number;
}

/** The calendar date of a whole day number between {@link FIRST_DAY} and {@link LAST_DAY}. */
export function civilDate(day: number): CivilDate {
  const date = new Date((day - UNIX_EPOCH_DAY) * 86_400_000);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    weekday: (date.getUTCDay() + 6) % 7,
  };
}

/** Microseconds since 1970-01-01 00:00 of a day number, to the nearest; exact as a bigint for every date. */
export function unixMicros(value: number): bigint {
  const { day, ticks } = dayTicks(value, 1_000_000);
  return BigInt(day - UNIX_EPOCH_DAY) * 86_400_000_000n + BigInt(ticks);
}

/** The day number of microseconds since 1970-01-01 00:00. */
export function dayOfUnixMicros(micros: bigint): number {
  const perDay = 86_400_000_000n;
  let day = micros / perDay;
  let rest = micros % perDay;
  if (rest < 0n) {
    day -= 1n;
    rest += perDay;
  }
  return Number(day) + UNIX_EPOCH_DAY + Number(rest) / 86_400_000_000;
}
