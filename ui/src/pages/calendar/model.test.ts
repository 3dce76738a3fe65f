import { describe, expect, it } from "vitest";
import type { FlowRun, UpcomingTick } from "@/api/types";
import { bundled, byDay, countsOf, dayOf, daysOf, entriesOf, microsOf, placed, turned, type Entry } from "@/pages/calendar/model";
import { HOUR, MINUTE } from "@/time/format";
import { dateText } from "@/time/local";

const at = (day: number, hour: number, minute = 0): number => microsOf(new Date(2026, 10, day, hour, minute));
const tick = (when: number, title = "nightly"): Entry => ({ id: `${title}${when}`, at: when, end: null, title, tick: {} as UpcomingTick });
const run = (when: number, end: number | null, title = "nightly", type = "COMPLETED"): Entry =>
  ({ id: `${title}${when}`, at: when, end, title, run: { started_at: when, state: { type } } as FlowRun });

describe("the days of a view", () => {
  it("are whole weeks from Monday around a month", () => {
    const days = daysOf("month", new Date(2026, 10, 21)).map(dateText);
    expect([days[0], days.at(-1), days.length]).toEqual(["2026-10-26", "2026-12-06", 42]);
  });
  it("are one each also where clocks change", () => {
    for (const month of [2, 9]) {
      const days = daysOf("month", new Date(2026, month, 15)).map(dateText);
      expect(new Set(days).size).toBe(days.length);
      expect(days.length % 7).toBe(0);
    }
  });
  it("are a week, or one", () => {
    expect(daysOf("week", new Date(2026, 10, 22)).map(dateText)).toEqual(["16", "17", "18", "19", "20", "21", "22"].map((day) => `2026-11-${day}`));
    expect(daysOf("day", new Date(2026, 10, 22, 9)).map(dateText)).toEqual(["2026-11-22"]);
  });
  it("turn by month, week and day; a month's end leads to the next month", () => {
    expect(["month", "week", "day"].map((view) => dateText(turned(view as "day", new Date(2026, 0, 31), 1)))).toEqual(["2026-02-01", "2026-02-07", "2026-02-01"]);
  });
  it("begin with today where the address names no day", () => {
    expect([dayOf("2026-02-03", new Date()), dayOf("nonsense", new Date(2026, 4, 5, 6)), dayOf(undefined, new Date(2026, 4, 5))].map(dateText)).toEqual(["2026-02-03", "2026-05-05", "2026-05-05"]);
  });
});

it("puts runs where they began, or will, and ticks behind one another in order", () => {
  const waits = { id: "w", flow_name: "etl", deployment: null, started_at: null, expected_start_at: 50, created_at: 1, ended_at: null } as FlowRun;
  const coming = { deployment_id: "d", slug: "s", fire_at: 40, at: 45, deployment_name: "nightly" } as UpcomingTick;
  expect(entriesOf([waits], [coming]).map(({ at: when, title }) => [when, title])).toEqual([[45, "nightly"], [50, "etl"]]);
});

it("sorts entries into the days of the viewer", () => expect([...byDay([tick(at(3, 0)), tick(at(3, 23, 59)), tick(at(4, 0))]).entries()].map(([day, all]) => [day, all.length])).toEqual([["2026-11-03", 2], ["2026-11-04", 1]]));

describe("what comes often", () => {
  const often = Array.from({ length: 8 }, (_, place) => tick(at(3, 8, place * 15), "often"));
  it("is one bundle, after what is rare", () => expect(bundled([...often, tick(at(3, 9))], { many: 4, hourly: false }).map(({ title, entries }) => [title, entries.length])).toEqual([["nightly", 1], ["often", 8]]));
  it("is one of each hour", () => expect(bundled(often, { many: 4, hourly: true }).map(({ entries }) => entries.length)).toEqual([4, 4]));
  it("keeps what was apart from what will be", () => expect(bundled([run(at(3, 7), at(3, 8), "often"), ...often.slice(0, 3)], { many: 2, hourly: false }).map(({ entries }) => entries.length)).toEqual([1, 3]));
  it("counts states", () => expect(countsOf([run(1, 2), run(1, 2, "x", "FAILED"), tick(5)])).toEqual({ COMPLETED: 1, FAILED: 1, SCHEDULED: 1 }));
});

describe("a column of hours", () => {
  const columns = (entries: Entry[], now = at(3, 12)) => placed(bundled(entries, { many: 9, hourly: true }), { now, minutesMin: 20, lanesMax: 3 }).map(({ top, minutes, lane, lanes }) => [top, Math.round(minutes), lane, lanes]);
  it("has what overlaps beside one another, and the next alone again", () =>
    expect(columns([run(at(3, 1), at(3, 3), "a"), run(at(3, 2), at(3, 2, 30), "b"), run(at(3, 2, 45), at(3, 4), "c"), run(at(3, 6), at(3, 7), "d")]))
      .toEqual([[60, 120, 0, 2], [120, 30, 1, 2], [165, 75, 1, 2], [360, 60, 0, 1]]));
  it("has what still runs up to now, and short ones high enough to read", () =>
    expect(columns([run(at(3, 10), null), run(at(3, 5), at(3, 5) + MINUTE)])).toEqual([[300, 20, 0, 1], [600, 120, 0, 1]]));
  it("has what finds no room beside the others as one bundle", () => {
    const crowd = ["a", "b", "c", "d", "e"].map((title, place) => run(at(3, 1, place), at(3, 2), title));
    const found = placed(bundled(crowd, { many: 9, hourly: true }), { now: at(3, 12), minutesMin: 20, lanesMax: 3 });
    expect(found.map(({ bundle, lane, lanes }) => [bundle.title, bundle.entries.length, lane, lanes])).toEqual([["a", 1, 0, 3], ["b", 1, 1, 3], ["more", 3, 2, 3]]);
  });
  it("ends at midnight", () => expect(columns([run(at(3, 23, 50), at(3, 23, 50) + 5 * HOUR)])).toEqual([[1420, 20, 0, 1]]));
});
