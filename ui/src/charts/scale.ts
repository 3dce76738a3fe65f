// Where values lie on a chart, and where its lines and labels go. Pure.

import { DAY, HOUR, MINUTE, SECOND, clockTime, toDate, type Micros } from "@/time/format";

export type Scale = (value: number) => number;

export const linear = (from: number, to: number, start: number, end: number): Scale => {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
};

/** A scale of powers, for durations from microseconds to days. */
export const logarithmic = (from: number, to: number, start: number, end: number): Scale => {
  const scale = linear(Math.log10(Math.max(from, 1)), Math.log10(Math.max(to, 10)), start, end);
  return (value) => scale(Math.log10(Math.max(value, 1)));
};

const TIME_STEPS: readonly Micros[] = [
  1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
  SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 15 * SECOND, 30 * SECOND,
  MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE, 30 * MINUTE,
  HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 30 * DAY, 90 * DAY, 365 * DAY,
];

/** Where the lines of a time axis stand, at most `most` of them, on the viewer's own round hours. */
export function timeTicks(from: Micros, to: Micros, most: number): { at: Micros; step: Micros }[] {
  const step = TIME_STEPS.find((size) => (to - from) / size <= most) ?? 365 * DAY;
  const zone = step >= HOUR ? toDate(from).getTimezoneOffset() * MINUTE : 0;
  const first = Math.ceil((from - zone) / step) * step + zone;
  return Array.from({ length: Math.max(0, Math.floor((to - first) / step) + 1) }, (_, index) => ({ at: first + index * step, step }));
}

const DAY_LABEL = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const HOUR_LABEL = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

/** What stands at a line of a time axis. */
export function timeLabel(at: Micros, step: Micros): string {
  const date = toDate(at);
  if (step >= DAY || (step >= HOUR && date.getHours() === 0 && date.getMinutes() === 0)) return DAY_LABEL.format(date);
  if (step >= MINUTE) return HOUR_LABEL.format(date);
  return clockTime(at, step < SECOND);
}

/** Round values from 0 up to at least `top`. */
export function countTicks(top: number, most = 3): number[] {
  const rough = Math.max(1, top) / most;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10) * power);
  return Array.from({ length: Math.ceil(Math.max(1, top) / step) + 1 }, (_, index) => index * step);
}

/** The lines of an axis of durations. */
export function durationTicks(from: Micros, to: Micros): Micros[] {
  const marks = [100, 1_000, 10_000, 100_000, SECOND, 10 * SECOND, MINUTE, 10 * MINUTE, HOUR, 6 * HOUR, DAY, 7 * DAY];
  return marks.filter((mark) => mark >= from && mark <= to);
}
