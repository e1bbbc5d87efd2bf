import type { Terminal } from "./terminal.ts";

export interface Progress {
  /** Says how much is done. */
  update(done: number, all: number): void;
  /** Clears the line. */
  end(): void;
}

/** Milliseconds between two drawings: smooth to the eye, nothing to the work. */
const REDRAW_MS = 200;

/** A line on the terminal's standard error with share, rate and time left; silent where there is no terminal. */
export function progress(terminal: Terminal, what: string, unit = "rows"): Progress {
  const started = performance.now();
  let drawn = started;
  return {
    update(done, all) {
      const now = performance.now();
      if (!terminal.stderrIsTty || now - drawn < REDRAW_MS) return;
      drawn = now;
      terminal.status(progressLine(what, unit, done, all, (now - started) / 1000));
    },
    end() {
      if (terminal.stderrIsTty) terminal.status("");
    },
  };
}

/** `reading x: 42 % · 5.1 M rows/s · 0:07 left` */
export function progressLine(what: string, unit: string, done: number, all: number, seconds: number): string {
  const share = all > 0 ? Math.floor((100 * done) / all) : 100;
  const rate = seconds > 0 ? done / seconds : 0;
  const left = rate > 0 ? Math.ceil((all - done) / rate) : 0;
  const clock = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  return `${what}: ${share} % · ${short(rate)} ${unit}/s · ${clock} left`;
}

function short(value: number): string {
  if (value >= 1e9) return `${(value / 1e9).toFixed(1)} G`;
  if (value >= 1e6) return `${(value / 1e6).toFixed(1)} M`;
  if (value >= 1e3) return `${(value / 1e3).toFixed(1)} k`;
  return value.toFixed(0);
}
