import { describe, expect, it } from "vitest";
import { Typed } from "@/forms/values";
import { definitionOf, fieldOf, formOf, freeSlug, ownParameters, valuesOf } from "@/schedules/form";
import { cronWords, ruleOf, wordsOf } from "@/schedules/words";
import { HOUR, MINUTE, SECOND } from "@/time/format";
import { localText } from "@/time/local";

it.each([
  ["0 5 * * *", "every day at 05:00"], ["* * * * *", "every minute"], ["*/15 * * * *", "every 15 minutes"], ["7 * * * *", "every hour at :07"], ["30 */6 * * *", "every 6 hours at :30"],
  ["5 4 * * 1", "every Monday at 04:05"], ["0 9 * * 1-5", "on weekdays at 09:00"], ["0 5 1 * *", "on day 1 of every month at 05:00"], ["0 0 24 12 *", "every 24 December at 00:00"], ["0 0 * * 7", "every Sunday at 00:00"],
])("says the cron %s as %s", (cron, words) => expect(cronWords(cron)).toBe(words));

it.each(["0 5 1 * 1", "0 9-17 * * *", "0 5 * *", "@daily", "0 5 * * mon"])("leaves %s as it is written rather than say less", (cron) => {
  expect(cronWords(cron)).toBeNull();
  expect(wordsOf({ kind: "cron", cron })).toBe(cron);
});

it("says intervals and rules", () => expect([ruleOf({ kind: "interval", interval_us: 90 * SECOND }), ruleOf({ kind: "interval", interval_us: 15 * MINUTE }), ruleOf({ kind: "interval", interval_us: 1_500_000 }), ruleOf({ kind: "interval", interval_us: HOUR }), wordsOf({ kind: "rrule", rrule: "FREQ=DAILY" })]).toEqual(["every 90 seconds", "every 15 minutes", "every 1.5 s", "every hour", "FREQ=DAILY"]));

describe("the form of a schedule", () => {
  const whole = {
    kind: "interval", slug: "often", cron: null, rrule: null, interval_us: 90 * MINUTE, anchor_us: 1_700_000_000_123_456, timezone: "Europe/Berlin", catchup: "all", catchup_limit: 7,
    overlap: "queue", jitter_us: 1_500_000, start_us: null, end_us: null, parameters: { month: "{{ period.start.month }}" },
  };
  it("gives back what it was given, to the microsecond where nobody typed", () => {
    const { definition, problems } = definitionOf(formOf(whole, "UTC"), whole.parameters, whole);
    expect({ ...definition, cron: null, rrule: null }).toEqual(whole);
    expect(problems).toEqual({});
  });
  it("has only the rule of its kind", () => {
    const { definition } = definitionOf({ ...formOf(whole, "UTC"), kind: "cron", cron: " 0 5 * * * " }, {}, whole);
    expect(definition).toMatchObject({ kind: "cron", cron: "0 5 * * *" });
    expect(Object.keys(definition)).not.toContain("interval_us");
  });
  it("reads what was typed", () => {
    const end = 1_800_000_000_000_000 - (1_800_000_000_000_000 % MINUTE);
    expect(definitionOf({ ...formOf(whole, "UTC"), every: "2", unit: "hours", anchor: "", end: localText(end) }, {}).definition).toMatchObject({ interval_us: 2 * HOUR, anchor_us: null, end_us: end });
  });
  it("says where something cannot be read", () =>
    expect(Object.keys(definitionOf({ ...formOf({}, "UTC"), kind: "interval", every: "often", jitter: "" }, {}).problems).toSorted()).toEqual(["every", "jitter"]));
  it("keeps of the parameters what it had, and what differs from the deployment's", () => {
    const schema = { type: "object", properties: { year: { type: "integer", default: 2021 }, month: { type: "integer", default: 1 }, color: { type: "string", default: "yellow" }, note: { type: "string" } } };
    const deployment = { color: "green" };
    const before = { month: "{{ period.start.month }}", note: "old" };
    const draft = { ...valuesOf(schema, deployment), ...before };
    expect(ownParameters(draft, schema, deployment, before)).toEqual({ parameters: before, problems: {} });
    expect(ownParameters({ ...draft, year: new Typed("{{ period.start.year }}"), month: 1 }, schema, deployment, before).parameters).toEqual({ month: 1, note: "old", year: "{{ period.start.year }}" });
    expect(ownParameters(valuesOf(schema, deployment), schema, deployment, {}).parameters).toEqual({});
    expect(Object.keys(ownParameters({ ...draft, year: new Typed("") }, schema, deployment, before).problems)).toEqual(["year"]);
  });
  it("places refusals", () => expect([fieldOf("interval_us"), fieldOf("timezone"), fieldOf("nonsense"), fieldOf(undefined)]).toEqual(["every", "timezone", undefined, undefined]));
  it("finds a name", () => expect([freeSlug("cron", []), freeSlug("cron", ["cron", "cron-2"])]).toEqual(["cron", "cron-3"]));
});
