import { render, screen } from "@testing-library/react";
import { expect, it } from "vitest";
import { isFinal, lookOf } from "@/design/state";
import { StateBadge, StateMark } from "@/design/StateMark";
import { STATE_NAMES, STATE_TYPES, TYPE_LOOKS } from "@/generated/states";

it("tells every type of state by its shape alone", () => {
  const shapes = STATE_TYPES.map((type) => TYPE_LOOKS[type].shape);
  expect(new Set(shapes).size).toBe(shapes.length);
});

it("looks a name up only within its type", () => {
  expect(lookOf("SCHEDULED", "Late")).toBe(STATE_NAMES["Late"]);
  expect(lookOf("FAILED", "Late")).toBe(TYPE_LOOKS.FAILED);
  expect(lookOf("FAILED", "My own failure")).toBe(TYPE_LOOKS.FAILED);
});

it("knows which states are final", () => expect([isFinal("PENDING", "NotReady"), isFinal("RUNNING", "Running"), isFinal("FAILED", "Mine")]).toEqual([true, false, true]));

it("says a state in words", () => {
  render(<><StateBadge state={{ type: "FAILED", name: "TimedOut" }} /><StateMark type="CRASHED" titled /></>);
  expect(screen.getByText("TimedOut")).toBeTruthy();
  expect(screen.getByRole("img", { name: "Crashed" })).toBeTruthy();
});
