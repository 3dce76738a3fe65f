// What a calendar shows, and where. Pure; days are the viewer's, so that one of 23 or 25 hours is one day.

import type { FlowRun, UpcomingTick } from "@/api/types";
import { MINUTE, toDate, type Micros } from "@/time/format";
import { dateText } from "@/time/local";

export type View = "month" | "week" | "day";
export const VIEWS: readonly View[] = ["month", "week", "day"];
export const viewOf = (text: string | undefined): View => VIEWS.find((view) => view === text) ?? "month";

export interface Entry {
  id: string;
  at: Micros;
  end: Micros | null;
  title: string;
  run?: FlowRun;
  tick?: UpcomingTick;
}

/** Several entries of one title, where there is no room for each. */
export interface Bundle {
  title: string;
  first: Entry;
  entries: readonly Entry[];
}

/** A day from the text of an address; today where it is none. */
export function dayOf(text: string | undefined, today: Date): Date {
  const [year = NaN, month = NaN, day = NaN] = /^\d{4}-\d\d-\d\d$/.test(text ?? "") ? (text ?? "").split("-").map(Number) : [];
  const found = new Date(year, month - 1, day);
  return Number.isNaN(found.getTime()) ? midnight(today) : found;
}

export const midnight = (date: Date): Date => new Date(date.getFullYear(), date.getMonth(), date.getDate());
export const addDays = (date: Date, days: number): Date => new Date(date.getFullYear(), date.getMonth(), date.getDate() + days);
export const microsOf = (date: Date): Micros => date.getTime() * 1000;

const monday = (date: Date): Date => addDays(date, -((date.getDay() + 6) % 7));

/** The days that a view shows: whole weeks around a month, a week from Monday, or one day. */
export function daysOf(view: View, date: Date): Date[] {
  if (view === "day") return [midnight(date)];
  const first = monday(view === "week" ? date : new Date(date.getFullYear(), date.getMonth(), 1));
  const last = view === "week" ? addDays(first, 6) : addDays(monday(new Date(date.getFullYear(), date.getMonth() + 1, 0)), 6);
  const count = Math.round((last.getTime() - first.getTime()) / 86_400_000) + 1;
  return Array.from({ length: count }, (_, place) => addDays(first, place));
}

/** The day that the next or previous page is about. */
export function turned(view: View, date: Date, by: number): Date {
  return view === "month" ? new Date(date.getFullYear(), date.getMonth() + by, 1) : addDays(date, view === "week" ? 7 * by : by);
}

/** What was and what will be, in order. What a schedule has asked for already is a run, and no tick any more. */
export function entriesOf(runs: readonly FlowRun[], ticks: readonly UpcomingTick[]): Entry[] {
  const past = runs.map((run): Entry => {
    const at = run.started_at ?? run.expected_start_at ?? run.created_at;
    return { id: run.id, at, end: run.ended_at, title: run.deployment ?? run.flow_name, run };
  });
  const coming = ticks.map((tick): Entry => ({ id: `${tick.deployment_id}/${tick.slug}/${tick.fire_at}`, at: tick.at, end: null, title: tick.deployment_name, tick }));
  return [...past, ...coming].toSorted((a, b) => a.at - b.at || a.title.localeCompare(b.title));
}

/** Entries by the day on which they begin, keyed as `2026-11-21`. */
export function byDay(entries: readonly Entry[]): Map<string, Entry[]> {
  const days = new Map<string, Entry[]>();
  for (const entry of entries) {
    const day = dateText(toDate(entry.at));
    const there = days.get(day);
    if (there) there.push(entry);
    else days.set(day, [entry]);
  }
  return days;
}

/** What comes often becomes one bundle of its title (and of its hour, if `hourly`); a few stay as they are. */
export function bundled(entries: readonly Entry[], { many, hourly }: { many: number; hourly: boolean }): Bundle[] {
  const groups = new Map<string, Entry[]>();
  for (const entry of entries) {
    const key = `${entry.tick ? "tick" : "run"} ${entry.title} ${hourly ? toDate(entry.at).getHours() : ""}`;
    const group = groups.get(key);
    if (group) group.push(entry);
    else groups.set(key, [entry]);
  }
  const bundles = [...groups.values()].flatMap((group): Bundle[] => {
    const [first] = group;
    if (!first) return [];
    return group.length < many ? group.map((entry) => ({ title: entry.title, first: entry, entries: [entry] })) : [{ title: first.title, first, entries: group }];
  });
  // What is rare is what one looks for: it goes before what comes all the time.
  return bundles.toSorted((a, b) => Number(a.entries.length > 1) - Number(b.entries.length > 1) || a.first.at - b.first.at);
}

export interface Placed {
  bundle: Bundle;
  /** Minutes since midnight, as clocks show them. */
  top: number;
  minutes: number;
  lane: number;
  lanes: number;
}

const DAY_MINUTES = 24 * 60;

/** Where a day's bundles stand in a column of 24 hours: those that overlap stand beside one another, in so many lanes at most. */
export function placed(bundles: readonly Bundle[], { now, minutesMin, lanesMax }: { now: Micros; minutesMin: number; lanesMax: number }): Placed[] {
  const found = bundles.map((bundle): Placed => {
    const { first, entries } = bundle;
    const date = toDate(first.at);
    const last = entries.at(-1) ?? first;
    const end = entries.length > 1 ? last.at : (first.end ?? (first.run && first.run.started_at != null ? now : first.at));
    const top = Math.min(date.getHours() * 60 + date.getMinutes() + date.getSeconds() / 60, DAY_MINUTES - minutesMin);
    return { bundle, top, minutes: Math.min(DAY_MINUTES - top, Math.max(minutesMin, (end - first.at) / MINUTE)), lane: 0, lanes: 1 };
  });
  const groups: Placed[][] = [];
  let group: Placed[] = [];
  let ends: number[] = [];
  for (const each of found.toSorted((a, b) => a.top - b.top)) {
    if (ends.every((end) => end <= each.top)) {
      [group, ends] = [[], []];
      groups.push(group);
    }
    const free = ends.findIndex((end) => end <= each.top);
    each.lane = free < 0 ? ends.length : free;
    ends[each.lane] = each.top + each.minutes;
    group.push(each);
    for (const one of group) one.lanes = ends.length;
  }
  return groups.flatMap((each) => narrowed(each, lanesMax));
}

/** What does not fit beside the others is one bundle in the last lane. */
function narrowed(group: readonly Placed[], lanesMax: number): Placed[] {
  const kept = group.filter(({ lane }) => lane < lanesMax - 1);
  const rest = group.filter(({ lane }) => lane >= lanesMax - 1);
  const [first] = rest;
  if (!first || first.lanes <= lanesMax) return [...group];
  const entries = rest.flatMap(({ bundle }) => bundle.entries).toSorted((a, b) => a.at - b.at);
  const minutes = Math.max(...rest.map(({ top, minutes: high }) => top + high)) - first.top;
  return [...kept.map((each) => ({ ...each, lanes: lanesMax })), { bundle: { title: "more", first: entries[0] ?? first.bundle.first, entries }, top: first.top, minutes, lane: lanesMax - 1, lanes: lanesMax }];
}

/** How many of the entries are in which state; what is to come counts as SCHEDULED. */
export function countsOf(entries: readonly Entry[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { run } of entries) {
    const type = run?.state.type ?? "SCHEDULED";
    counts[type] = (counts[type] ?? 0) + 1;
  }
  return counts;
}

