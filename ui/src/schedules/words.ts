// Schedules as people say them. Pure.

import { DAY, duration, HOUR, MINUTE, SECOND } from "@/time/format";

type Definition = Readonly<Record<string, unknown>>;

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"];

const text = (value: unknown): string => (typeof value === "string" ? value : "");

/** What was written: the expression, the rule, or the interval. */
export function ruleOf(definition: Definition): string {
  if (definition["kind"] === "interval") return intervalWords(Number(definition["interval_us"]));
  return text(definition["cron"]) || text(definition["rrule"]);
}

const UNITS = [["week", 7 * DAY], ["day", DAY], ["hour", HOUR], ["minute", MINUTE], ["second", SECOND]] as const;

/** `every 15 minutes`, `every day`, and what is no whole number of a unit as a duration. */
function intervalWords(interval: number): string {
  const [unit, size] = UNITS.find(([, each]) => interval % each === 0) ?? ["", 0];
  if (size === 0 || interval / size > 999) return `every ${duration(interval)}`;
  return interval === size ? `every ${unit}` : `every ${interval / size} ${unit}s`;
}

/** A schedule in words; the expression itself where words would say less. */
export function wordsOf(definition: Definition): string {
  return definition["kind"] === "cron" ? (cronWords(text(definition["cron"])) ?? ruleOf(definition)) : ruleOf(definition);
}

const isNumber = (part: string): boolean => /^\d+$/.test(part);
const two = (part: string): string => part.padStart(2, "0");

/** A cron of plain numbers and stars in words; null for others. */
export function cronWords(cron: string): string | null {
  const parts = cron.trim().split(/\s+/);
  if (parts.length !== 5) return null;
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = parts;
  const every = /^\*\/(\d+)$/.exec(minute)?.[1];
  const rest = [day, month, weekday].every((part) => part === "*");
  if (rest && hour === "*") {
    if (minute === "*") return "every minute";
    if (every !== undefined) return `every ${every} minutes`;
    return isNumber(minute) ? `every hour at :${two(minute)}` : null;
  }
  const hours = /^\*\/(\d+)$/.exec(hour)?.[1];
  if (rest && hours !== undefined && isNumber(minute)) return `every ${hours} hours at :${two(minute)}`;
  if (!isNumber(minute) || !isNumber(hour)) return null;
  const at = `at ${two(hour)}:${two(minute)}`;
  if (rest) return `every day ${at}`;
  if (day === "*" && month === "*") return weekday === "1-5" ? `on weekdays ${at}` : isNumber(weekday) ? `every ${DAYS[Number(weekday) % 7] ?? weekday} ${at}` : null;
  if (!isNumber(day) || weekday !== "*") return null;
  if (month === "*") return `on day ${day} of every month ${at}`;
  return isNumber(month) ? `every ${day} ${MONTHS[Number(month) - 1] ?? month} ${at}` : null;
}
