// Between a schedule's definition and the form that edits it. Pure.

import type { Definition } from "@/api/queries/schedules";
import type { Schema } from "@/forms/shape";
import { changesOf, isValues, objectOf, settle, type Problems, type Values } from "@/forms/values";
import { DAY, HOUR, MINUTE, SECOND, type Micros } from "@/time/format";
import { instantOf, localText } from "@/time/local";

export const UNITS = [["seconds", SECOND], ["minutes", MINUTE], ["hours", HOUR], ["days", DAY], ["weeks", 7 * DAY]] as const;

export interface ScheduleForm {
  kind: "cron" | "interval" | "rrule";
  slug: string;
  cron: string;
  every: string;
  unit: string;
  anchor: string;
  rrule: string;
  timezone: string;
  catchup: string;
  catchupLimit: string;
  overlap: string;
  jitter: string;
  start: string;
  end: string;
}

const text = (value: unknown, otherwise = ""): string => (typeof value === "string" ? value : otherwise);
const local = (value: unknown): string => (typeof value === "number" ? localText(value) : "");

/** A form to begin with: a schedule as it is, or a new one. */
export function formOf(definition: Definition, zone: string): ScheduleForm {
  const interval = Number(definition["interval_us"] ?? HOUR);
  const [unit, size] = UNITS.findLast(([, each]) => interval % each === 0) ?? UNITS[0];
  const kind = text(definition["kind"], "cron");
  return {
    kind: kind === "interval" || kind === "rrule" ? kind : "cron", slug: text(definition["slug"]), cron: text(definition["cron"], "0 5 * * *"), every: String(interval / size), unit,
    anchor: local(definition["anchor_us"]), rrule: text(definition["rrule"], "FREQ=MONTHLY;BYDAY=-1FR;BYHOUR=17;BYMINUTE=0"), timezone: text(definition["timezone"], zone),
    catchup: text(definition["catchup"], "latest"), catchupLimit: String(Number(definition["catchup_limit"] ?? 100)), overlap: text(definition["overlap"], "allow"),
    jitter: String(Number(definition["jitter_us"] ?? 0) / SECOND), start: local(definition["start_us"]), end: local(definition["end_us"]),
  };
}

export type FormProblems = Partial<Record<keyof ScheduleForm, string>>;

/** What a form means, and what of it cannot be read; whether it fires is for the server to say. */
export function definitionOf(form: ScheduleForm, parameters: Values, before: Definition = {}): { definition: Definition; problems: FormProblems } {
  const problems: FormProblems = {};
  const size = UNITS.find(([name]) => name === form.unit)?.[1] ?? SECOND;
  const when = (name: "anchor" | "start" | "end", known: unknown): Micros | null => {
    // The field shows minutes: what was not touched keeps its seconds.
    if (form[name] === local(known)) return typeof known === "number" ? known : null;
    return form[name] === "" ? null : instantOf(form[name]);
  };
  const whole = (name: "every" | "catchupLimit" | "jitter", times = 1): number => {
    const value = Math.round(Number(form[name]) * times);
    if (form[name].trim() === "" || !Number.isFinite(value)) problems[name] = "is no number";
    return value;
  };
  const rule: Definition = form.kind === "cron" ? { cron: form.cron.trim(), ...("day_or" in before ? { day_or: before["day_or"] } : {}) }
    : form.kind === "rrule" ? { rrule: form.rrule.trim() }
    : { interval_us: whole("every", size), anchor_us: when("anchor", before["anchor_us"]) };
  const definition = {
    kind: form.kind, slug: form.slug.trim(), ...rule, timezone: form.timezone.trim(), catchup: form.catchup, catchup_limit: whole("catchupLimit"), overlap: form.overlap,
    jitter_us: whole("jitter", SECOND), start_us: when("start", before["start_us"]), end_us: when("end", before["end_us"]), parameters,
  };
  return { definition, problems };
}

/** A schedule's own parameters: those that it had, and those that differ from what its deployment says. */
export function ownParameters(draft: Values, schema: Schema, deployment: Values, before: Values): { parameters: Values; problems: Problems } {
  const { value, problems } = settle(draft, schema, schema);
  const given = isValues(value) ? value : {};
  const { changed, problems: emptied } = changesOf(valuesOf(schema, deployment), given);
  const kept = Object.fromEntries(Object.keys(before).flatMap((name) => (name in given ? [[name, given[name]]] : [])));
  return { parameters: { ...kept, ...changed }, problems: { ...problems, ...emptied } };
}

/** What a run gets that says nothing of its own: the function's defaults, and the deployment's over them. */
export const valuesOf = (schema: Schema, deployment: Values): Values => ({ ...objectOf(schema, schema), ...deployment });

const FIELDS: Readonly<Record<string, keyof ScheduleForm>> = {
  cron: "cron", rrule: "rrule", interval: "every", interval_us: "every", anchor_us: "anchor", timezone: "timezone", slug: "slug", catchup: "catchup", catchup_limit: "catchupLimit",
  overlap: "overlap", jitter_us: "jitter", start: "start", start_us: "start", end: "end", end_us: "end",
};

/** Where in the form a refusal belongs; none where no field stands for it. */
export const fieldOf = (name: unknown): keyof ScheduleForm | undefined => (typeof name === "string" ? FIELDS[name] : undefined);

/** A name for a new schedule that no other has. */
export function freeSlug(kind: string, taken: readonly string[]): string {
  let number = 1;
  while (taken.includes(number === 1 ? kind : `${kind}-${number}`)) number += 1;
  return number === 1 ? kind : `${kind}-${number}`;
}
