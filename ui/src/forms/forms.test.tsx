import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { describe, expect, it } from "vitest";
import { ApiError } from "@/api/http";
import { SchemaForm } from "@/forms/SchemaForm";
import { shapeOf } from "@/forms/shape";
import { changesOf, hasField, initialOf, objectOf, problemsOf, settle, Typed, type Draft, type Problems, type Values } from "@/forms/values";

// As pydantic writes it.
const schema = {
  $defs: {
    Color: { enum: ["green", "yellow"], title: "Color", type: "string" },
    Box: { type: "object", title: "Box", properties: { south: { type: "number", default: 40.5, maximum: 90 }, north: { type: "number" } }, required: ["north"] },
    Source: {
      type: "object", title: "Source", description: "Where the trips come from.",
      properties: { url: { type: "string" }, box: { anyOf: [{ $ref: "#/$defs/Box" }, { type: "null" }], default: null }, retries: { type: "integer", default: 3 } }, required: ["url"],
    },
  },
  type: "object",
  properties: {
    year: { type: "integer" },
    months: { type: "array", items: { type: "integer" } },
    source: { $ref: "#/$defs/Source" },
    color: { $ref: "#/$defs/Color", default: "green" },
    note: { anyOf: [{ type: "string" }, { type: "null" }], default: null },
    since: { anyOf: [{ type: "string", format: "date" }, { type: "null" }], default: null },
    labels: { type: "object", additionalProperties: { type: "string" }, default: {} },
    verbose: { type: "boolean", default: false },
  },
  required: ["year", "months", "source"],
};

describe("what a schema asks for", () => {
  const kinds = Object.fromEntries(Object.entries(schema.properties).map(([name, each]) => [name, shapeOf(each, schema)]));
  it("is told by kind, references and optional values taken apart", () => {
    expect(Object.entries(kinds).map(([name, { kind, nullable }]) => `${name}: ${kind}${nullable ? "?" : ""}`)).toEqual([
      "year: integer", "months: list", "source: object", "color: choice", "note: text?", "since: date?", "labels: json", "verbose: boolean",
    ]);
  });
  it("does not follow a reference to itself for ever", () => {
    const loop = { $defs: { A: { $ref: "#/$defs/A" } } };
    expect(shapeOf({ $ref: "#/$defs/A" }, loop).kind).toBe("json");
  });
  it("offers a union of several types as JSON", () => expect(shapeOf({ anyOf: [{ type: "integer" }, { type: "string" }] }, {})).toMatchObject({ kind: "json", hint: "JSON: integer or string" }));
});

describe("values", () => {
  const initial = objectOf(schema, schema);
  it("begin with the defaults, and objects that are needed", () =>
    expect(initial).toEqual({ months: [], source: { box: null, retries: 3 }, color: "green", note: null, since: null, labels: {}, verbose: false }));
  it("have what was typed read by kind, and what is empty left out", () => {
    const draft = { ...initial, year: new Typed(" 2020 "), months: [new Typed("4"), new Typed("")], source: { url: "", retries: new Typed("two"), box: initialOf(schema.$defs.Box, schema) }, labels: new Typed('{"a": "b"}') };
    expect(settle(draft, schema, schema)).toEqual({
      value: { ...initial, year: 2020, months: [4, null], source: { url: "", retries: "two", box: { south: 40.5 } }, labels: { a: "b" } }, problems: {},
    });
  });
  it("say where text is no JSON", () => expect(Object.keys(settle({ labels: new Typed("{a") }, schema, schema).problems)).toEqual(["labels"]));
  it("are sent only where they changed, so that a template stays one", () =>
    expect(changesOf({ month: "{{ period.start.month }}", year: 2020, kept: [1] }, { year: 2021, month: "{{ period.start.month }}" }))
      .toEqual({ changed: { year: 2021 }, problems: { kept: "is empty: type a value" } }));
});

describe("what the server refuses", () => {
  const error = new ApiError(422, "ParameterInvalid", "…", { problems: [["months[1]", "must be integer, not null", null], ["source.box.north", "must be given", null], ["source.box", "must be at most 90 at `south`", {}]] });
  it("is told by the path of each value", () => expect(problemsOf(error)).toEqual({ "months[1]": "must be integer, not null", "source.box.north": "must be given", "source.box.south": "must be at most 90" }));
  it("has a field, or is said above the form", () => {
    expect(["months[1]", "source.box.north", "source.box", "year"].map((path) => hasField(path, schema, schema))).toEqual([true, true, true, true]);
    expect(["$", "colour", "source.uri", "labels.a"].map((path) => hasField(path, schema, schema))).toEqual([false, false, false, false]);
  });
});

function Form({ problems = {}, onValues }: { problems?: Problems; onValues: (values: Values) => void }) {
  const [draft, setDraft] = useState<Draft>({ values: objectOf(schema, schema), wrong: "" });
  onValues(settle(draft.values, schema, schema).value as Values);
  return <SchemaForm label="Parameters" schema={schema} draft={draft} onChange={setDraft} problems={problems} empty="" />;
}

it("is filled in by keyboard: lists grow, objects open, choices are chosen", async () => {
  let values: Values = {};
  const user = userEvent.setup();
  render(<Form onValues={(next) => (values = next)} />);
  await user.type(screen.getByRole("textbox", { name: /^year/ }), "2020");
  await user.click(screen.getByRole("button", { name: "Add to months" }));
  await user.type(screen.getByLabelText("months 1"), "4");
  await user.click(screen.getByRole("button", { name: "Give box" }));
  await user.type(screen.getByRole("textbox", { name: /^north/ }), "41.2");
  await user.selectOptions(screen.getByRole("combobox", { name: /^color/ }), "yellow");
  await user.click(screen.getByRole("checkbox", { name: /^verbose/ }));
  expect(values).toMatchObject({ year: 2020, months: [4], source: { box: { south: 40.5, north: 41.2 } }, color: "yellow", verbose: true });
  await user.click(screen.getByRole("button", { name: "Leave box out" }));
  await user.click(screen.getByRole("button", { name: "Remove months 1" }));
  expect(values).toMatchObject({ months: [], source: { box: null } });
});

it("is edited as JSON, and back", async () => {
  let values: Values = {};
  const user = userEvent.setup();
  render(<Form onValues={(next) => (values = next)} />);
  await user.click(screen.getByRole("button", { name: "JSON" }));
  const area = screen.getByRole("textbox", { name: "Parameters as JSON" });
  await user.clear(area);
  await user.type(area, '{{"year": 2021');
  expect(area.getAttribute("aria-invalid")).toBe("true");
  await user.type(area, "}");
  expect(values).toEqual({ year: 2021 });
  await user.click(screen.getByRole("button", { name: "Form" }));
  expect(screen.getByRole<HTMLInputElement>("textbox", { name: /^year/ }).value).toBe("2021");
});

it("says what is wrong at the field, and above the form what has none", () => {
  render(<Form problems={{ year: "must be given (integer)", "source.url": "must be text", colour: "is not known" }} onValues={() => undefined} />);
  expect(screen.getByText("year must be given (integer)")).toBeTruthy();
  expect(screen.getByRole("textbox", { name: /^year/ }).getAttribute("aria-invalid")).toBe("true");
  expect(screen.getByText("url must be text")).toBeTruthy();
  expect(screen.getByText("colour").closest("[role=alert]")?.textContent).toBe("colour is not known");
});
