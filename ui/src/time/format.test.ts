import { expect, it } from "vitest";
import { byteSize, count, DAY, duration, exactInstant, HOUR, mark, MINUTE, percent, plural, relativeTime, SECOND } from "@/time/format";

it.each([
  [0, "0 µs"], [850, "850 µs"], [1_500, "1.5 ms"], [42_000, "42 ms"], [4.2 * SECOND, "4.2 s"], [59.99 * SECOND, "59 s"],
  [3 * MINUTE + 9 * SECOND, "3m 09s"], [2 * HOUR + 4 * MINUTE, "2h 04m"], [3 * DAY + 4 * HOUR, "3d 4h"], [-5, "0 s"],
])("says a duration of %d µs as %s", (span, said) => expect(duration(span)).toBe(said));

it("says how long ago", () => {
  expect(relativeTime(0, 3 * MINUTE)).toBe("3m ago");
  expect(relativeTime(10 * HOUR, 8 * HOUR)).toBe("in 2h");
  expect(relativeTime(5, 9)).toBe("just now");
});

it("shows the exact instant to the microsecond", () => expect(exactInstant(1_700_000_000_123_456)).toContain("2023-11-14T22:13:20.123456Z"));

it("shortens what is large", () => {
  expect([count(9_312), count(1_250_000), byteSize(999), byteSize(14_200_000), percent(0.9999), percent(1), plural(1, "run"), plural(2, "run")])
    .toEqual(["9,312", "1.3M", "999 B", "14 MB", "99.9%", "100%", "1 run", "2 runs"]);
});

it.each([
  [10_250, 50, "10.25 ms"], [2_000, 1_000, "2 ms"], [2_000_000, 500_000, "2.0 s"], [12_000_000, 2_000_000, "12 s"],
  [61_500_000, 500_000, "1m 01.5s"], [125_000_000, 5_000_000, "2m 05s"], [500_000, 250_000, "500 ms"],
])("marks %d µs on a ruler of %d µs as %s", (span, step, said) => expect(mark(span, step)).toBe(said));
