// Between the fields of forms, which hold a wall time of the viewer's zone, and instants.

import { toDate, type Micros } from "@/time/format";

const two = (value: number): string => String(value).padStart(2, "0");

/** `2026-11-21`, as a date's field holds it. */
export const dateText = (date: Date): string => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

/** `2026-11-21T08:30`, as a field of date and time holds it. */
export function localText(at: Micros): string {
  const date = toDate(at);
  return `${dateText(date)}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The instant that a field means, or null where it is empty. A date alone is its midnight. */
export function instantOf(text: string): Micros | null {
  const at = new Date(text.includes("T") ? text : `${text}T00:00`).getTime();
  return Number.isNaN(at) ? null : at * 1000;
}

/** The name of the viewer's zone. */
export const hereZone = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** What clocks in a zone show: `Mon, 1 Mar 2027, 05:00`. */
export function zoneTime(at: Micros, zone: string): string {
  try {
    return new Intl.DateTimeFormat("en-GB", { timeZone: zone, weekday: "short", day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(toDate(at));
  } catch {
    return toDate(at).toISOString();
  }
}
