import { expect, it } from "vitest";
import { filterOf, windowOf } from "@/pages/runs/filter";
import { DAY } from "@/time/format";

const NOW = 100 * DAY;

it("asks for top-level runs of any time where nothing is chosen", () => expect(filterOf({}, NOW)).toEqual({ top_level: true }));

it("asks for types as types, and turns them into names beside a name", () => {
  expect(filterOf({ state: "FAILED,CRASHED" }, NOW).state_types).toEqual(["FAILED", "CRASHED"]);
  const mixed = filterOf({ state: "CRASHED,Late" }, NOW);
  expect(mixed.state_types).toBeUndefined();
  expect(mixed.state_names).toEqual(["Late", "Crashed"]);
});

it("drops what is no state", () => expect(filterOf({ state: "nonsense" }, NOW)).toEqual({ top_level: true }));

it("asks for a deployment by its flow and name, whatever flow is chosen besides", () =>
  expect(filterOf({ deployment: "etl/nightly", flow: "other" }, NOW)).toEqual({ top_level: true, flow_names: ["etl"], deployments: ["nightly"] }));

it("keeps a dragged stretch before a named one", () => {
  expect(windowOf({ range: "24h", since: "5", until: "9" }, NOW)).toEqual({ since: 5, until: 9 });
  expect(windowOf({ range: "24h" }, NOW)).toEqual({ since: NOW - DAY, until: NOW });
});

it("asks for the oldest first in the language of searches", () => expect(filterOf({ q: "year", sort: "oldest", all: "1" }, NOW)).toEqual({ where: "year sort:oldest" }));

it("hands a search on as it was typed", () => expect(filterOf({ q: "duration>5m", all: "1" }, NOW)).toEqual({ where: "duration>5m" }));
