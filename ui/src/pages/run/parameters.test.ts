import { describe, expect, it } from "vitest";
import { changesOf } from "@/pages/run/parameters";

const recorded = { year: 2020, months: [4, 5], color: "green", code: "12", table: { $penstock: { type: "Table", size: 9 } } };

describe("parameters that are typed over", () => {
  it("sends only what changed", () => {
    expect(changesOf(recorded, { year: "2020", months: "[4, 5]", color: "green" })).toEqual({});
    expect(changesOf(recorded, { year: "2021", months: "[6]" })).toEqual({ year: 2021, months: [6] });
  });

  it("leaves a text a text, also one of digits", () => {
    expect(changesOf(recorded, { code: "13", color: "" })).toEqual({ code: "13", color: "" });
  });

  it("takes what is no JSON for text, and nothing for a mistake", () => {
    expect(changesOf(recorded, { year: "next" })).toEqual({ year: "next" });
    expect(changesOf(recorded, { year: " " })).toContain("year is empty");
  });
});
