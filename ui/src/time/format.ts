// Times are integer microseconds UTC everywhere; here they become text in the viewer's zone.

export type Micros = number;

export const SECOND = 1_000_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const CLOCK = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat(undefined, {
  day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
});
const DATE = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });
const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "long" });
const RELATIVE = new Intl.RelativeTimeFormat("en", { numeric: "always", style: "narrow" });

export const toDate = (at: Micros): Date => new Date(at / 1000);
export const nowMicros = (): Micros => Date.now() * 1000;

/** `14:03:09`, with milliseconds where they matter. */
export function clockTime(at: Micros, milliseconds = false): string {
  const text = CLOCK.format(toDate(at));
  return milliseconds ? `${text}.${String(Math.floor(at / 1000) % 1000).padStart(3, "0")}` : text;
}

/** `21 Nov, 14:03`; with the year where it is not this one. */
export function dayTime(at: Micros, now: Micros = nowMicros()): string {
  const date = toDate(at);
  return date.getFullYear() === toDate(now).getFullYear() ? DAY_AND_CLOCK.format(date) : DATE.format(date);
}

/** The exact instant, in the viewer's zone and in UTC: what a hover shows. */
export function exactInstant(at: Micros): string {
  const micros = String(at % SECOND).padStart(6, "0");
  const utc = `${toDate(Math.floor(at / SECOND) * SECOND).toISOString().slice(0, 19)}.${micros}Z`;
  return `${LONG.format(toDate(at))}\n${utc}`;
}

const STEPS: readonly (readonly [Micros, Intl.RelativeTimeFormatUnit])[] = [
  [365 * DAY, "year"], [30 * DAY, "month"], [7 * DAY, "week"], [DAY, "day"], [HOUR, "hour"], [MINUTE, "minute"], [SECOND, "second"],
];

/** `3 min ago`, `in 2 hr`. */
export function relativeTime(at: Micros, now: Micros = nowMicros()): string {
  const gap = at - now;
  const step = STEPS.find(([size]) => Math.abs(gap) >= size);
  if (!step) return "just now";
  return RELATIVE.format(Math.trunc(gap / step[0]), step[1]);
}

/** `850 ms`, `4.2 s`, `3m 09s`, `2h 04m`, `3d 4h`. */
export function duration(span: Micros): string {
  if (span < 0) return "0 s";
  if (span < 1000) return `${Math.round(span)} µs`;
  if (span < SECOND) return `${trimmed(span / 1000)} ms`;
  if (span < MINUTE) return `${trimmed(span / SECOND)} s`;
  if (span < HOUR) return `${Math.floor(span / MINUTE)}m ${padded((span % MINUTE) / SECOND)}s`;
  if (span < DAY) return `${Math.floor(span / HOUR)}h ${padded((span % HOUR) / MINUTE)}m`;
  return `${Math.floor(span / DAY)}d ${Math.floor((span % DAY) / HOUR)}h`;
}

/** A mark on a ruler whose marks are `step` apart: as exact as tells them from one another. */
export function mark(span: Micros, step: Micros): string {
  const unit = span < SECOND && step < SECOND ? 1000 : SECOND;
  if (span >= HOUR || (span >= MINUTE && step >= SECOND)) return duration(span);
  const digits = Math.max(0, Math.min(3, Math.ceil(Math.log10(unit / step) - 1e-9)));
  if (span >= MINUTE) return `${Math.floor(span / MINUTE)}m ${((span % MINUTE) / SECOND).toFixed(digits).padStart(digits + 3, "0")}s`;
  return `${(span / unit).toFixed(digits)} ${unit === SECOND ? "s" : "ms"}`;
}

const trimmed = (value: number): string => (value < 10 ? value.toFixed(1).replace(/\.0$/, "") : String(Math.floor(value)));
const padded = (value: number): string => String(Math.floor(value)).padStart(2, "0");

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const WHOLE = new Intl.NumberFormat("en");

/** `9,312`, and from 100,000 on `104K`. */
export const count = (value: number): string => (value < 100_000 ? WHOLE.format(value) : COMPACT.format(value));
export const plural = (value: number, noun: string, nouns = `${noun}s`): string => `${count(value)} ${value === 1 ? noun : nouns}`;

/** `14.2 MB`; powers of 1,000, as disks are sold. */
export function byteSize(value: number): string {
  const units = ["B", "kB", "MB", "GB", "TB", "PB"];
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3));
  const scaled = value / 1000 ** power;
  return `${scaled < 10 && power > 0 ? scaled.toFixed(1) : Math.round(scaled)} ${units[power] ?? "B"}`;
}

export const percent = (share: number): string =>
  share === 1 ? "100%" : `${(Math.floor(share * 1000) / 10).toFixed(1).replace(/\.0$/, "")}%`;
