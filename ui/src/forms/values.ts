// Between what a form holds while somebody types, and the JSON that it means. Pure.

import { ApiError } from "@/api/http";
import { choicesOf, itemOf, propertiesOf, requiredOf, resolve, shapeOf, type Schema } from "@/forms/shape";

/** What was typed into a field whose value is no text, not read yet. */
export class Typed {
  constructor(readonly text: string) {}
}

export type Values = Readonly<Record<string, unknown>>;
/** What is wrong, by the path of the value: `trips[0].zone`. */
export type Problems = Readonly<Record<string, string>>;

export const isValues = (value: unknown): value is Values => typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Typed);

export const within = (path: string, part: string | number): string => (typeof part === "number" ? `${path}[${part}]` : path ? `${path}.${part}` : part);

/** What a form begins with: the schema's defaults, and objects to fill in. */
export function initialOf(schema: Schema, root: Schema): unknown {
  if ("default" in schema) return schema["default"];
  const shape = shapeOf(schema, root);
  if ("default" in shape.schema) return shape.schema["default"];
  if (shape.nullable) return null;
  if (shape.kind === "list") return [];
  if (shape.kind === "boolean") return false;
  if (shape.kind === "object") return objectOf(shape.schema, root);
  return "const" in shape.schema ? choicesOf(shape.schema)[0] : undefined;
}

/** An object to fill in: what is needed, and what has a default. */
export function objectOf(schema: Schema, root: Schema): Values {
  return Object.fromEntries(propertiesOf(schema).flatMap(([name, property]) => {
    const isNeeded = requiredOf(schema).includes(name) || "default" in property;
    const value = isNeeded ? initialOf(property, root) : undefined;
    return value === undefined ? [] : [[name, value]];
  }));
}

/** What a form holds: values, and what is wrong with the text where they are edited as JSON. */
export interface Draft {
  values: Values;
  wrong: string;
}

export interface Settled {
  value: unknown;
  problems: Problems;
}

/** The JSON that a form means: typed numbers read, empty fields left out. Whether it fits is for the server to say. */
export function settle(draft: unknown, schema: Schema, root: Schema, path = ""): Settled {
  const shape = shapeOf(schema, root);
  if (shape.kind === "json" || draft instanceof Typed) return settleTyped(draft, shape.kind === "json", shape.nullable, path);
  if (draft === "" && shape.kind !== "text") return { value: shape.nullable ? null : undefined, problems: {} };
  if (shape.kind === "list" && Array.isArray(draft)) {
    const items = draft.map((item, place) => settle(item, itemOf(shape.schema), root, within(path, place)));
    return { value: items.map(({ value }) => (value === undefined ? null : value)), problems: Object.assign({}, ...items.map(({ problems }) => problems)) as Problems };
  }
  if (shape.kind === "object" && isValues(draft)) {
    const known = new Map(propertiesOf(shape.schema));
    const parts = Object.entries(draft).map(([name, part]) => [name, settle(part, known.get(name) ?? {}, root, within(path, name))] as const);
    return {
      value: Object.fromEntries(parts.filter(([, part]) => part.value !== undefined).map(([name, part]) => [name, part.value])),
      problems: Object.assign({}, ...parts.map(([, part]) => part.problems)) as Problems,
    };
  }
  return { value: draft, problems: {} };
}

function settleTyped(draft: unknown, isJson: boolean, nullable: boolean, path: string): Settled {
  if (!(draft instanceof Typed)) return { value: draft, problems: {} };
  const text = draft.text.trim();
  if (text === "") return { value: nullable ? null : undefined, problems: {} };
  if (isJson) {
    try {
      return { value: JSON.parse(text) as unknown, problems: {} };
    } catch (error) {
      return { value: undefined, problems: { [path]: `is no JSON: ${error instanceof Error ? error.message : ""}` } };
    }
  }
  // What is no number stays text: the server says what it should have been, and a template is no number either.
  return { value: /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text)) ? Number(text) : text, problems: {} };
}

/** The values that differ from those there were; one that was emptied and must not be is a problem. */
export function changesOf(before: Values, after: Values): { changed: Values; problems: Problems } {
  const changed = Object.fromEntries(Object.entries(after).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
  const emptied = Object.keys(before).filter((name) => !(name in after));
  return { changed, problems: Object.fromEntries(emptied.map((name) => [name, "is empty: type a value"])) };
}

/** What a refusal says of single values. */
export function problemsOf(error: unknown): Problems {
  const said = error instanceof ApiError ? error.facts["problems"] : undefined;
  if (!Array.isArray(said)) return {};
  return Object.fromEntries(said.flatMap((problem: unknown) => {
    if (!Array.isArray(problem) || typeof problem[0] !== "string" || typeof problem[1] !== "string") return [];
    // Of a value that may be of several types, the place within it stands in the text.
    const [path, text] = [problem[0], problem[1]];
    const [, expectation, place] = /^(.*) at `([^`]+)`$/s.exec(text) ?? [];
    return [expectation !== undefined && place !== undefined ? [place.startsWith("[") ? `${path}${place}` : within(path, place), expectation] : [path, text]];
  }));
}

/** Whether a form of a schema has a field of this path; what has none is said above the form. */
export function hasField(path: string, schema: Schema, root: Schema): boolean {
  const [first = "", ...rest] = path.split(/\.|(?=\[)/);
  const shape = shapeOf(schema, root);
  const next = first.startsWith("[") ? (shape.kind === "list" ? itemOf(shape.schema) : undefined) : propertiesOf(shape.schema).find(([name]) => name === first)?.[1];
  if (next === undefined) return false;
  return rest.length === 0 || shapeOf(next, root).kind === "json" ? rest.length === 0 : hasField(rest.join(".").replaceAll(".[", "["), resolve(next, root), root);
}
