// What a JSON Schema asks for, as a form shows it. Pure; what no field stands for is edited as JSON.

export type Schema = Readonly<Record<string, unknown>>;

export type Kind = "text" | "integer" | "number" | "boolean" | "choice" | "date" | "datetime" | "object" | "list" | "json";

export interface Shape {
  kind: Kind;
  /** `null` is a value, too: an empty field means it. */
  nullable: boolean;
  /** What a value has to be, in words. */
  hint: string;
  description: string;
  schema: Schema;
}

const isSchema = (value: unknown): value is Schema => typeof value === "object" && value !== null && !Array.isArray(value);
const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

/** The properties of an object's schema, in their order. */
export const propertiesOf = (schema: Schema): (readonly [string, Schema])[] =>
  isSchema(schema["properties"]) ? Object.entries(schema["properties"]).filter((pair): pair is [string, Schema] => isSchema(pair[1])) : [];

export const requiredOf = (schema: Schema): readonly unknown[] => listOf(schema["required"]);
export const itemOf = (schema: Schema): Schema => (isSchema(schema["items"]) ? schema["items"] : {});
export const choicesOf = (schema: Schema): unknown[] => ("const" in schema ? [schema["const"]] : listOf(schema["enum"]));

/** How a value of a schema is edited; `root` has the definitions that it refers to. */
export function shapeOf(given: Schema, root: Schema): Shape {
  const { schema, nullable } = withoutNull(resolve(given, root), root);
  const kind = kindOf(schema);
  const description = [given["description"], schema["description"]].find((text) => typeof text === "string");
  return { kind, nullable, schema, description: typeof description === "string" ? description : "", hint: hintOf(kind, schema, nullable) };
}

const DEPTH_MAX = 20;

/** What a reference stands for; what is said beside the reference goes before it. */
export function resolve(schema: Schema, root: Schema, depth = 0): Schema {
  const all = listOf(schema["allOf"]);
  const [only] = all;
  if (all.length === 1 && isSchema(only)) return resolve({ ...only, ...without(schema, "allOf") }, root, depth + 1);
  const reference = schema["$ref"];
  if (typeof reference !== "string" || depth > DEPTH_MAX) return schema;
  let target: unknown = root;
  for (const part of reference.replace(/^#\/?/, "").split("/")) target = isSchema(target) ? target[decodeURIComponent(part).replaceAll("~1", "/").replaceAll("~0", "~")] : undefined;
  return isSchema(target) ? resolve({ ...target, ...without(schema, "$ref") }, root, depth + 1) : without(schema, "$ref");
}

const without = (schema: Schema, name: string): Schema => Object.fromEntries(Object.entries(schema).filter(([key]) => key !== name));

/** `X | None` is an X that may be null. */
function withoutNull(schema: Schema, root: Schema): { schema: Schema; nullable: boolean } {
  const types = schema["type"];
  if (Array.isArray(types)) {
    const rest = types.filter((type) => type !== "null");
    return { schema: rest.length === 1 ? { ...schema, type: rest[0] as unknown } : without(schema, "type"), nullable: rest.length < types.length };
  }
  const name = ["anyOf", "oneOf"].find((word) => Array.isArray(schema[word]));
  if (name === undefined) return { schema, nullable: false };
  const branches = listOf(schema[name]).filter(isSchema);
  const rest = branches.filter((branch) => branch["type"] !== "null");
  const [only] = rest;
  if (rest.length !== 1 || only === undefined) return { schema, nullable: rest.length < branches.length };
  const outer = without(schema, name);
  return { schema: { ...resolve(only, root), ...outer }, nullable: rest.length < branches.length };
}

function kindOf(schema: Schema): Kind {
  if (choicesOf(schema).length > 0) return "choice";
  switch (schema["type"]) {
    case "string":
      return schema["format"] === "date" ? "date" : schema["format"] === "date-time" ? "datetime" : "text";
    case "integer": case "number": case "boolean":
      return schema["type"];
    case "array":
      return isSchema(schema["items"]) && !Array.isArray(schema["prefixItems"]) ? "list" : "json";
    case "object":
      return propertiesOf(schema).length > 0 ? "object" : "json";
    default:
      return "json";
  }
}

const LIMITS: readonly (readonly [string, string])[] = [
  ["minimum", "at least"], ["exclusiveMinimum", "more than"], ["maximum", "at most"], ["exclusiveMaximum", "less than"],
  ["minLength", "characters at least"], ["maxLength", "characters at most"], ["minItems", "items at least"], ["maxItems", "items at most"], ["pattern", "like"],
];

function hintOf(kind: Kind, schema: Schema, nullable: boolean): string {
  const words: Record<Kind, string> = {
    text: typeof schema["format"] === "string" ? schema["format"] : "text", integer: "whole number", number: "number", boolean: "yes or no", choice: "one of these", date: "date",
    datetime: "date and time", object: "", list: "list", json: jsonHint(schema),
  };
  const limits = LIMITS.flatMap(([name, word]) => (["string", "number"].includes(typeof schema[name]) ? [`${word} ${String(schema[name])}`] : []));
  return [words[kind], ...limits, ...(nullable ? ["or nothing"] : [])].filter(Boolean).join(", ");
}

function jsonHint(schema: Schema): string {
  const branches = [...listOf(schema["anyOf"]), ...listOf(schema["oneOf"])].filter(isSchema);
  const types = [...new Set(branches.flatMap(({ type, title }) => [type, title].filter((word) => typeof word === "string").slice(0, 1)))];
  if (types.length > 0) return `JSON: ${types.join(" or ")}`;
  return schema["type"] === "array" ? "JSON list" : schema["type"] === "object" ? "JSON object" : "JSON";
}
